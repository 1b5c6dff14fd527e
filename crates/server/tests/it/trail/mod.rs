//! The older Audit Trail API: `POST /events`, and `GET /events` in `list`; the same below `/legacy`.

mod list;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::server::{Caller, TestServer, check_refused};

const EVENTS: &str = "/events";

/// An event of the older API.
pub fn event(group: &str) -> Value {
    json!({
        "group": group,
        "action": "user.searched_directories",
        "action_type": "R",
        "actor_name": "Foo Bar",
        "actor_id": "user_01DEQWZNQT8Y47HDPSJKQS1J3F",
        "target_name": "Directory",
        "target_id": "directory_1",
        "location": "1.1.1.1",
        "occurred_at": "2020-01-01T00:00:00.000Z",
        "metadata": {"a": "b"}
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut body = event("foo-corp.com");
    body[pointer] = value;
    body
}

fn success() -> Value {
    json!({"success": true})
}

async fn organizations(server: &TestServer) -> Vec<Value> {
    let reply = server.caller().get("/organizations?order=asc&limit=100").await;
    reply.body["data"].as_array().unwrap().clone()
}

async fn check_recorded(caller: &Caller<'_>, body: Value) {
    let reply = caller.post_bytes(EVENTS, body.to_string()).await;
    check_refused(&reply, 201, success());
}

#[tokio::test]
async fn an_event_of_every_client_is_recorded() {
    let server = TestServer::start().await;
    let caller = server.caller();
    let variants = [
        event("foo-corp.com"),
        with("action_type", json!("r")),
        with("occurred_at", json!("2020-01-01T00:00:00.123456789-05:00")),
        with("occurred_at", json!("2020-01-01T00:00:00")),
        with("occurred_at", json!("2020-01-01")),
        with("metadata", json!({})),
        with("metadata", Value::Null),
        with(
            "metadata",
            json!({"text": "x", "flag": true, "number": 1.5, "when": "2020-01-01T00:00:00.000Z", "any key, 40 chars": null}),
        ),
        // Texts that the Go client leaves empty.
        json!({
            "group": "foo-corp.com", "action": "a", "action_type": "d", "actor_name": "", "actor_id": "", "target_name": "",
            "target_id": "", "location": "", "occurred_at": "2020-01-01T00:00:00Z", "more": 5
        }),
    ];
    for body in variants {
        check_recorded(&caller, body).await;
    }
    let organizations = organizations(&server).await;
    assert_eq!(organizations.len(), 1);
    assert_eq!((&organizations[0]["name"], &organizations[0]["external_id"]), (&json!("foo-corp.com"), &json!("foo-corp.com")));
    server.stop().await;
}

#[tokio::test]
async fn wrong_fields_are_named_with_a_sentence() {
    let server = TestServer::start().await;
    let many: serde_json::Map<_, _> = (0..51).map(|i| (format!("k{i}"), json!(i))).collect();
    for (body, field, code) in [
        (with("action_type", Value::Null), "action_type", "action_type must be a string"),
        (with("action_type", json!(5)), "action_type", "action_type must be a string"),
        (with("action_type", json!("X")), "action_type", "action_type must be one of C, R, U, D"),
        (with("action_type", json!("")), "action_type", "action_type must be one of C, R, U, D"),
        (with("group", json!("")), "group", "group must not be empty"),
        (with("group", json!("g".repeat(129))), "group", "group must be at most 128 characters"),
        (with("group", json!(["foo"])), "group", "group must be a string"),
        (with("action", json!("")), "action", "action must not be empty"),
        (with("action", json!("annals.x")), "action", "action must not start with annals., which is the server's own"),
        (with("actor_name", Value::Null), "actor_name", "actor_name must be a string"),
        (with("actor_id", json!(7)), "actor_id", "actor_id must be a string"),
        (with("target_name", json!({})), "target_name", "target_name must be a string"),
        (with("target_id", json!("t".repeat(1025))), "target_id", "target_id must be at most 1024 characters"),
        (with("location", json!("l".repeat(4097))), "location", "location must be at most 4096 characters"),
        (with("occurred_at", Value::Null), "occurred_at", "occurred_at must be a valid ISO 8601 date string"),
        (with("occurred_at", json!("yesterday")), "occurred_at", "occurred_at must be a valid ISO 8601 date string"),
        (with("occurred_at", json!(1_577_836_800)), "occurred_at", "occurred_at must be a valid ISO 8601 date string"),
        (with("metadata", json!([])), "metadata", "metadata must be an object"),
        (with("metadata", Value::Object(many)), "metadata", "metadata must have at most 50 keys"),
        (with("metadata", json!({"k": {}})), "metadata.k", "metadata.k must be a string, number or boolean"),
        (with("metadata", json!({"k": "v".repeat(501)})), "metadata.k", "metadata.k must be at most 500 characters"),
        (with("metadata", json!({"k": 1e300})), "metadata.k", "metadata.k must be within ±(2^53−1)"),
        (json!([]), "body", "body must be an object"),
    ] {
        for path in [EVENTS, "/legacy/events"] {
            let reply = server.caller().post_bytes(path, body.to_string()).await;
            check_refused(&reply, 422, json!({"message": "Validation failed", "errors": [{"field": field, "code": code}]}));
        }
    }
    let long = server.caller().post_bytes(EVENTS, with("metadata", json!({"k".repeat(41): 1})).to_string()).await;
    assert_eq!((long.status.as_u16(), &long.body["errors"][0]["field"]), (422, &json!(format!("metadata.{}", "k".repeat(40)))));
    // Nothing at all lacks everything.
    let nothing = server.caller().post_bytes(EVENTS, "").await;
    assert_eq!((nothing.status.as_u16(), nothing.body["errors"].as_array().unwrap().len()), (422, 9));
    for text in ["{", "{\"group\":1,\"group\":2}", "\u{feff}{}"] {
        assert_eq!(server.caller().post_bytes(EVENTS, text).await.status, 400, "{text}");
    }
    assert!(organizations(&server).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_group_is_an_id_an_external_id_or_a_domain() {
    let server = TestServer::start().await;
    let caller = server.caller();
    let by_id = server.organization("By id").await;
    let made = [
        json!({"name": "By external id", "external_id": "Foo"}),
        json!({"name": "By domain", "domain_data": [{"domain": "Foo-Corp.com", "state": "verified"}]}),
    ];
    for body in made {
        assert_eq!(caller.post("/organizations", body).await.status, 201);
    }
    for group in [by_id.as_str(), "Foo", "foo-corp.com", "FOO-Corp.COM"] {
        check_recorded(&caller, event(group)).await;
    }
    assert_eq!(organizations(&server).await.len(), 3);
    // One that goes away is made anew; the id of one that went away is not a name.
    check_recorded(&caller, event("gone.com")).await;
    let gone = organizations(&server).await[3]["id"].as_str().unwrap().to_owned();
    assert_eq!(caller.delete(&format!("/organizations/{gone}")).await.status, 202);
    check_recorded(&caller, event("gone.com")).await;
    assert_eq!(organizations(&server).await.len(), 4);
    let refused = json!({"message": "Validation failed", "errors": [{"field": "group", "code": "group must be an organization's id, external id or domain"}]});
    check_refused(&caller.post(EVENTS, event(&gone)).await, 422, refused);
    server.stop().await;
}

#[tokio::test]
async fn a_domain_that_moves_takes_its_group_along() {
    let server = TestServer::start().await;
    let caller = server.caller();
    let domain = json!([{"domain": "moving.com", "state": "verified"}]);
    let ids = [server.organization("From").await, server.organization("To").await];
    let move_to = async |id: &str, domains: &Value| {
        let moved = caller.put(&format!("/organizations/{id}"), json!({"domain_data": domains})).await;
        assert_eq!(moved.status, 200, "{moved:?}");
    };
    move_to(&ids[0], &domain).await;
    check_recorded(&caller, event("moving.com")).await;
    move_to(&ids[0], &json!([])).await;
    move_to(&ids[1], &domain).await;
    check_recorded(&caller, event("moving.com")).await;
    for id in &ids {
        let all = json!({"organization_id": id, "range_start": "2020-01-01", "range_end": "2024-01-01"});
        assert_eq!(crate::exports::rows(&server, all).await.len(), 1);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_organization_that_is_made_is_told_of_in_the_feed() {
    let server = TestServer::start().await;
    check_recorded(&server.caller(), event("foo-corp.com")).await;
    for _ in 0..100 {
        let feed = server.caller().get("/events?events=organization.created").await;
        if let Some(told) = feed.body["data"].get(0) {
            assert_eq!(told["data"]["name"], "foo-corp.com");
            return server.stop().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody was told");
}

#[tokio::test]
async fn when_nothing_can_be_stored_the_client_is_told_to_come_back() {
    let server = TestServer::start().await;
    check_recorded(&server.caller(), event("foo-corp.com")).await;
    server.engine.close().await;
    // The key and the group are still remembered.
    let reply = server.caller().post(EVENTS, event("foo-corp.com")).await;
    assert_eq!(reply.status, 503, "{reply:?}");
}

#[tokio::test]
async fn the_first_events_of_a_group_at_once_make_one_organization() {
    let server = TestServer::start().await;
    let caller = server.caller();
    let replies = join_all((0..30).map(|i| caller.post(EVENTS, event(if i % 2 == 0 { "one.com" } else { "two.com" })))).await;
    assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
    assert_eq!(organizations(&server).await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn organizations_are_not_made_when_the_operator_says_so() {
    let config = annals_server::Config { audit_trail_create_organizations: false, ..annals_server::Config::default() };
    let server = TestServer::start_with(config).await;
    let organization = server.organization("Foo").await;
    let reply = server.caller().post(EVENTS, event("foo-corp.com")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["errors"][0]["field"]), (422, &json!("group")));
    check_recorded(&server.caller(), event(&organization)).await;
    assert_eq!(organizations(&server).await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn an_organizations_key_records_for_its_organization_and_makes_none() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    check_recorded(&server.caller(), event("bar.com")).await;
    let (_, key) = server.organization_key(&organization).await;
    check_recorded(&server.with_key(&key), event(&organization)).await;
    for group in ["bar.com", "new.com"] {
        let reply = server.with_key(&key).post(EVENTS, event(group)).await;
        assert_eq!((reply.status.as_u16(), &reply.body["errors"][0]["field"]), (422, &json!("group")), "{group}");
    }
    assert_eq!(organizations(&server).await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_key_is_replayed_and_is_not_that_of_another_request() {
    let server = TestServer::start().await;
    let caller = server.caller().header("idempotency-key", "k");
    for path in [EVENTS, EVENTS, "/legacy/events"] {
        check_refused(&caller.post(path, event("foo-corp.com")).await, 201, success());
    }
    let conflict = json!({"message": "Another idempotency key (k) with different request parameters was found. Please use a different idempotency key."});
    check_refused(&caller.post(EVENTS, with("actor_id", json!("another"))).await, 400, conflict.clone());
    // A reused key makes no organization.
    check_refused(&caller.post(EVENTS, event("bar.com")).await, 400, conflict);
    assert_eq!(organizations(&server).await.len(), 1);

    let id = organizations(&server).await[0]["id"].as_str().unwrap().to_owned();
    server.action("user.signed_in", &["team"]).await;
    assert_eq!(caller.post("/audit_logs/events", crate::server::event(&id)).await.status, 200);
    let all = json!({"organization_id": id, "range_start": "2020-01-01", "range_end": "2024-01-01"});
    assert_eq!(crate::exports::rows(&server, all).await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_recorded_event_is_an_audit_event() {
    let server = TestServer::start().await;
    check_recorded(&server.caller(), event("foo-corp.com")).await;
    let id = organizations(&server).await[0]["id"].as_str().unwrap().to_owned();
    let all = json!({"organization_id": id, "range_start": "2020-01-01", "range_end": "2024-01-01"});
    let rows = crate::exports::rows(&server, all).await;
    for (column, cell) in [
        ("action", "user.searched_directories"),
        ("version", ""),
        ("occurred_at", "2020-01-01T00:00:00.000Z"),
        ("actor_id", "user_01DEQWZNQT8Y47HDPSJKQS1J3F"),
        ("actor_type", "user"),
        ("actor_name", "Foo Bar"),
        ("targets", r#"[{"id":"directory_1","name":"Directory","type":"resource"}]"#),
        ("context_location", "1.1.1.1"),
        ("metadata", r#"{"a":"b"}"#),
    ] {
        assert_eq!(rows[0][column], cell, "{column}");
    }
    let read = server.caller().get("/v1/audit_log_events").await;
    let mark = json!({"action_type": "r", "group": "foo-corp.com"});
    assert_eq!(read.body["data"][0]["context"], json!({"location": "1.1.1.1", "annals.audit_trail": mark}), "{read:?}");
    server.stop().await;
}
