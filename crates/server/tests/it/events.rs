use std::time::Duration;

use annals_server::Config;
use serde_json::{Value, json};

use crate::server::{TestServer, check_refused, event};

const EVENTS: &str = "/audit_logs/events";

async fn server_with_action() -> (TestServer, String) {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    (server, organization)
}

/// What a client sends differently, and the cells of the export that differ then.
type Variant = (&'static str, fn(&mut Value), &'static [(&'static str, &'static str)]);

const VARIANTS: [Variant; 9] = [
    ("node", |_| {}, &[]),
    (
        "go 4",
        |e| {
            e["actor"]["name"] = json!("");
            e["targets"][0]["name"] = json!("");
            e["context"] = json!({"location": "", "user_agent": ""});
            e["occurred_at"] = json!("2023-01-02T15:04:05.123456789-05:00");
        },
        &[("context_location", ""), ("occurred_at", "2023-01-02T20:04:05.123Z")],
    ),
    (
        "go, no fraction",
        |e| e["occurred_at"] = json!("2023-01-02T15:04:05-05:00"),
        &[("occurred_at", "2023-01-02T20:04:05.000Z")],
    ),
    (
        "python, no offset",
        |e| e["occurred_at"] = json!("2023-01-02T15:04:05.123"),
        &[("occurred_at", "2023-01-02T15:04:05.123Z")],
    ),
    ("python, a date", |e| e["occurred_at"] = json!("2023-01-02"), &[("occurred_at", "2023-01-02T00:00:00.000Z")]),
    (
        "ruby 7",
        |e| {
            e["version"] = Value::Null;
            e["actor"]["name"] = Value::Null;
            e["actor"]["metadata"] = json!({});
            e["context"]["user_agent"] = Value::Null;
            e["metadata"] = Value::Null;
        },
        &[],
    ),
    (
        "rust",
        |e| {
            e["version"] = json!(1.0);
            e["metadata"] = json!({"count": 1.0, "on": true, "text": "\u{1F600} \"x\",\n"});
        },
        &[("version", "1"), ("metadata", "{\"count\":1,\"on\":true,\"text\":\"\u{1F600} \\\"x\\\",\\n\"}")],
    ),
    (".net", |e| e["occurred_at"] = json!("2023-01-02T15:04:05.1234567+00:00"), &[("occurred_at", "2023-01-02T15:04:05.123Z")]),
    (
        "every member",
        |e| {
            e["actor"] =
                json!({"type": "user", "id": "user_TF4C5938", "name": "=Jon", "metadata": {"b": 2, "a": "x"}, "email": "a@b.c"});
            e["context"]["user_agent"] = json!("Chrome/104.0.0.0");
            e["more"] = json!({"deep": [1, 2]});
        },
        &[("actor_name", "'=Jon"), ("actor_metadata", "{\"a\":\"x\",\"b\":2}"), ("context_user_agent", "Chrome/104.0.0.0")],
    ),
];

