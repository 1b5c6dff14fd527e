use std::time::Duration;

use serde_json::json;

use crate::server::{TestServer, check_refused};

#[tokio::test]
async fn a_repeated_post_gets_the_first_answer() {
    let server = TestServer::start().await;
    let organization = server.organization("Exports").await;
    let export = json!({"organization_id": organization, "range_start": "2022-01-01", "range_end": "2023-01-01"});
    for (path, body, changed) in [
        ("/organizations", json!({"name": "Foo"}), json!({"name": "Bar"})),
        ("/audit_logs/actions/a.b/schemas", json!({"targets": [{"type": "x"}]}), json!({"targets": [{"type": "y"}]})),
        (
            "/audit_logs/exports",
            export.clone(),
            json!({"organization_id": organization, "range_start": "2021-01-01", "range_end": "2023-01-01"}),
        ),
    ] {
        // The same key at another path is another key.
        let caller = server.caller().header("idempotency-key", "retry-1");
        let first = caller.post(path, body.clone()).await;
        let again = caller.post(path, body.clone()).await;
        assert_eq!(first.status, 201, "{path}: {first:?}");
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
        let conflict = "Another idempotency key (retry-1) with different request parameters was found. Please use a different idempotency key.";
        check_refused(&caller.post(path, changed).await, 400, json!({"message": conflict}));
    }
    assert_eq!(server.caller().get("/organizations?search=Foo").await.ids().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn keys_expire_and_belong_to_their_callers_key() {
    let server = TestServer::start().await;
    let caller = server.caller().header("idempotency-key", "k");
    let make = json!({"name": "Foo"});
    let first = caller.post("/organizations", make.clone()).await;
    server.clock.advance(Duration::from_secs(24 * 60 * 60 + 60));
    let later = caller.post("/organizations", make.clone()).await;
    assert_ne!(first.body["id"], later.body["id"]);

    let (_, other) = server.engine.create_environment("other").await.unwrap();
    let elsewhere = server.with_key(other.expose()).header("idempotency-key", "k").post("/organizations", make).await;
    assert_eq!(elsewhere.status, 201);
    assert_ne!(elsewhere.body["id"], later.body["id"]);
    server.stop().await;
}

#[tokio::test]
async fn a_refused_request_may_be_corrected_under_the_same_key() {
    let server = TestServer::start().await;
    let caller = server.caller().header("idempotency-key", "k");
    assert_eq!(caller.post("/organizations", json!({"name": ""})).await.status, 422);
    assert_eq!(caller.post("/organizations", json!({"name": "Foo"})).await.status, 201);
    server.stop().await;
}

#[tokio::test]
async fn requests_at_the_same_time_execute_once() {
    let server = TestServer::start().await;
    let caller = server.caller().header("idempotency-key", "k");
    let replies = futures::future::join_all((0..8).map(|_| caller.post("/organizations", json!({"name": "Foo"})))).await;
    for reply in &replies {
        assert_eq!((reply.status.as_u16(), &reply.text), (201, &replies[0].text));
    }
    assert_eq!(server.caller().get("/organizations").await.ids().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn an_expired_key_expires_once() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let (id, _) = server.organization_key(&organization).await;
    let path = format!("/api_keys/{id}/expire");
    let caller = server.caller().header("idempotency-key", "k");
    let first = caller.post_text(&path, "").await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(caller.post_text(&path, "").await.text, first.text);
    let again = server.caller().post_text(&path, "").await;
    assert_eq!((again.status.as_u16(), &again.body["code"]), (409, &json!("api_key_already_expired")));
    server.stop().await;
}
