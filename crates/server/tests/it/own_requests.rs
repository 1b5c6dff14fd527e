//! Requests to this server leave entries in the API-request log.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use annals_engine::TailLimits;
use annals_server::{App, Config};
use axum::body::Body;
use axum::http::Request;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::api_requests::items;
use crate::server::{Caller, TestServer, event};

const LOG: &str = "/v1/audit_logs";

/// Oldest first.
async fn entries(caller: &Caller<'_>) -> Vec<Value> {
    items(&caller.get(&format!("{LOG}?sort=created_at:asc&limit=100")).await).clone()
}

/// The newest entry, of which there are `count`.
async fn newest(server: &TestServer, count: usize) -> Value {
    let mut all = entries(&server.caller()).await;
    assert_eq!(all.len(), count, "{all:#?}");
    all.pop().unwrap()
}

/// Action, method, path, status, type and id of the target, organization.
fn facts(entry: &Value) -> Value {
    let target = match &entry["target"] {
        Value::Null => Value::Null,
        target => json!([target["type"], target["id"]]),
    };
    json!([entry["action"], entry["method"], entry["path"], entry["status_code"], target, entry["organization_id"]])
}

#[tokio::test]
async fn every_write_has_an_entry_when_it_is_answered() {
    let server = TestServer::start().await;
    let caller = server.caller().header("user-agent", "tests/1");
    let made = caller.post("/organizations", json!({"name": "Foo"})).await;
    let org = made.body["id"].as_str().unwrap().to_owned();
    let entry = newest(&server, 1).await;
    assert_eq!(
        facts(&entry),
        json!(["organization.create", "POST", "/organizations", 201, ["organization", org], org]),
        "{entry:#}"
    );
    assert_eq!((&entry["client_ip"], &entry["user_agent"]), (&json!("127.0.0.1"), &json!("tests/1")));
    assert_eq!((&entry["actor"]["type"], &entry["actor"]["name"]), (&json!("api_key"), &json!("default")));
    assert!(entry["actor"]["id"].as_str().unwrap().starts_with("api_key_"), "{entry:#}");

    let at = |path: &str| format!("/organizations/{org}{path}");
    let key = caller.post(&at("/api_keys"), json!({"name": "CI"})).await;
    let (key, secret) = (key.body["id"].as_str().unwrap().to_owned(), key.body["value"].as_str().unwrap().to_owned());
    let export = json!({"organization_id": org, "range_start": "2022-01-01", "range_end": "2023-01-01"});
    let export = caller.post("/audit_logs/exports", export).await;
    let export = export.body["id"].as_str().unwrap().to_owned();
    caller.post("/audit_logs/actions/user.signed_in/schemas", json!({"targets": [{"type": "team"}]})).await;
    caller.put(&at(""), json!({"name": "Bar"})).await;
    caller.put(&at("/audit_logs_retention"), json!({"retention_period_in_days": 30})).await;
    caller.post(&format!("/api_keys/{key}/expire"), json!({})).await;
    caller.delete(&format!("/api_keys/{key}")).await;
    caller.delete(&at("")).await;

    let mine = ["organization", org.as_str()];
    let all: Vec<_> = entries(&server.caller()).await.iter().skip(1).map(facts).collect();
    let expected = [
        json!(["api_key.create", "POST", at("/api_keys"), 201, ["api_key", key], org]),
        json!(["audit_log_export.create", "POST", "/audit_logs/exports", 201, ["audit_log_export", export], org]),
        json!([
            "audit_log_schema.create",
            "POST",
            "/audit_logs/actions/user.signed_in/schemas",
            201,
            ["audit_log_action", "user.signed_in"],
            null
        ]),
        json!(["organization.update", "PUT", at(""), 200, mine, org]),
        json!(["audit_logs_retention.update", "PUT", at("/audit_logs_retention"), 200, mine, org]),
        json!(["api_key.expire", "POST", format!("/api_keys/{key}/expire"), 200, ["api_key", key], org]),
        json!(["api_key.delete", "DELETE", format!("/api_keys/{key}"), 204, ["api_key", key], org]),
        json!(["organization.delete", "DELETE", at(""), 202, mine, org]),
    ];
    assert_eq!(all, expected, "{all:#?}");
    let everything = server.caller().get(&format!("{LOG}?limit=100")).await;
    assert!(!everything.text.contains(&secret), "no entry holds a key");
    server.stop().await;
}

