use serde_json::json;

use crate::server::TestServer;

/// Pages through the list and gives the names in the order in which they came.
async fn walk(server: &TestServer, order: &str, forward: &str, limit: usize) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    for _ in 0..20 {
        let page = server.caller().get(&format!("/organizations?limit={limit}&order={order}{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert_eq!(page.body["object"], "list");
        assert_eq!(page.body["list_metadata"], page.body["listMetadata"]);
        names.extend(page.body["data"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap().to_owned()));
        match &page.body["list_metadata"][forward] {
            serde_json::Value::Null => return names,
            next => cursor = format!("&{forward}={}", next.as_str().unwrap()),
        }
    }
    panic!("the list has no end");
}

#[tokio::test]
async fn lists_page_in_every_order() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        ids.push(server.organization(name).await);
    }
    for limit in [1, 2, 3, 5, 100] {
        assert_eq!(walk(&server, "desc", "after", limit).await, ["e", "d", "c", "b", "a"], "{limit}");
        assert_eq!(walk(&server, "asc", "after", limit).await, ["a", "b", "c", "d", "e"], "{limit}");
        assert_eq!(walk(&server, "normal", "before", limit).await, ["e", "d", "c", "b", "a"], "{limit}");
    }
    // Back from the end: the page beside the cursor, in the list's own order.
    let page = server.caller().get(&format!("/organizations?order=desc&limit=2&before={}", ids[0])).await;
    assert_eq!(page.ids(), [&ids[2], &ids[1]]);
    let both = server.caller().get(&format!("/organizations?order=asc&after={}&before={}", ids[0], ids[3])).await;
    assert_eq!(both.ids(), [&ids[1], &ids[2]]);
    server.stop().await;
}

#[tokio::test]
async fn an_empty_page_ends_with_null() {
    let server = TestServer::start().await;
    let page = server.caller().get("/organizations?").await;
    let end = json!({"before": null, "after": null});
    assert_eq!(page.body, json!({"object": "list", "data": [], "list_metadata": end, "listMetadata": end}));
    server.stop().await;
}

#[tokio::test]
async fn wrong_parameters_are_refused_by_name() {
    let server = TestServer::start().await;
    for path in ["/organizations", "/audit_logs/actions"] {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("order=up", "order"),
            ("after=x", "after"),
            ("before=org_x", "before"),
        ] {
            let reply = server.caller().get(&format!("{path}?{query}")).await;
            assert_eq!((reply.status.as_u16(), &reply.body["errors"][0]["field"]), (422, &json!(field)), "{path}?{query}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn every_encoding_of_domains_gives_the_same_page() {
    let server = TestServer::start().await;
    for domain in ["a.com", "b.com", "c.com"] {
        let made = server
            .caller()
            .post("/organizations", json!({"name": domain, "domain_data": [{"domain": domain, "state": "verified"}]}))
            .await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let expected = server.caller().get("/organizations?domains=a.com,c.com").await;
    assert_eq!(expected.ids().len(), 2);
    for query in [
        "domains=a.com%2Cc.com",
        "domains=a.com&domains=c.com",
        "domains[]=a.com&domains[]=c.com",
        "domains%5B%5D=a.com&domains%5B%5D=c.com",
        "domains=C.com&domains=A.com",
    ] {
        assert_eq!(server.caller().get(&format!("/organizations?{query}")).await.body, expected.body, "{query}");
    }
    assert_eq!(server.caller().get("/organizations?domains=").await.ids().len(), 3);
    assert_eq!(server.caller().get("/organizations?search=A.CO").await.ids().len(), 1);
    server.stop().await;
}
