use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_running_server_is_healthy_and_ready() {
    let server = TestServer::start().await;
    let health = server.without_key().get("/health").await;
    assert_eq!((health.status.as_u16(), &health.body), (200, &json!({"status": "ok"})));
    let ready = server.without_key().get("/ready").await;
    assert_eq!(
        (ready.status.as_u16(), &ready.body),
        (200, &json!({"status": "ok", "committer": "ok", "store": "ok", "lake": "ok", "warnings": []}))
    );
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
    // Whatever the engine cannot do now is a 503 that says when to come back.
    for path in ["/organizations", "/audit_logs/actions"] {
        assert_eq!(server.caller().get(path).await.status, 503, "{path}");
    }
    assert_eq!(
        server.caller().post("/audit_logs/events", crate::server::event("org_01EHWNCE74X7JSDV0X3SZ3KJNY")).await.status,
        503
    );
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