#[tokio::test]
async fn refused_writes_have_entries_too() {
    let server = TestServer::start().await;
    let org = server.organization("Foo").await;
    let (key_id, key) = server.organization_key(&org).await;
    let own = server.with_key(&key);
    assert_eq!(server.caller().post("/organizations", json!({"name": ""})).await.status, 422);
    assert_eq!(facts(&newest(&server, 3).await), json!(["organization.create", "POST", "/organizations", 422, null, null]));
    assert_eq!(server.caller().delete("/organizations/nonsense").await.status, 404);
    let missing = json!(["organization.delete", "DELETE", "/organizations/nonsense", 404, ["organization", "nonsense"], null]);
    assert_eq!(facts(&newest(&server, 4).await), missing);

    // Whatever an organization's key asks for, only that organization learns of it.
    let other = server.organization("Other").await;
    assert_eq!(own.delete(&format!("/organizations/{other}")).await.status, 403);
    let export = json!({"organization_id": other, "range_start": "2022-01-01", "range_end": "2023-01-01"});
    assert_eq!(own.post("/audit_logs/exports", export).await.status, 400);
    let entry = newest(&server, 7).await;
    assert_eq!(facts(&entry), json!(["audit_log_export.create", "POST", "/audit_logs/exports", 400, null, org]));
    assert_eq!(entry["actor"], json!({"id": key_id, "name": "k", "type": "api_key"}));
    let seen: Vec<_> = entries(&own).await.iter().map(|entry| facts(entry)[3].clone()).collect();
    assert_eq!(seen, [201, 201, 403, 400], "its creation, its key, and its two attempts");
    let (_, theirs) = server.organization_key(&other).await;
    let seen: Vec<_> = entries(&server.with_key(&theirs)).await.iter().map(|entry| facts(entry)[0].clone()).collect();
    assert_eq!(seen, ["organization.create", "api_key.create"]);
    server.stop().await;
}

#[tokio::test]
async fn ingestion_reads_and_open_routes_leave_no_entries() {
    let server = TestServer::start().await;
    let org = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    let caller = server.caller();
    assert_eq!(caller.post("/audit_logs/events", event(&org)).await.status, 200);
    assert_eq!(caller.post("/audit_logs/events", json!({})).await.status, 422);
    assert_eq!(caller.post(LOG, json!({})).await.status, 422);
    assert_eq!(caller.post("/api_keys/validations", json!({"value": "sk_of_nobody"})).await.status, 200);
    for path in ["/organizations", "/audit_logs/actions", "/", "/health", "/ready", "/metrics", "/openapi.json", "/no/such"] {
        caller.get(path).await;
    }
    caller.send(Method::POST, "/no/such", Some("{}".to_owned())).await;
    caller.send(Method::DELETE, "/organizations", None).await;
    assert_eq!(entries(&caller).await.len(), 2, "the organization and the schema");
    server.stop().await;
}

#[tokio::test]
async fn reads_leave_entries_when_a_setting_says_so() {
    let server = TestServer::start_with(Config { record_reads: true, ..Config::default() }).await;
    let org = server.organization("Foo").await;
    let (key, secret) = server.organization_key(&org).await;
    server.with_key(&secret).get(&format!("/organizations/{org}")).await;
    let entry = newest(&server, 3).await;
    let path = format!("/organizations/{org}");
    assert_eq!(facts(&entry), json!(["organization.get", "GET", path, 200, ["organization", org], org]));
    assert_eq!(entry["actor"]["id"], json!(key));
    server.caller().get("/organizations?search=secret").await;
    let entry = newest(&server, 5).await;
    assert_eq!(facts(&entry), json!(["organization.list", "GET", "/organizations", 200, null, null]), "without its query");
    let before = entries(&server.caller()).await.pop().unwrap();
    assert_eq!(before["action"], "api_request.list", "reading the log is reading too");
    server.caller().post("/audit_logs/events", event(&org)).await;
    let after = entries(&server.caller()).await;
    assert!(after.iter().all(|entry| entry["path"] != "/audit_logs/events"), "{after:#?}");
    server.stop().await;
}