#[tokio::test]
async fn an_event_of_every_client_is_recorded_as_it_was_sent() {
    let (server, organization) = server_with_action().await;
    for (client, change, _) in VARIANTS {
        let mut body = event(&organization);
        change(&mut body["event"]);
        let reply = server.caller().post(EVENTS, body).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, r#"{"success":true}"#), "{client}: {reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"), "{client}");
    }
    let all = json!({"organization_id": organization, "range_start": "2022-01-01", "range_end": "2024-01-01"});
    let mut rows = crate::exports::rows(&server, all).await;
    assert_eq!(rows.len(), VARIANTS.len());
    rows.sort_by(|a, b| a["id"].cmp(&b["id"]));
    for (row, (client, _, differs)) in rows.iter().zip(VARIANTS) {
        let plain = [
            ("action", "user.signed_in"),
            ("version", ""),
            ("occurred_at", "2022-08-29T19:47:52.336Z"),
            ("actor_id", "user_TF4C5938"),
            ("actor_type", "user"),
            ("actor_name", ""),
            ("actor_metadata", ""),
            ("targets", r#"[{"id":"team_1","type":"team"}]"#),
            ("context_location", "1.2.3.4"),
            ("context_user_agent", ""),
            ("metadata", ""),
        ];
        for (column, cell) in plain {
            let cell = differs.iter().find(|(name, _)| *name == column).map_or(cell, |(_, cell)| *cell);
            assert_eq!(row[column], cell, "{client}: {column}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_key_is_replayed_for_24_hours() {
    let (server, organization) = server_with_action().await;
    let caller = server.caller().header("idempotency-key", "workos-node-1");
    let sent = event(&organization);
    let mut changed = sent.clone();
    changed["event"]["actor"]["id"] = json!("another");
    for _ in 0..2 {
        let reply = caller.post(EVENTS, sent.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!({"success": true})));
    }
    let conflict = json!({"message": "Another idempotency key (workos-node-1) with different request parameters was found. Please use a different idempotency key."});
    check_refused(&caller.post(EVENTS, changed.clone()).await, 400, conflict);

    server.clock.advance(Duration::from_secs(24 * 60 * 60 + 60));
    assert_eq!(caller.post(EVENTS, changed).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn an_empty_key_is_no_key() {
    let (server, organization) = server_with_action().await;
    let caller = server.caller().header("idempotency-key", "");
    for id in ["one", "two"] {
        let mut body = event(&organization);
        body["event"]["actor"]["id"] = json!(id);
        assert_eq!(caller.post(EVENTS, body).await.status, 200);
    }
    let long = server.caller().header("idempotency-key", &"k".repeat(513));
    assert_eq!(long.post(EVENTS, event(&organization)).await.status, 422);
    server.stop().await;
}

#[tokio::test]
async fn an_omitted_version_is_version_1() {
    let (server, organization) = server_with_action().await;
    server.action("user.signed_in", &["door"]).await;
    let team = event(&organization);
    assert_eq!(server.caller().post(EVENTS, team.clone()).await.status, 200);
    let mut door = team.clone();
    door["event"]["targets"][0]["type"] = json!("door");
    check_violates(&server, door.clone()).await;
    door["event"]["version"] = json!(2);
    assert_eq!(server.caller().post(EVENTS, door).await.status, 200);
    let mut team_2 = team;
    team_2["event"]["version"] = json!(2);
    check_violates(&server, team_2).await;
    server.stop().await;
}

async fn check_violates(server: &TestServer, body: Value) {
    let reply = server.caller().post(EVENTS, body).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!((reply.message(), &reply.body["code"]), ("Invalid Audit Log event.", &json!("invalid_audit_log_event")));
    let errors = reply.body["errors"].as_array().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|e| e["instancePath"].is_string() && e["message"].is_string()), "{reply:?}");
}

#[tokio::test]
async fn metadata_is_checked_against_the_schema() {
    let (server, organization) = server_with_action().await;
    let schema = json!({
        "targets": [{"type": "team", "metadata": {"size": "number"}}],
        "actor": {"metadata": {"type": "object", "properties": {"role": {"type": "string"}}}},
        "metadata": {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}
    });
    assert_eq!(server.caller().post("/audit_logs/actions/user.signed_in/schemas", schema).await.status, 201);
    let with = |actor: Value, target: Value, metadata: Value| {
        let mut body = event(&organization);
        body["event"]["version"] = json!(2);
        body["event"]["actor"]["metadata"] = actor;
        body["event"]["targets"][0]["metadata"] = target;
        body["event"]["metadata"] = metadata;
        body
    };
    let good = with(json!({"role": "admin"}), json!({"size": 3}), json!({"on": true}));
    let reply = server.caller().post(EVENTS, good).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    check_violates(&server, with(json!({"role": 5}), json!({"size": 3}), json!({"on": true}))).await;
    check_violates(&server, with(json!({"role": "admin"}), json!({"size": "big"}), json!({"on": true}))).await;
    check_violates(&server, with(json!({"role": "admin"}), json!({"size": 3}), json!({"on": "yes"}))).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_known_is_refused_by_name() {
    let (server, organization) = server_with_action().await;
    let mut unknown = event(&organization);
    unknown["event"]["action"] = json!("user.vanished");
    let message = "Invalid Audit Log event: event 'user.vanished', version '1' has not been configured in this environment";
    check_refused(&server.caller().post(EVENTS, unknown).await, 400, json!({"message": message}));

    let mut version = event(&organization);
    version["event"]["version"] = json!(7);
    let message = "Invalid Audit Log event: event 'user.signed_in', version '7' has not been configured in this environment";
    check_refused(&server.caller().post(EVENTS, version).await, 400, json!({"message": message}));

    for id in ["org_01EHWNCE74X7JSDV0X3SZ3KJNY", "bogus-id"] {
        let body = json!({"message": format!("Organization not found: '{id}'."), "code": "entity_not_found", "entity_id": id});
        check_refused(&server.caller().post(EVENTS, event(id)).await, 404, body);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_key_of_an_organization_records_for_that_organization_only() {
    let (server, organization) = server_with_action().await;
    let other = server.organization("Bar").await;
    let (_, key) = server.organization_key(&organization).await;
    assert_eq!(server.with_key(&key).post(EVENTS, event(&organization)).await.status, 200);
    assert_eq!(server.with_key(&key).post(EVENTS, event(&other)).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_nearly_full_disk_is_named() {
    let server = TestServer::start_on(Config::default(), |settings| settings.disk_reserve_bytes = u64::MAX).await;
    let organization = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    // The disk is looked at a moment after the start.
    let refused = loop {
        let reply = server.caller().post("/audit_logs/events", event(&organization)).await;
        if reply.status != 200 {
            break reply;
        }
    };
    assert_eq!((refused.status.as_u16(), refused.message()), (503, "Not accepting events now: the disk is nearly full."));
    server.stop().await;
}
