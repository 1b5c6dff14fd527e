use serde_json::json;

use crate::server::{TestServer, check_refused};

#[tokio::test]
async fn an_organization_is_made_read_changed_and_deleted() {
    let server = TestServer::start().await;
    let body = json!({"name": "Foo Corp", "domain_data": [{"domain": "foo.com", "state": "verified"}], "domains": ["old.com"], "metadata": {"tier": "diamond"}, "external_id": "ext/1"});
    let made = server.caller().post("/organizations", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(made.body["object"], "organization");
    assert_eq!((&made.body["allow_profiles_outside_organization"], &made.body["external_id"]), (&json!(false), &json!("ext/1")));
    assert!(made.body.get("stripe_customer_id").is_none());
    let mut domains: Vec<_> = made.body["domains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["domain"].as_str(), d["state"].as_str(), d["verification_strategy"].as_str()))
        .collect();
    domains.sort_unstable();
    assert_eq!(domains, [(Some("foo.com"), Some("verified"), Some("manual")), (Some("old.com"), Some("legacy_verified"), None)]);
    assert!(
        made.body["domains"]
            .as_array()
            .unwrap()
            .iter()
            .all(|d| d["organization_id"] == id && d["object"] == "organization_domain")
    );
    let time = made.body["created_at"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");

    let path = format!("/organizations/{id}");
    assert_eq!(server.caller().get(&path).await.body, made.body);
    assert_eq!(server.caller().get("/organizations/external_id/ext%2F1").await.body, made.body);
    let changed = server
        .caller()
        .put(&path, json!({"metadata": {"tier": null, "new": "x"}, "external_id": null, "stripe_customer_id": "cus_1"}))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        (&changed.body["metadata"], &changed.body["external_id"], &changed.body["stripe_customer_id"]),
        (&json!({"new": "x"}), &json!(null), &json!("cus_1"))
    );
    assert_eq!((&changed.body["name"], &changed.body["domains"]), (&made.body["name"], &made.body["domains"]));

    let deleted = server.caller().delete(&path).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (202, "Accepted"));
    assert_eq!(deleted.header("content-type"), Some("text/plain; charset=utf-8"));
    let gone = json!({"message": format!("Organization not found: '{id}'."), "code": "entity_not_found", "entity_id": id});
    check_refused(&server.caller().get(&path).await, 404, gone.clone());
    check_refused(&server.caller().delete(&path).await, 404, gone);
    server.stop().await;
}

#[tokio::test]
async fn the_older_go_client_wipes_nothing() {
    let server = TestServer::start().await;
    let caller = server.caller().header("idempotency-key", "");
    let create = json!({"name": "Foo", "allow_profiles_outside_organization": false, "domains": null, "domain_data": null, "external_id": "e", "metadata": {"a": "b"}, "idempotency_key": ""});
    let made = caller.post("/organizations", create).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap();
    let update = json!({"Organization": id, "Name": "", "AllowProfilesOutsideOrganization": false, "Domains": null, "domain_data": null, "stripe_customer_id": "", "external_id": "", "metadata": null});
    let kept = caller.put(&format!("/organizations/{id}"), update).await;
    for member in ["name", "external_id", "metadata", "domains"] {
        assert_eq!(kept.body[member], made.body[member], "{member}");
    }
    let renamed = caller.put(&format!("/organizations/{id}"), json!({"Organization": id, "Name": "Bar"})).await;
    assert_eq!((&renamed.body["name"], &renamed.body["external_id"]), (&json!("Bar"), &json!("e")));
    assert_eq!(caller.delete(&format!("/Organizations/{id}")).await.status, 202);
    server.stop().await;
}

#[tokio::test]
async fn what_is_taken_is_refused() {
    let server = TestServer::start().await;
    let taken = json!({"name": "One", "domains": ["one.com"], "external_id": "e1"});
    let one = server.caller().post("/organizations", taken).await;
    let two = server.organization("Two").await;
    let path = format!("/organizations/{two}");
    server
        .caller()
        .put(&format!("/organizations/{}", one.body["id"].as_str().unwrap()), json!({"stripe_customer_id": "cus_1"}))
        .await;

    let domain = json!({"message": "An Organization with the domain one.com already exists."});
    check_refused(
        &server.caller().post("/organizations", json!({"name": "x", "domains": ["ONE.com"]})).await,
        409,
        domain.clone(),
    );
    check_refused(&server.caller().put(&path, json!({"domains": ["one.com"]})).await, 409, domain);
    let used = |code: &str| json!({"code": code, "message": "Request could not be processed."});
    check_refused(
        &server.caller().post("/organizations", json!({"name": "x", "external_id": "e1"})).await,
        400,
        used("external_id_already_used"),
    );
    check_refused(
        &server.caller().put(&path, json!({"stripe_customer_id": "cus_1"})).await,
        400,
        used("stripe_customer_id_already_used"),
    );
    let invalid = server.caller().put(&path, json!({"metadata": {"k": "v".repeat(601)}})).await;
    assert_eq!((invalid.status.as_u16(), &invalid.body["code"]), (400, &json!("invalid_metadata")));
    let name = server.caller().post("/organizations", json!({"name": 5})).await;
    check_refused(
        &name,
        422,
        json!({"message": "Validation failed", "errors": [{"field": "name", "code": "name must be a string"}]}),
    );
    server.stop().await;
}

#[tokio::test]
async fn leading_slashes_are_one() {
    let server = TestServer::start().await;
    assert_eq!(server.caller().get("//organizations").await.status, 200);
    assert_eq!(server.caller().post("///organizations", json!({"name": "x"})).await.status, 201);
    server.stop().await;
}
