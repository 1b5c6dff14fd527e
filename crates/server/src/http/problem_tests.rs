use annals_core::event::Violation;
use axum::body::to_bytes;
use serde_json::{Value, json};

use super::*;

async fn check(problem: Problem, status: u16, retry_after: Option<&str>, body: Value) {
    let response = problem.into_response();
    assert_eq!(response.status(), status, "{body}");
    assert_eq!(response.headers().get("retry-after").map(|value| value.to_str().unwrap()), retry_after, "{body}");
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    let sent = to_bytes(response.into_body(), 4096).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&sent).unwrap(), body);
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("disk full".into())
}

#[tokio::test]
async fn failures_that_pass_say_when_to_come_back() {
    let full = ExportError::Full { retry_after: Duration::from_secs(30) };
    let body = json!({"message": "Too many requests.", "code": "rate_limit_exceeded"});
    check(Problem::export(&"e")(full), 429, Some("30"), body).await;
    for (asked, sent) in [(Duration::from_millis(5), "1"), (Duration::from_secs(7), "7"), (Duration::from_secs(3600), "60")] {
        let refused = AppendError::Unavailable { reason: "full", retry_after: asked };
        check(Problem::append("o", None)(refused), 503, Some(sent), json!({"message": "Not accepting events now: full."})).await;
    }
    check(unavailable().into(), 503, Some("1"), json!({"message": "Not available now."})).await;
    check(StoreError::Fenced.into(), 503, Some("1"), json!({"message": "Not available now."})).await;
}

#[tokio::test]
async fn failures_do_not_show_their_causes() {
    let damaged = StoreError::Damaged { what: "row 7 of organizations".to_owned() };
    check(damaged.into(), 500, None, json!({"message": "Internal server error"})).await;
    check(Problem::panicked("secret"), 500, None, json!({"message": "Internal server error"})).await;
}

#[tokio::test]
async fn broken_rules_are_listed() {
    let violations = vec![Violation { instance_path: "/targets/0/type".to_owned(), message: "must be team".to_owned() }];
    let errors = json!([{"instancePath": "/targets/0/type", "message": "must be team"}]);
    let body = json!({"message": "Invalid Audit Log event.", "code": "invalid_audit_log_event", "errors": errors});
    check(Problem::append("o", None)(AppendError::Violations(violations)), 400, None, body).await;
}

#[tokio::test]
async fn long_ids_are_cut() {
    let id = "x".repeat(5000);
    let shown = "x".repeat(128);
    let body = json!({"message": format!("Organization not found: '{shown}'."), "code": "entity_not_found", "entity_id": shown});
    check(Problem::not_found(Entity::Organization, &id), 404, None, body).await;
}
