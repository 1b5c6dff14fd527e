//! When a request is sent again, and that it stays the same request.

use std::time::{Duration, Instant};

use annals_client::Error;
use annals_client::wire::{Actor, AuditEvent, CreateApiKey, CreateAuditEvent};

use crate::script::{Reply, Script, answer, ok, status};

const RECORDED: &str = r#"{"success":true}"#;

fn event() -> CreateAuditEvent {
    AuditEvent::new("user.signed_in", annals_client::now(), Actor::new("user", "u")).of("org_1")
}

/// Plays the replies and a success behind them: all are asked for, with one idempotency key and one body.
async fn check_repeats(replies: impl IntoIterator<Item = Reply>) {
    let replies: Vec<_> = replies.into_iter().chain([ok(RECORDED)]).collect();
    let script = Script::play(replies.clone()).await;
    let client = script.builder().timeout(Duration::from_millis(300)).build().expect("a client");
    client.audit_events().create(&event()).await.unwrap_or_else(|error| panic!("{replies:?}: {error}"));
    let received = script.received();
    assert_eq!(received.len(), replies.len(), "{replies:?}");
    let key = received[0].headers.get("idempotency-key").expect("a key").clone();
    assert!(key.starts_with("annals-client-"), "{key}");
    for request in &received {
        assert_eq!(request.request, "POST /audit_logs/events");
        assert_eq!(request.headers.get("idempotency-key"), Some(&key));
        assert_eq!(request.body, received[0].body);
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_sent_again_as_the_same_request() {
    check_repeats([status(503)]).await;
    check_repeats([status(500), status(502), status(429)]).await;
    check_repeats([status(408)]).await;
    check_repeats([Reply::Close, Reply::Close]).await;
    check_repeats([Reply::Hang]).await;
    // The head and half of the body.
    let half = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"succ";
    check_repeats([Reply::Raw(half.to_owned())]).await;
    check_repeats([Reply::Raw("HTTP/1.1 200 OK\r\nContent-Le".to_owned())]).await;
    check_repeats([Reply::Raw("nonsense\r\n\r\n".to_owned())]).await;
    let page = "<html><body>Bad Gateway</body></html>";
    check_repeats([Reply::Raw(format!("HTTP/1.1 502 Bad\r\nContent-Length: {}\r\n\r\n{page}", page.len()))]).await;
}

#[tokio::test]
async fn what_does_not_pass_is_not_sent_again() {
    for code in [400, 401, 403, 404, 409, 413, 422] {
        let script = Script::play([status(code), ok(RECORDED)]).await;
        let error = script.client().audit_events().create(&event()).await.expect_err("refused");
        let refusal = error.refusal().expect("an answer");
        assert_eq!((refusal.status, refusal.message.as_str()), (code, format!("status {code}").as_str()));
        assert!(!error.is_temporary(), "{error}");
        assert_eq!(script.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn the_caller_learns_when_to_come_back() {
    let busy = || answer(503, "Retry-After: 0\r\nX-Request-Id: req_1\r\n", r#"{"message":"busy"}"#);
    let script = Script::play([busy(), busy(), busy(), busy(), ok(RECORDED)]).await;
    let Err(Error::Unavailable { refusal, retry_after }) = script.client().audit_events().create(&event()).await else {
        panic!("must be unavailable")
    };
    assert_eq!((refusal.message.as_str(), refusal.request_id.as_deref()), ("busy", Some("req_1")));
    assert_eq!(retry_after, Some(Duration::ZERO));
    assert_eq!(script.requests().len(), 4);
}

#[tokio::test]
async fn a_pause_is_kept_and_one_that_is_too_long_is_left_to_the_caller() {
    let script = Script::play([answer(429, "Retry-After: 1\r\n", "{}"), ok(RECORDED)]).await;
    let started = Instant::now();
    script.client().audit_events().create(&event()).await.expect("recorded");
    assert!(started.elapsed() >= Duration::from_secs(1));

    let script = Script::play([answer(429, "Retry-After: 3\r\n", "{}"), ok(RECORDED)]).await;
    let started = Instant::now();
    let error = script.client().audit_events().create(&event()).await.expect_err("busy");
    assert!(matches!(error, Error::Unavailable { retry_after: Some(pause), .. } if pause.as_secs() == 3), "{error}");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn nobody_there_is_a_transport_error_with_its_cause() {
    let script = Script::play([]).await;
    // The port is closed as soon as the empty script has ended.
    let error = script.client().organizations().get("org_1").await.expect_err("nobody");
    assert!(matches!(error, Error::Transport { .. }), "{error}");
    assert_eq!(error.to_string(), "no answer to GET /organizations/org_1");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_key_that_may_have_been_made_is_not_made_twice() {
    let new = CreateApiKey::new("k");
    for lost in [Reply::Close, status(500), status(503)] {
        let script = Script::play([lost, status(400)]).await;
        let error = script.client().api_keys().create("org_1", &new).await.expect_err("lost");
        assert!(error.is_temporary(), "{error}");
        assert_eq!(script.requests(), ["POST /organizations/org_1/api_keys"]);
    }
    let script = Script::play([status(429), status(400)]).await;
    script.client().api_keys().create("org_1", &new).await.expect_err("refused");
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn what_an_unanswered_attempt_deleted_is_deleted() {
    let script = Script::play([Reply::Close, status(404)]).await;
    script.client().organizations().delete("org_1").await.expect("deleted");
    let script = Script::play([status(404)]).await;
    let error = script.client().organizations().delete("org_1").await.expect_err("never there");
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    // Turned away at the door: nothing was deleted.
    let script = Script::play([status(429), status(404)]).await;
    script.client().organizations().delete("org_1").await.expect_err("never there");
}

#[tokio::test]
async fn every_call_draws_its_own_key_and_the_callers_key_is_kept() {
    let script = Script::play([ok(RECORDED), ok(RECORDED), ok(RECORDED)]).await;
    let client = script.client();
    for _ in 0..2 {
        client.audit_events().create(&event()).await.expect("recorded");
    }
    client.audit_events().idempotency_key("mine").create(&event()).await.expect("recorded");
    let keys = script.headers("idempotency-key");
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[2].as_deref(), Some("mine"));
    let unsendable = client.audit_events().idempotency_key("a\nb").create(&event()).await.expect_err("no header");
    assert!(matches!(unsendable, Error::Unsendable(_)), "{unsendable}");
}
