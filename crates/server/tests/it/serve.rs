use std::time::Duration;

use annals_server::Config;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{TestServer, event};

/// Whether new connections are refused within a second.
async fn stops_listening(server: &TestServer) -> bool {
    for _ in 0..100 {
        if TcpStream::connect(server.address).await.is_err() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_stopping_server_finishes_running_requests() {
    let mut server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    let (_, key) = server.organization_key(&organization).await;
    let body = event(&organization).to_string();
    let (first, second) = body.split_at(20);
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /audit_logs/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    server.begin_stop();
    assert!(stops_listening(&server).await);
    assert!(server.is_running(), "a request is still running");
    stream.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"success":true}"#), "{answer}");
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "an idle connection is closed");
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut() {
    let config = Config { drain_timeout: Duration::from_millis(200), ..Config::default() };
    let server = TestServer::start_with(config).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let organization = server.organization("Foo").await;
    let (_, key) = server.organization_key(&organization).await;
    let head =
        format!("POST /audit_logs/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 10\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::time::timeout(Duration::from_secs(5), server.stop()).await.expect("the server stops");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let server =
        TestServer::start_with(Config { connections_max: 2, connections_of_address_max: Some(2), ..Config::default() }).await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let _second = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    third.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    assert!(tokio::time::timeout(Duration::from_millis(200), third.read_to_string(&mut answer)).await.is_err(), "{answer}");
    drop(first);
    third.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_reads_loses_its_place() {
    let config = Config { connections_max: 1, write_timeout: Duration::from_millis(200), ..Config::default() };
    let server = TestServer::start_with(config).await;
    let mut deaf = TcpStream::connect(server.address).await.unwrap();
    // More answers than the buffers of both sides hold; the server stops reading when they are full.
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(500);
    deaf.write_all(requests.as_bytes()).await.unwrap();
    let mut next = TcpStream::connect(server.address).await.unwrap();
    next.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(30), next.read_to_string(&mut answer)).await;
    assert!(read.is_ok() && answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let server = TestServer::start_with(Config { idle_timeout: Duration::from_millis(200), ..Config::default() }).await;
    for sent in ["", "GET /health HTTP/1.1\r\nHos"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 64])).await.expect("closed");
        assert!(matches!(read, Ok(0) | Err(_)) || !sent.is_empty(), "{sent:?}");
    }
    let made = server.caller().post("/organizations", json!({"name": "x"})).await;
    assert_eq!(made.status, 201);
    server.stop().await;
}
