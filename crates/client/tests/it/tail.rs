//! The live stream over lost connections.

use std::time::Duration;

use annals_client::{AuditEventFilter, Error, Tail};
use futures::StreamExt;

use crate::script::{Reply, Script, answer, ok, status};

const LIST: &str = "GET /v1/audit_log_events?organization_id=o&limit=1&order=desc";
const TAIL: &str = "GET /v1/audit_log_events/tail?organization_id=o&actions=a";

fn event(id: &str) -> String {
    format!(
        r#"{{"object":"audit_log_event","id":"{id}","organization_id":"o","seq":0,"action":"a","version":1,"occurred_at":"2026-01-01","received_at":"2026-01-01","actor":{{"id":"u","type":"user"}},"targets":[],"context":{{}},"metadata":{{}}}}"#
    )
}

fn page(ids: &[&str]) -> Reply {
    let events: Vec<_> = ids.iter().map(|id| event(id)).collect();
    ok(&format!(r#"{{"object":"list","data":[{}],"list_metadata":{{"before":null,"after":null}}}}"#, events.join(",")))
}

fn events(body: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{body}"))
}

fn live(ids: &[&str]) -> Reply {
    let message = |id: &&str| format!(": alive\n\nid: {id}\nevent: audit_log_event\ndata: {}\n\n", event(id));
    events(&ids.iter().map(message).collect::<String>())
}

async fn open(script: &Script) -> Result<Tail, Error> {
    let filter =
        AuditEventFilter { organization_id: Some("o".to_owned()), actions: vec!["a".to_owned()], ..AuditEventFilter::default() };
    script.client().audit_events().tail(filter).await
}

/// The ids that come, and the error at the end.
async fn collect(tail: Tail) -> (Vec<String>, Error) {
    let mut ids = Vec::new();
    let mut tail = tail;
    loop {
        match tokio::time::timeout(Duration::from_secs(10), tail.next()).await.expect("something") {
            Some(Ok(event)) => ids.push(event.id),
            Some(Err(error)) => {
                assert!(tail.next().await.is_none(), "an error is the end");
                return (ids, error);
            }
            None => panic!("ended without an error after {ids:?}"),
        }
    }
}

#[tokio::test]
async fn a_lost_connection_goes_on_behind_the_last_event() {
    let cut = live(&["e3"]);
    let Reply::Raw(cut) = cut else { panic!("bytes") };
    let cut = Reply::Raw(format!("{cut}id: e4\nevent: audit_log_event\ndata: {{\"obj"));
    let away = (0..5).map(|_| status(503));
    let replies = [page(&["e0"]), live(&["e1", "e2"]), Reply::Close, cut, live(&[])];
    let script = Script::play(replies.into_iter().chain(away).chain([live(&["e4"]), status(401)])).await;
    let (ids, error) = collect(open(&script).await.expect("connected")).await;
    assert_eq!(ids, ["e1", "e2", "e3", "e4"]);
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    let requests = script.requests();
    assert_eq!(requests[0], LIST);
    assert!(requests[1..].iter().all(|request| request == TAIL), "{requests:?}");
    let behind: Vec<_> = script.headers("last-event-id").into_iter().map(Option::unwrap_or_default).collect();
    assert_eq!(behind, ["", "e0", "e2", "e2", "e3", "e3", "e3", "e3", "e3", "e3", "e3", "e4"]);
    assert_eq!(script.headers("accept")[1].as_deref(), Some("text/event-stream"));
}

#[tokio::test]
async fn what_came_while_nothing_had_been_seen_is_not_missed() {
    let script = Script::play([page(&[]), live(&[]), page(&[]), live(&[]), page(&["e1"]), live(&["e2"]), status(400)]).await;
    let (ids, error) = collect(open(&script).await.expect("connected")).await;
    assert_eq!(ids, ["e1", "e2"]);
    assert!(matches!(error, Error::Refused(_)), "{error}");
    let oldest = "GET /v1/audit_log_events?organization_id=o&actions=a&limit=1&order=asc";
    assert_eq!(script.requests(), [LIST, TAIL, oldest, TAIL, oldest, TAIL, TAIL]);
    let behind: Vec<_> = script.headers("last-event-id").into_iter().map(Option::unwrap_or_default).collect();
    assert_eq!(behind, ["", "", "", "", "", "e1", "e2"]);
}

#[tokio::test]
async fn a_caller_goes_on_where_it_left_off() {
    let script = Script::play([live(&["e8"]), answer(400, "", r#"{"message":"gone","code":"unknown_event_id"}"#)]).await;
    let tail = script.client().audit_events().tail_after(AuditEventFilter::default(), "e7").await.expect("connected");
    let (ids, error) = collect(tail).await;
    assert_eq!(ids, ["e8"]);
    assert_eq!(error.refusal().and_then(|refusal| refusal.code.as_deref()), Some("unknown_event_id"));
    assert_eq!(script.headers("last-event-id")[0].as_deref(), Some("e7"));
}

#[tokio::test]
async fn a_first_connection_that_fails_is_known_at_once() {
    let script = Script::play([page(&[]), status(403)]).await;
    let error = open(&script).await.expect_err("forbidden");
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    let script = Script::play([page(&[]), ok("{}")]).await;
    let error = open(&script).await.expect_err("no stream");
    assert!(matches!(error, Error::Unexpected { .. }), "{error}");
}

#[tokio::test]
async fn nonsense_ends_the_stream() {
    let other = "event: greeting\ndata: hello\n\n";
    for (body, what) in [
        (format!("{other}event: audit_log_event\ndata: {{}}\n\n"), "missing field"),
        ("event: audit_log_event\ndata: <html>\n\n".to_owned(), "expected value"),
        (format!("data: {}", "x".repeat(2 * 1024 * 1024)), "line without an end"),
    ] {
        let script = Script::play([page(&[]), events(&body)]).await;
        let (ids, error) = collect(open(&script).await.expect("connected")).await;
        assert!(ids.is_empty() && matches!(error, Error::Unexpected { .. }), "{error}");
        assert!(error.to_string().contains(what), "{what}: {error}");
    }
}
