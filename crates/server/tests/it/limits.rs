use std::num::NonZeroU32;
use std::time::Duration;

use annals_server::{Config, Rate};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Reply, TestServer, check_refused, event};

fn few(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn check_too_many(reply: &Reply) {
    check_refused(reply, 429, json!({"message": "Too many requests.", "code": "rate_limit_exceeded"}));
}

#[tokio::test]
async fn a_key_has_its_rate_and_other_keys_have_theirs() {
    // A minute and more for each request after the burst: nothing comes back while the test runs.
    let rate = Rate { per_second: few(1), burst: few(20) };
    let server = TestServer::start_with(Config { key_rate: Some(rate), ..Config::default() }).await;
    let organization = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    let (_, key) = server.organization_key(&organization).await;
    let mut statuses = Vec::new();
    for _ in 0..60 {
        let reply = server.with_key(&key).post("/audit_logs/events", event(&organization)).await;
        if reply.status != 200 {
            check_too_many(&reply);
        }
        statuses.push(reply.status.as_u16());
    }
    assert!(statuses[..20].iter().all(|status| *status == 200), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 429).count() > 20, "{statuses:?}");
    // The environment's key has its own.
    assert_eq!(server.caller().post("/audit_logs/events", event(&organization)).await.status, 200);
    let metrics = server.without_key().get("/metrics").await.text;
    assert!(metrics.contains(r#"annals_requests_refused_total{limit="key_rate"}"#), "{metrics}");
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_tries_keys_is_slowed_down_and_good_keys_still_work() {
    let server = TestServer::start_with(Config { refused_keys_per_minute: few(5), ..Config::default() }).await;
    let mut refused = Vec::new();
    for n in 0..20 {
        let reply = server.with_key(&format!("sk_tried_{n}_aaaaaaaaaaaaaaaaaaaaaa")).get("/organizations").await;
        if reply.status == 429 {
            check_too_many(&reply);
        }
        refused.push(reply.status.as_u16());
    }
    assert_eq!(refused[..5], [401; 5]);
    assert_eq!(refused[6..], [429; 14]);
    assert_eq!(server.caller().get("/organizations").await.status, 200);
    // Only those that were answered as refused are in the log.
    let log = server.caller().get("/v1/audit_logs?limit=100").await;
    let entries = log.body["items"].as_array().unwrap().len();
    assert!((5..=6).contains(&entries), "{log:?}");
    server.stop().await;
}

/// Sends the head and the first bytes of an event, and keeps the rest.
async fn begin(server: &TestServer, key: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /audit_logs/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_noisy_owner_leaves_room_for_the_others() {
    let server = TestServer::start_with(Config { requests_in_flight_max: 8, ..Config::default() }).await;
    let (quiet, noisy) = (server.organization("Quiet").await, server.organization("Noisy").await);
    server.action("user.signed_in", &["team"]).await;
    let (_, quiet_key) = server.organization_key(&quiet).await;
    let (_, noisy_key) = server.organization_key(&noisy).await;
    let (_, other_noisy_key) = server.organization_key(&noisy).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(begin(&server, &noisy_key).await);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Another key of the same owner has no room of its own.
    for key in [&noisy_key, &other_noisy_key] {
        check_too_many(&server.with_key(key).post("/audit_logs/events", event(&noisy)).await);
    }
    for _ in 0..20 {
        assert_eq!(server.with_key(&quiet_key).post("/audit_logs/events", event(&quiet)).await.status, 200);
    }
    drop(held);
    for _ in 0..100 {
        if server.with_key(&noisy_key).post("/audit_logs/events", event(&noisy)).await.status == 200 {
            return server.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("room that was held is never given back");
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_told_so() {
    let server = TestServer::start_with(Config { connections_of_address_max: Some(2), ..Config::default() }).await;
    let held = [TcpStream::connect(server.address).await.unwrap(), TcpStream::connect(server.address).await.unwrap()];
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    let mut answer = String::new();
    third.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: 1\r\n"), "{answer}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
    assert!(serde_json::from_str::<serde_json::Value>(body).unwrap()["message"].is_string(), "{answer}");
    drop(held);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.without_key().get("/health").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn clients_that_send_or_take_nothing_are_cut_off() {
    let timeout = Duration::from_millis(300);
    let config = Config { header_timeout: timeout, write_timeout: timeout, ..Config::default() };
    let server = TestServer::start_with(config).await;
    // A head that never ends, on a connection that was good before.
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    ask_for_health(&mut slow).await;
    slow.write_all(b"GET /hea").await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut rest)).await;
    assert!(read.is_ok() && rest.is_empty(), "{rest:?}");
    // Answers that nobody takes: more than the buffers of both ends hold.
    let mut deaf = TcpStream::connect(server.address).await.unwrap();
    let asking = async {
        loop {
            deaf.write_all(&b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100)).await?;
        }
    };
    let cut: std::io::Result<()> = tokio::time::timeout(Duration::from_secs(20), asking).await.expect("cut off");
    assert!(cut.is_err());
    server.stop().await;
}

/// Sends a request and reads its answer.
async fn ask_for_health(stream: &mut TcpStream) {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "cut off: {}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn a_connection_rests_longer_than_a_head_may_take() {
    let timeout = Duration::from_millis(300);
    let server = TestServer::start_with(Config { header_timeout: timeout, ..Config::default() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        ask_for_health(&mut stream).await;
        tokio::time::sleep(timeout * 2).await;
    }
    server.stop().await;
}
