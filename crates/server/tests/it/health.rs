use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_running_server_is_healthy_and_ready() {
    let server = TestServer::start().await;
    for path in ["/health", "/ready"] {
        let reply = server.without_key().get(path).await;
        assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!({"status": "ok"})), "{path}");
    }
    assert_eq!(server.without_key().get("/").await.body["name"], "annals");
    server.stop().await;
}

#[tokio::test]
async fn a_server_without_its_parts_says_which() {
    let server = TestServer::start().await;
    server.engine.close().await;
    let reply = server.without_key().get("/ready").await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.message().starts_with("not ready: ") && reply.message().contains("store"), "{reply:?}");
    assert_eq!(server.without_key().get("/health").await.status, 200);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let server = TestServer::start().await;
    server.caller().get("/organizations/org_01EHWNCE74X7JSDV0X3SZ3KJNY").await;
    server.caller().get("/no/such/path").await;
    let reply = server.without_key().get("/metrics").await;
    assert!(reply.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in [
        r#"annals_http_requests_total{method="GET",route="/organizations/{id}",status="404"}"#,
        r#"annals_http_requests_total{method="GET",route="unmatched",status="404"}"#,
        r#"annals_http_request_duration_seconds_bucket{method="GET",route="/organizations/{id}",status="404",le="+Inf"}"#,
        "annals_http_requests_in_flight",
    ] {
        assert!(reply.text.contains(line), "{line} is missing:\n{}", reply.text);
    }
    server.stop().await;
}
