use std::time::Duration;

use annals_engine::FlushSettings;
use annals_server::Config;
use serde_json::{Value, json};

use crate::server::{Caller, Reply, TestServer, check_refused};

const LOG: &str = "/v1/audit_logs";

/// An entry that a user's request to an application leaves. `n` makes it differ in everything that can be filtered.
fn entry(n: u32) -> Value {
    json!({
        "action": format!("thing.verb_{n}"), "actor": {"id": format!("user_{n}"), "type": "user", "name": "Ann"},
        "client_ip": format!("203.0.113.{n}"), "method": if n.is_multiple_of(2) { "GET" } else { "POST" },
        "path": format!("/Things/{n}"), "status_code": 200 + n % 3, "user_agent": "curl/8",
        "target": {"id": format!("thing_{n}"), "type": format!("kind_{n}")},
        "created_at": format!("2026-01-01T00:00:{:02}.123456Z", 10 + n)
    })
}

/// Entries 0 to 9, in the tail; and another server that has half of them in its lake.
async fn published() -> [TestServer; 2] {
    let at_once = FlushSettings { records: 1, age: Duration::from_secs(3600) };
    let flushing = TestServer::start_on(Config::default(), |settings| settings.flush = at_once).await;
    let servers = [TestServer::start().await, flushing];
    for numbers in [0..5, 5..10] {
        for server in &servers {
            let reply = server.caller().post(LOG, json!(numbers.clone().map(entry).collect::<Vec<_>>())).await;
            assert_eq!(reply.status, 201, "{reply:?}");
            assert!(reply.body["results"].as_array().unwrap().iter().all(|r| r["status"] == "stored"), "{reply:?}");
        }
        tokio::time::sleep(Duration::from_millis(if numbers.start == 0 { 800 } else { 0 })).await;
    }
    servers
}

pub fn items(reply: &Reply) -> &Vec<Value> {
    reply.body["items"].as_array().unwrap_or_else(|| panic!("{reply:?}"))
}

fn actions(reply: &Reply) -> Vec<&str> {
    items(reply).iter().map(|item| item["action"].as_str().unwrap()).collect()
}

fn numbers(reply: &Reply) -> Vec<u32> {
    actions(reply).iter().map(|action| action.rsplit('_').next().unwrap().parse().unwrap()).collect()
}

fn cursor(reply: &Reply, name: &str) -> Option<String> {
    match &reply.body["pagination"][name] {
        Value::Null => None,
        text => Some(text.as_str().filter(|text| !text.is_empty()).expect("a cursor is a text").to_owned()),
    }
}

#[tokio::test]
async fn what_was_published_is_read() {
    let at_once = FlushSettings { records: 1, age: Duration::from_secs(3600) };
    let server = TestServer::start_on(Config::default(), |settings| settings.flush = at_once).await;
    let organization = server.organization("Foo").await;
    let mut sent = entry(1);
    sent["organization_id"] = json!(organization);
    let stored = server.caller().post(LOG, sent.clone()).await;
    assert_eq!((stored.status.as_u16(), &stored.body["status"]), (201, &json!("stored")), "{stored:?}");
    let id = stored.body["id"].as_str().unwrap();
    let read = server.caller().get(&format!("{LOG}/{id}")).await;
    let expected = json!({
        "id": id, "action": "thing.verb_1", "actor": {"id": "user_1", "name": "Ann", "type": "user"}, "client_ip": "203.0.113.1",
        "created_at": "2026-01-01T00:00:11.123Z", "method": "POST", "path": "/Things/1", "status_code": 201, "user_agent": "curl/8",
        "target": {"id": "thing_1", "type": "kind_1"}, "organization_id": organization
    });
    assert_eq!((read.status.as_u16(), &read.body), (200, &expected));
    let list = server.caller().get(&format!("{LOG}?action=thing.verb_1")).await;
    let pagination = json!({"next_cursor": null, "previous_cursor": null, "total_count": 1});
    assert_eq!(list.body, json!({"items": [expected.clone()], "pagination": pagination}));

    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(server.caller().get(&format!("{LOG}/{id}")).await.body, expected, "out of the lake");

    let least = json!({"action": "a", "actor": {"id": "k", "type": "api_key"}, "client_ip": "::1", "method": "patch", "path": "/", "status_code": 599});
    let stored = server.caller().post(LOG, least).await;
    let read = server.caller().get(&format!("{LOG}/{}", stored.body["id"].as_str().unwrap())).await;
    for (member, value) in
        [("target", Value::Null), ("user_agent", json!("")), ("organization_id", Value::Null), ("method", json!("PATCH"))]
    {
        assert_eq!(read.body[member], value, "{member}");
    }
    assert!(read.body["created_at"].as_str().unwrap() > "2026-01-02", "now");
    server.stop().await;
}

