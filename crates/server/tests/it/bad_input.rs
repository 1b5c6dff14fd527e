//! Bad input gets a JSON object with a message and the right status, and nothing is stored.

use std::time::Duration;

use annals_server::Config;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Caller, TestServer, check_refused, event};

const EVENTS: &str = "/audit_logs/events";

/// The body, the field that is named (`""`: none), the status.
async fn check(caller: &Caller<'_>, path: &str, body: &str, field: &str, status: u16) {
    let reply = caller.post_text(path, body).await;
    let body: String = body.chars().take(200).collect();
    assert_eq!(reply.status, status, "{body}: {reply:?}");
    if !field.is_empty() {
        assert_eq!(reply.message(), "Validation failed.", "{body}");
        let errors = reply.body["errors"].as_array().unwrap();
        assert!(errors.iter().any(|e| e["field"] == field && e["code"].is_string()), "{body}: {reply:?}");
    }
}

#[tokio::test]
async fn wrong_events_are_refused_field_by_field() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    let caller = server.caller();
    let with = |pointer: &str, value: Value| {
        let mut body = event(&organization);
        match body.pointer_mut(pointer) {
            Some(member) => *member = value,
            None => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                body.pointer_mut(parent).unwrap()[name] = value;
            }
        }
        body.to_string()
    };
    for text in [
        "{",
        "nonsense",
        "[1,",
        "{\"a\":NaN}",
        "{\"a\":1,\"a\":2}",
        "\u{feff}{}",
        "{} {}",
        "{\"event\":{\"action\":\"a\",\"action\":\"b\"}}",
    ] {
        check(&caller, EVENTS, text, "", 400).await;
    }
    for text in ["[]", "null", "5", "\"text\""] {
        check(&caller, EVENTS, text, "body", 422).await;
    }
    check(&caller, EVENTS, "", "organization_id", 422).await;
    check(&caller, EVENTS, "{}", "event", 422).await;
    for (pointer, value, field) in [
        ("/organization_id", Value::Null, "organization_id"),
        ("/organization_id", json!(5), "organization_id"),
        ("/event", json!([]), "event"),
        ("/event/action", Value::Null, "event.action"),
        ("/event/action", json!({}), "event.action"),
        ("/event/action", json!("a".repeat(257)), "event.action"),
        ("/event/occurred_at", json!("yesterday"), "event.occurred_at"),
        ("/event/occurred_at", json!(1_661_802_472), "event.occurred_at"),
        ("/event/occurred_at", json!("2022-13-29T19:47:52Z"), "event.occurred_at"),
        ("/event/actor", Value::Null, "event.actor"),
        ("/event/actor/id", json!(5), "event.actor.id"),
        ("/event/targets", Value::Null, "event.targets"),
        ("/event/targets/0", json!("team"), "event.targets.0"),
        ("/event/targets/0/type", Value::Null, "event.targets.0.type"),
        ("/event/context", json!({}), "event.context.location"),
        ("/event/version", json!("1"), "event.version"),
        ("/event/metadata", json!("x"), "event.metadata"),
        ("/event/metadata", json!({"k": {"nested": 1}}), "event.metadata.k"),
        ("/event/metadata", json!({"k": ["nested"]}), "event.metadata.k"),
        ("/event/metadata", json!({"k": null}), "event.metadata.k"),
        ("/event/metadata", json!({"k": "v".repeat(501)}), "event.metadata.k"),
        ("/event/metadata", json!({"a b": 1}), "event.metadata.a b"),
        ("/event/actor/metadata", json!({"k": {}}), "event.actor.metadata.k"),
    ] {
        check(&caller, EVENTS, &with(pointer, value), field, 422).await;
    }
    let many: serde_json::Map<_, _> = (0..51).map(|i| (format!("k{i}"), json!(i))).collect();
    check(&caller, EVENTS, &with("/event/metadata", Value::Object(many)), "event.metadata", 422).await;
    server.stop().await;
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused_and_the_connection_lives() {
    let server = TestServer::start().await;
    for bytes in [1024 * 1024 + 1, 2 * 1024 * 1024] {
        for path in [EVENTS, "/organizations"] {
            let reply = server.caller().post_text(path, " ".repeat(bytes)).await;
            check_refused(&reply, 413, json!({"message": "request entity too large"}));
        }
    }
    // At the limit it is read, and is not an event.
    assert_eq!(server.caller().post_text(EVENTS, " ".repeat(1024 * 1024)).await.status, 400);
    server.stop().await;
}

/// Simple clients send all of a body before they look for an answer. One that came early must still be there then.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_sends_all_first() {
    let server = TestServer::start().await;
    for bytes in [100, 1_000_000, 8_000_000] {
        let head = format!(
            "POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_of_nobody_at_all\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n"
        );
        for _ in 0..10 {
            let answer = raw(&server, &(head.clone() + &"x".repeat(bytes)), false).await;
            assert!(answer.starts_with("HTTP/1.1 401"), "{bytes}: {answer:?}");
        }
    }
    server.stop().await;
}

/// The answer is known before the body comes. The connection must serve the next request all the same.
#[tokio::test]
async fn a_connection_outlives_an_early_refusal() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..5 {
        let head = format!(
            "POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_of_nobody_at_all\r\nContent-Length: 400\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(&[b'x'; 400]).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer:?}");
    }
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let server = TestServer::start().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"] {
        for path in [EVENTS, "/organizations", "/audit_logs/exports", "/api_keys/validations"] {
            assert_eq!(server.caller().header("content-type", kind).post_text(path, "{}").await.status, 415, "{kind} {path}");
        }
    }
    for kind in ["application/json", "application/json; charset=utf-8", "application/vnd.api+json"] {
        assert_eq!(server.caller().header("content-type", kind).post_text(EVENTS, "{}").await.status, 422, "{kind}");
    }
    // A content type without a body, as clients send it with GET.
    assert_eq!(server.caller().header("content-type", "application/json").get("/organizations").await.status, 200);
    server.stop().await;
}