#[tokio::test]
async fn links_to_exports_leave_entries() {
    let server = TestServer::start().await;
    let org = server.organization("Foo").await;
    let export = json!({"organization_id": org, "range_start": "2022-01-01", "range_end": "2023-01-01"});
    let export = server.caller().post("/audit_logs/exports", export).await;
    let path = format!("/audit_logs/exports/{}", export.body["id"].as_str().unwrap());
    let mut polls = 0;
    while server.caller().get(&path).await.body["state"] == "pending" {
        polls += 1;
        assert!(polls < 300, "the export never gets ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let entry = newest(&server, 3).await;
    let target = json!(["audit_log_export", export.body["id"]]);
    assert_eq!(facts(&entry), json!(["audit_log_export.link", "GET", path, 200, target, org]), "one link, not one poll");

    let url = server.caller().get(&path).await.body["url"].as_str().unwrap().to_owned();
    let link = url.strip_prefix(&server.url("")).unwrap();
    assert_eq!(server.without_key().get(link).await.status, 200);
    assert_eq!(server.without_key().get(&format!("{link}0")).await.status, 403);
    let entry = newest(&server, 5).await;
    let path = format!("{path}/download");
    assert_eq!(
        facts(&entry),
        json!(["audit_log_export.download", "GET", path, 200, target, org]),
        "the altered link opens nothing"
    );
    assert_eq!(entry["actor"], json!({"id": "download_link", "name": null, "type": "api_key"}));
    assert!(!entry.to_string().contains("signature"));
    server.stop().await;
}

#[tokio::test]
async fn refused_keys_leave_entries_that_do_not_show_them() {
    let server = TestServer::start().await;
    let org = server.organization("Foo").await;
    let (key_id, key) = server.organization_key(&org).await;
    for secret in ["sk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "' OR 1=1 --", ""] {
        assert_eq!(server.with_key(secret).get("/organizations?search=x").await.status, 401);
    }
    assert_eq!(server.without_key().post("/audit_logs/events", event(&org)).await.status, 401);
    let all = entries(&server.caller()).await;
    let unknown = json!({"id": "unknown", "name": null, "type": "api_key"});
    assert_eq!(all.len(), 6, "{all:#?}");
    for entry in &all[2..5] {
        assert_eq!(facts(entry), json!(["authentication.failed", "GET", "/organizations", 401, null, null]));
        assert_eq!((&entry["actor"], &entry["client_ip"]), (&unknown, &json!("127.0.0.1")));
    }
    assert_eq!(facts(&all[5]), json!(["authentication.failed", "POST", "/audit_logs/events", 401, null, null]));
    let text = server.caller().get(&format!("{LOG}?limit=100")).await.text;
    assert!(!text.contains("aaaaaaaa") && !text.contains("OR 1=1"), "{text}");

    // An expired key is known: its organization learns of it. A deleted one is not.
    assert_eq!(server.caller().post(&format!("/api_keys/{key_id}/expire"), json!({})).await.status, 200);
    assert_eq!(server.with_key(&key).delete(&format!("/organizations/{org}")).await.status, 401);
    let entry = newest(&server, 8).await;
    let path = format!("/organizations/{org}");
    assert_eq!(facts(&entry), json!(["authentication.failed", "DELETE", path, 401, null, org]));
    assert_eq!(entry["actor"], json!({"id": key_id, "name": "k", "type": "api_key"}));
    assert_eq!(server.caller().delete(&format!("/api_keys/{key_id}")).await.status, 204);
    assert_eq!(server.with_key(&key).delete(&format!("/organizations/{org}")).await.status, 401);
    assert_eq!(newest(&server, 10).await["actor"], unknown);
    server.stop().await;
}

#[tokio::test]
async fn refused_keys_do_not_fill_the_log() {
    // As if they came from many addresses.
    let refused_keys_per_minute = NonZeroU32::new(100_000).unwrap();
    let server = TestServer::start_with(Config { refused_keys_per_minute, ..Config::default() }).await;
    let started = std::time::Instant::now();
    let strangers = server.with_key("sk_of_nobody_at_all");
    for _ in 0..30 {
        futures::future::join_all((0..20).map(|_| strangers.get("/organizations"))).await;
    }
    let seconds = started.elapsed().as_secs() + 1;
    let total =
        server.caller().get(&format!("{LOG}?action=authentication.failed")).await.body["pagination"]["total_count"].as_u64();
    assert!((100..=100 * (seconds + 1)).contains(&total.unwrap()) && total <= Some(600), "{total:?} in {seconds} s");
    server.stop().await;
}

#[tokio::test]
async fn keys_of_another_environment_leave_their_entries_there() {
    let server = TestServer::start().await;
    let (_, other) = server.engine.create_environment("other").await.unwrap();
    let other = server.with_key(other.expose());
    other.post("/organizations", json!({"name": "Foo"})).await;
    assert_eq!((entries(&other).await.len(), entries(&server.caller()).await.len()), (1, 0));
    server.with_key("sk_of_nobody_at_all").get("/organizations").await;
    assert_eq!((entries(&other).await.len(), entries(&server.caller()).await.len()), (1, 1));
    server.stop().await;
}

#[tokio::test]
async fn a_replayed_write_is_a_request_too() {
    let server = TestServer::start().await;
    let caller = server.caller().header("idempotency-key", "k");
    let made = caller.post("/organizations", json!({"name": "Foo"})).await;
    assert_eq!(caller.post("/organizations", json!({"name": "Foo"})).await.text, made.text);
    let org = &made.body["id"];
    let all = entries(&server.caller()).await;
    assert_eq!(all.len(), 2);
    for entry in &all {
        assert_eq!(facts(entry), json!(["organization.create", "POST", "/organizations", 201, ["organization", org], org]));
    }
    assert_ne!(all[0]["id"], all[1]["id"]);
    server.stop().await;
}

/// A connection that ends drops the request that runs on it, wherever that is.
#[tokio::test]
async fn a_client_that_hangs_up_does_not_prevent_its_entry() {
    let server = TestServer::start().await;
    let routes = annals_server::router(App::new(Config::default(), server.engine.clone(), server.address));
    let (_, key) = server.engine.create_environment("other").await.unwrap();
    for n in 0..60 {
        let request = Request::post("/organizations").header("authorization", format!("Bearer {}", key.expose()));
        let running = routes.clone().oneshot(request.body(Body::from(json!({"name": "Foo"}).to_string())).unwrap());
        drop(tokio::time::timeout(Duration::from_micros(n * 100), running).await);
    }
    let caller = server.with_key(key.expose());
    let (mut made, mut told) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..100 {
        let ids = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        made = ids(caller.get("/organizations?limit=100").await.ids());
        let log = caller.get(&format!("{LOG}?limit=100")).await;
        told = ids(items(&log).iter().map(|entry| entry["target"]["id"].as_str().unwrap()).collect());
        if told == made && made.len() == 60 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((told.len(), &told), (60, &made));
    server.stop().await;
}

#[tokio::test]
async fn the_client_behind_a_trusted_proxy_is_named() {
    for (trust, client) in [(false, "127.0.0.1"), (true, "203.0.113.7")] {
        let server = TestServer::start_with(Config { trust_forwarded_for: trust, ..Config::default() }).await;
        let caller = server.caller().header("x-forwarded-for", "198.51.100.1, 203.0.113.7");
        caller.post("/organizations", json!({"name": "Foo"})).await;
        caller.header("authorization", "Bearer sk_of_nobody_at_all").get("/organizations").await;
        let all = entries(&server.caller()).await;
        assert!(all.len() == 2 && all.iter().all(|entry| entry["client_ip"] == client), "{trust}: {all:#?}");
        server.stop().await;
    }
}

/// The act happened, so it is answered; a number says that its entry is missing.
#[tokio::test]
async fn without_the_log_writes_are_still_answered() {
    let full = TailLimits { records_max: 0, ..TailLimits::default() };
    let server = TestServer::start_on(Config::default(), |settings| settings.tail = full).await;
    let made = server.caller().post("/organizations", json!({"name": "Foo"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let metrics = server.without_key().get("/metrics").await;
    let counted = r#"annals_own_requests_not_recorded_total{reason="unavailable"} "#;
    assert!(metrics.text.contains(counted), "{counted} is missing:\n{}", metrics.text);
    // Entries that somebody sends are not acts: those are refused.
    let sent = json!({"action": "a", "actor": {"id": "u", "type": "user"}, "client_ip": "::1", "method": "GET", "path": "/", "status_code": 200});
    assert_eq!(server.caller().post(LOG, sent).await.status, 503);
    server.stop().await;
}

#[tokio::test]
async fn a_broken_body_is_recorded_as_it_was_answered() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (_, key) = server.engine.create_environment("other").await.unwrap();
    let head = format!(
        "POST /organizations?token=secret HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{\"na",
        key.expose()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..100 {
        all = entries(&server.with_key(key.expose())).await;
        if !all.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(facts(&all[0]), json!(["organization.create", "POST", "/organizations", 400, null, null]), "{answer}");
    server.stop().await;
}