#[tokio::test]
async fn every_filter_narrows() {
    for server in published().await {
        check_filters(&server).await;
        server.stop().await;
    }
}

async fn check_filters(server: &TestServer) {
    for (query, expected) in [
        ("action=thing.verb_3", &[3][..]),
        ("action=thing.verb", &[]),
        ("actor_id=user_4", &[4]),
        ("actor_type=user", &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ("actor_type=api_key&action=thing.verb_1", &[]),
        ("client_ip=203.0.113.5", &[5]),
        ("created_at_min=2026-01-01T00:00:17.123Z&actor_type=user", &[9, 8, 7]),
        // The shown time, which is shorter than the kept one, is inside.
        ("created_at_max=2026-01-01T00:00:12.123Z", &[2, 1, 0]),
        ("created_at_max=2026-01-01T00:00:12Z", &[1, 0]),
        ("created_at_min=2026-01-01T01:00:11%2B01:00&created_at_max=2026-01-01T00:00:13Z", &[2, 1]),
        ("method=get", &[8, 6, 4, 2, 0]),
        ("method=POST&actor_type=user", &[9, 7, 5, 3, 1]),
        ("path=THINGS/7", &[7]),
        ("path=%25", &[]),
        ("status_code_min=202&actor_type=user", &[8, 5, 2]),
        ("status_code_max=200&actor_type=user", &[9, 6, 3, 0]),
        ("status_code_min=201&status_code_max=201&actor_type=user", &[7, 4, 1]),
        ("status_code_min=203&status_code_max=200", &[]),
        ("target_id=thing_6", &[6]),
        ("target_type=kind_6", &[6]),
        ("target_type=kind_6&target_id=thing_7", &[]),
        ("method=GET&status_code_min=201", &[8, 4, 2]),
        ("organization_id=org_01EHWNCE74X7JSDV0X3SZ3KJNY", &[]),
    ] {
        let reply = server.caller().get(&format!("{LOG}?{query}")).await;
        assert_eq!((reply.status.as_u16(), numbers(&reply).as_slice()), (200, expected), "{query}: {reply:?}");
        assert_eq!(reply.body["pagination"]["total_count"], expected.len(), "{query}");
    }
    let empty = "actor_type=user&action=&actor_id=&client_ip&created_at_min=&created_at_max=&cursor=&limit=&method=&path=&sort=\
                 &status_code_min=&status_code_max=&target_id=&target_type=&organization_id=&unknown=1";
    assert_eq!(numbers(&server.caller().get(&format!("{LOG}?{empty}")).await).len(), 10, "a key without a value is absent");
}

/// All pages from the first to the last, then back to the first.
async fn walk(caller: &Caller<'_>, query: &str, limit: usize) -> (Vec<u32>, Vec<u32>) {
    let path = format!("{LOG}?{query}&limit={limit}");
    let (mut forward, mut page) = (Vec::new(), caller.get(&path).await);
    assert_eq!(cursor(&page, "previous_cursor"), None, "{page:?}");
    loop {
        assert!(items(&page).len() <= limit, "{page:?}");
        forward.extend(numbers(&page));
        let Some(next) = cursor(&page, "next_cursor") else { break };
        assert!(forward.len() < 100, "the list has no end");
        page = caller.get(&format!("{path}&cursor={next}")).await;
    }
    let mut pages = vec![numbers(&page)];
    while let Some(previous) = cursor(&page, "previous_cursor") {
        page = caller.get(&format!("{path}&cursor={previous}")).await;
        assert!(cursor(&page, "next_cursor").is_some(), "{page:?}");
        pages.push(numbers(&page));
    }
    (forward, pages.into_iter().rev().flatten().collect())
}

#[tokio::test]
async fn every_order_pages_to_the_end_and_back() {
    for server in published().await {
        check_orders(&server).await;
        server.stop().await;
    }
}

async fn check_orders(server: &TestServer) {
    for (sort, expected) in [
        ("", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ("created_at:desc", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ("created_at:asc", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("status_code:asc", [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]),
        ("status_code:desc", [8, 5, 2, 7, 4, 1, 9, 6, 3, 0]),
        ("status_code:asc,created_at:desc", [9, 6, 3, 0, 7, 4, 1, 8, 5, 2]),
        ("status_code:desc,created_at:asc", [2, 5, 8, 1, 4, 7, 0, 3, 6, 9]),
        ("created_at:asc,status_code:desc", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ] {
        for limit in [1, 3, 5, 10, 100] {
            let (forward, back) = walk(&server.caller(), &format!("actor_type=user&sort={sort}"), limit).await;
            assert_eq!(forward, expected, "{sort} by {limit}");
            assert_eq!(back, expected, "{sort} by {limit}, back");
        }
    }
}

#[tokio::test]
async fn entries_of_one_time_are_told_apart() {
    let server = TestServer::start().await;
    let same = |n| {
        let mut entry = entry(n);
        entry["created_at"] = json!("2026-01-01T00:00:00Z");
        entry
    };
    server.caller().post(LOG, json!((0..7).map(same).collect::<Vec<_>>())).await;
    let (forward, back) = walk(&server.caller(), "actor_type=user", 2).await;
    assert_eq!((forward.as_slice(), back.as_slice()), (&[6, 5, 4, 3, 2, 1, 0][..], &[6, 5, 4, 3, 2, 1, 0][..]));
    server.stop().await;
}

/// Entries that come while somebody pages appear at the head: no page repeats or skips one.
#[tokio::test]
async fn new_entries_do_not_move_a_page() {
    for server in published().await {
        let page = async |more: &str| server.caller().get(&format!("{LOG}?actor_type=user&limit=4{more}")).await;
        let first = page("").await;
        server.caller().post(LOG, entry(11)).await;
        let second = page(&format!("&cursor={}", cursor(&first, "next_cursor").unwrap())).await;
        assert_eq!((numbers(&first), numbers(&second)), (vec![9, 8, 7, 6], vec![5, 4, 3, 2]));
        let back = page(&format!("&cursor={}", cursor(&second, "previous_cursor").unwrap())).await;
        assert_eq!(numbers(&back), [9, 8, 7, 6]);
        assert!(cursor(&back, "previous_cursor").is_some(), "the new one is before it");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters_its_sort_and_its_caller() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let (_, key) = server.organization_key(&organization).await;
    let entries = (0..4).map(|n| {
        let mut entry = entry(n);
        entry["organization_id"] = json!(organization);
        entry
    });
    server.caller().post(LOG, json!(entries.collect::<Vec<_>>())).await;
    let page = server.caller().get(&format!("{LOG}?actor_type=user&limit=2&sort=created_at:desc")).await;
    let next = cursor(&page, "next_cursor").unwrap();
    // The limit may change, and the default sort may be spelt out or not.
    for query in ["actor_type=user&limit=1", "limit=100&actor_type=user&sort=created_at:desc"] {
        assert_eq!(server.caller().get(&format!("{LOG}?{query}&cursor={next}")).await.status, 200, "{query}");
    }
    let refused = |reply: Reply, what: &str| {
        assert_eq!((reply.status.as_u16(), &reply.body["code"]), (400, &json!("invalid_cursor")), "{what}: {reply:?}");
    };
    for query in [
        "",
        "actor_type=api_key",
        "actor_type=user&action=thing.verb_1",
        "actor_type=user&sort=created_at:asc",
        "actor_type=user&sort=created_at:desc,status_code:desc",
        "actor_type=user&path=/",
        "actor_type=user&created_at_min=2026-01-01",
    ] {
        refused(server.caller().get(&format!("{LOG}?{query}&cursor={next}")).await, query);
    }
    refused(server.with_key(&key).get(&format!("{LOG}?actor_type=user&cursor={next}")).await, "another caller");
    for text in ["x", "null", &next[1..], &format!("{next}0"), "%00", &"z".repeat(5000)] {
        refused(server.caller().get(&format!("{LOG}?actor_type=user&cursor={text}")).await, text);
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_parameters_are_400() {
    let server = TestServer::start().await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("sort=path:asc", "sort"),
        ("sort=created_at", "sort"),
        ("sort=created_at:up", "sort"),
        ("sort=created_at:ASC", "sort"),
        ("sort=created_at:asc,", "sort"),
        ("sort=created_at:asc,created_at:desc", "sort"),
        ("created_at_min=yesterday", "created_at_min"),
        ("created_at_max=2026-13-01T00:00:00Z", "created_at_max"),
        ("status_code_min=ok", "status_code_min"),
        ("status_code_max=-1", "status_code_max"),
        ("status_code_max=70000", "status_code_max"),
        ("actor_type=robot", "actor_type"),
        ("organization_id=Foo", "organization_id"),
    ] {
        let reply = server.caller().get(&format!("{LOG}?{query}")).await;
        assert_eq!((reply.status.as_u16(), &reply.body["code"]), (400, &json!("invalid_parameter")), "{query}: {reply:?}");
        assert!(reply.message().starts_with(name), "{query}: {reply:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_organization_sees_its_own_entries_only() {
    let server = TestServer::start().await;
    let (own, other) = (server.organization("Own").await, server.organization("Other").await);
    let (_, key) = server.organization_key(&own).await;
    let ids: Vec<_> = futures::future::join_all([Some(&own), Some(&other), None].map(async |organization| {
        let mut entry = entry(1);
        entry["organization_id"] = json!(organization);
        let stored = server.caller().post(LOG, entry).await;
        stored.body["id"].as_str().unwrap_or_else(|| panic!("{stored:?}")).to_owned()
    }))
    .await;
    let caller = server.with_key(&key);
    let list = caller.get(&format!("{LOG}?actor_type=user")).await;
    assert_eq!((items(&list).len(), &items(&list)[0]["id"]), (1, &json!(ids[0])), "{list:?}");
    assert_eq!(caller.get(&format!("{LOG}?actor_type=user&organization_id={own}")).await.body, {
        let mut same = list.body.clone();
        same["pagination"]["total_count"] = json!(1);
        same
    });
    assert_eq!(caller.get(&format!("{LOG}?organization_id={other}")).await.status, 404);
    for (id, status) in [(&ids[0], 200), (&ids[1], 404), (&ids[2], 404)] {
        assert_eq!(caller.get(&format!("{LOG}/{id}")).await.status, status, "{id}");
        assert_eq!(server.caller().get(&format!("{LOG}/{id}")).await.status, 200, "{id}");
    }
    for (organization, expected) in [(&own, 0), (&other, 1)] {
        let list = server.caller().get(&format!("{LOG}?actor_type=user&organization_id={organization}")).await;
        assert_eq!((items(&list).len(), &items(&list)[0]["id"]), (1, &json!(ids[expected])));
    }
    assert_eq!(caller.post(LOG, entry(1)).await.status, 403);

    let (_, elsewhere) = server.engine.create_environment("other").await.unwrap();
    let elsewhere = server.with_key(elsewhere.expose());
    assert!(items(&elsewhere.get(LOG).await).is_empty());
    assert_eq!(elsewhere.get(&format!("{LOG}/{}", ids[0])).await.status, 404);
    assert!(items(&elsewhere.get(&format!("{LOG}?organization_id={own}")).await).is_empty());
    let mut foreign = entry(1);
    foreign["organization_id"] = json!(own);
    assert_eq!(elsewhere.post(LOG, foreign).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn unknown_entries_are_404() {
    let server = TestServer::start().await;
    for id in ["api_request_01EHWNCE74X7JSDV0X3SZ3KJNY", "evt_01EHWNCE74X7JSDV0X3SZ3KJNY", "x", "%2F"] {
        let reply = server.caller().get(&format!("{LOG}/{id}")).await;
        assert_eq!((reply.status.as_u16(), &reply.body["code"]), (404, &json!("entity_not_found")), "{id}");
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_entries_are_refused_by_field_and_nothing_is_kept() {
    let server = TestServer::start().await;
    let caller = server.caller();
    let with = |member: &str, value: Value| {
        let mut entry = entry(1);
        entry[member] = value;
        entry
    };
    for (body, field) in [
        (json!({}), "action"),
        (json!([]), "body"),
        (json!("x"), "body"),
        (with("status_code", json!(99)), "status_code"),
        (with("status_code", json!(600)), "status_code"),
        (with("method", json!("G E T")), "method"),
        (with("path", json!("")), "path"),
        (with("client_ip", json!("1".repeat(65))), "client_ip"),
        (with("actor", json!({"id": "x", "type": "robot"})), "actor.type"),
        (with("target", json!({"id": "x"})), "target.type"),
        (with("created_at", json!("soon")), "created_at"),
        (json!([entry(1), with("status_code", json!("200"))]), "1.status_code"),
        (json!([entry(1), 5]), "1"),
        (json!(vec![entry(1); 1001]), "body"),
    ] {
        let reply = caller.post(LOG, body).await;
        let fields: Vec<_> = reply.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert!(reply.status == 422 && fields.contains(&&json!(field)), "{field}: {reply:?}");
    }
    for organization in ["org_01EHWNCE74X7JSDV0X3SZ3KJNY", "nonsense"] {
        let reply = caller.post(LOG, json!([entry(1), with("organization_id", json!(organization))])).await;
        assert_eq!((reply.status.as_u16(), &reply.body["entity_id"]), (404, &json!(organization)));
    }
    assert_eq!(caller.post_text(LOG, "{").await.status, 400);
    assert_eq!(caller.get(LOG).await.body["pagination"]["total_count"], 0);
    server.stop().await;
}

#[tokio::test]
async fn an_idempotency_key_keeps_an_entry_once() {
    let server = TestServer::start().await;
    let caller = server.caller().header("idempotency-key", "k");
    assert_eq!(caller.post(LOG, entry(1)).await.status, 201);
    let again = caller.post(LOG, entry(1)).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &json!({"status": "replayed"})));
    let conflict =
        "Another idempotency key (k) with different request parameters was found. Please use a different idempotency key.";
    check_refused(&caller.post(LOG, entry(2)).await, 400, json!({"message": conflict}));

    // In an array the header's key counts with the index, and an entry's own key wins.
    let array = json!([entry(1), own_of(3)]);
    let first = caller.post(LOG, array.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = caller.post(LOG, array).await;
    assert_eq!(again.body, json!({"results": [{"status": "replayed"}, {"status": "replayed"}]}));
    let refused = server.caller().post(LOG, json!([entry(5), own_of(4)])).await;
    assert!(refused.status == 400 && refused.message().contains("(own)"), "{refused:?}");
    let mut longer = json!([entry(1), own_of(3), entry(6)]);
    longer[2]["idempotency_key"] = json!("new");
    let mixed = caller.post(LOG, longer).await;
    let statuses: Vec<_> = mixed.body["results"].as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["replayed", "replayed", "stored"]);
    let list = server.caller().get(&format!("{LOG}?sort=created_at:asc")).await;
    assert_eq!(numbers(&list), [1, 1, 3, 6], "a refused array leaves nothing");

    let (_, other) = server.engine.create_environment("other").await.unwrap();
    let elsewhere = server.with_key(other.expose()).header("idempotency-key", "k");
    assert_eq!(elsewhere.post(LOG, entry(9)).await.status, 201, "another environment's keys are others");
    server.stop().await;
}

fn own_of(n: u32) -> Value {
    let mut own = entry(n);
    own["idempotency_key"] = json!("own");
    own
}