/// Sends raw bytes, shuts its side down when told, and reads what comes back.
async fn raw(server: &TestServer, request: &str, half_close: bool) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let sent = stream.write_all(request.as_bytes()).await;
    if half_close {
        sent.unwrap();
        stream.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_secs(10), stream.read(&mut chunk)).await.expect("an answer") {
            Ok(0) | Err(_) => break,
            Ok(n) => answer.extend_from_slice(&chunk[..n]),
        }
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_refused() {
    let server = TestServer::start_with(Config { body_timeout: Duration::from_millis(300), ..Config::default() }).await;
    let organization = server.organization("Foo").await;
    let (_, key) = server.organization_key(&organization).await;
    let head = format!("POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n");
    for body in ["Content-Length: 100\r\n\r\n{\"organization_id\":", "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n"] {
        for half_close in [true, false] {
            let answer = raw(&server, &format!("{head}{body}"), half_close).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{body:?} {half_close}: {answer}");
            assert!(answer.contains("x-request-id: req_") && answer.contains("\"message\":\"the request body "), "{answer}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn hostile_ids_in_paths_are_unknown_ids() {
    let server = TestServer::start().await;
    let hostile = [
        "x",
        "org_",
        "org_01ehwnce74x7jsdv0x3sz3kjny",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "'%20OR%201=1--",
        "%F0%9F%98%80",
        "a%2Fb",
        "org_81EHWNCE74X7JSDV0X3SZ3KJNY",
        "%25%32%66",
        "<script>",
        "-1",
        "%E2%80%AE",
        "org_01EHWNCE74X7JSDV0X3SZ3KJNY%00",
    ];
    let long = "a".repeat(5000);
    for id in hostile.into_iter().chain([long.as_str()]) {
        for (method, path) in [
            (Method::GET, format!("/organizations/{id}")),
            (Method::PUT, format!("/organizations/{id}")),
            (Method::DELETE, format!("/organizations/{id}")),
            (Method::DELETE, format!("/Organizations/{id}")),
            (Method::GET, format!("/organizations/external_id/{id}")),
            (Method::GET, format!("/organizations/{id}/audit_logs_retention")),
            (Method::PUT, format!("/organizations/{id}/audit_logs_retention")),
            (Method::GET, format!("/organizations/{id}/audit_log_configuration")),
            (Method::GET, format!("/organizations/{id}/api_keys")),
            (Method::POST, format!("/organizations/{id}/api_keys")),
            (Method::GET, format!("/audit_logs/exports/{id}")),
            (Method::GET, format!("/audit_logs/exports/{id}/download")),
            (Method::GET, format!("/audit_logs/actions/{id}/schemas")),
            (Method::DELETE, format!("/api_keys/{id}")),
            (Method::POST, format!("/api_keys/{id}/expire")),
        ] {
            let reply = server.caller().send(method.clone(), &path, None).await;
            assert_eq!(reply.status, 404, "{method} {path}: {reply:?}");
            assert!(reply.text.len() < 1024, "{method} {path} answers with too much");
        }
    }
    // Not UTF-8.
    assert_eq!(server.caller().get("/organizations/%FF%FE").await.status, 404);
    assert_eq!(server.caller().get("/audit_logs/actions/%FF/schemas").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_get_json() {
    let server = TestServer::start().await;
    for path in ["/nothing", "/organizations/", "/audit_logs", "/audit_logs/actions//schemas", "/Organizations"] {
        check_refused(&server.caller().get(path).await, 404, json!({"message": "Not Found"}));
    }
    for (method, path, allowed) in [
        (Method::GET, EVENTS, "POST"),
        (Method::DELETE, "/organizations", "GET,HEAD,POST"),
        (Method::PATCH, "/organizations/org_1", "GET,HEAD,PUT,DELETE"),
        (Method::GET, "/Organizations/org_1", "DELETE"),
        (Method::OPTIONS, "/health", "GET,HEAD"),
        (Method::TRACE, "/organizations", "GET,HEAD,POST"),
    ] {
        let reply = server.caller().send(method.clone(), path, None).await;
        check_refused(&reply, 405, json!({"message": "Method Not Allowed"}));
        let mut allow: Vec<_> = reply.header("allow").unwrap().split(',').map(str::trim).collect();
        let mut expected: Vec<_> = allowed.split(',').collect();
        allow.sort_unstable();
        expected.sort_unstable();
        assert_eq!(allow, expected, "{method} {path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn nothing_of_a_refused_request_is_stored() {
    let server = TestServer::start().await;
    for body in [json!({"name": ""}), json!({"name": "x", "domains": ["a b"]}), json!({"name": "x", "metadata": {"k": 1}})] {
        assert!(server.caller().post("/organizations", body).await.status.is_client_error());
    }
    assert!(server.caller().get("/organizations").await.ids().is_empty());
    for body in [json!({}), json!({"targets": []}), json!({"targets": [{"type": "a"}], "metadata": {"type": "array"}})] {
        assert_eq!(server.caller().post("/audit_logs/actions/a/schemas", body).await.status, 422);
    }
    assert_eq!(server.caller().get("/audit_logs/actions").await.body["data"], json!([]));
    server.stop().await;
}
