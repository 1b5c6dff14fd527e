//! What is read, what is refused, and that both sides of the wire say the same.

use super::*;
use crate::wire::InvalidBody;

fn read(body: &str) -> Result<PublishEvent, String> {
    PublishEvent::read(&crate::json::parse(body.as_bytes()).expect("JSON")).map_err(|refused| match refused {
        InvalidBody::Fields(refused) => {
            refused.errors.iter().map(|error| format!("{}: {}", error.field, error.code)).collect::<Vec<_>>().join("; ")
        }
        other => panic!("{other:?}"),
    })
}

#[test]
fn an_event_is_read_as_it_is_written() {
    let body = r#"{"context":{"actor":{"id":"u","name":null,"source":"dashboard"},"client_id":"c"},"data":{"id":1,"x":null},
        "event":"user.created","idempotency_key":"k","mirrored_from":{"created_at":"2026-01-01T00:00:00.123Z","id":"event_1"},
        "organization_id":"org_1"}"#;
    let event = read(body).expect("valid");
    let written = serde_json::to_value(&event).expect("JSON");
    assert_eq!(written, serde_json::from_str::<Value>(body).expect("JSON"));
    let context: EventContext =
        serde_json::from_str(event.whole_context().expect("small").expect("there").as_str()).expect("reads");
    assert_eq!(context.mirrored_from.map(|origin| origin.id).as_deref(), Some("event_1"));
    assert_eq!((context.actor.map(|actor| actor.source).as_deref(), context.other.len()), (Some("dashboard"), 1));
}

#[test]
fn the_smallest_event_has_a_name_and_data() {
    let event = read(r#"{"event":"a.b","data":{},"context":null,"mirrored_from":null,"organization_id":null}"#).expect("valid");
    assert_eq!((event.data.as_str(), event.whole_context()), ("{}", Ok(None)));
    assert_eq!(serde_json::to_string(&event).expect("JSON"), r#"{"event":"a.b","data":{}}"#);
}

#[test]
fn every_wrong_member_is_named() {
    for (body, refused) in [
        ("{}", "event: required; data: required"),
        (r#"{"event":"a.b","data":[]}"#, "data: data must be an object"),
        (r#"{"event":"a.b","data":{"n":9007199254740993}}"#, "data: data must not have numbers beyond 2^53 - 1"),
        (r#"{"event":"a.b","data":{},"context":"x"}"#, "context: context must be an object"),
        (
            r#"{"event":"a.b","data":{},"context":{"actor":{"id":5}}}"#,
            "context.actor.id: context.actor.id must be a string; context.actor.source: required",
        ),
        (r#"{"event":"a.b","data":{},"context":{"actor":"me"}}"#, "context.actor: context.actor must be an object"),
        (
            r#"{"event":"a.b","data":{},"context":{"mirrored_from":{}}}"#,
            "context.mirrored_from: context.mirrored_from must stand beside the context",
        ),
        (
            r#"{"event":"a.b","data":{},"mirrored_from":{"id":"e","created_at":"soon"}}"#,
            "mirrored_from.created_at: mirrored_from.created_at must be a valid ISO 8601 date string",
        ),
        (
            r#"{"event":"a.b","data":{},"idempotency_key":7,"organization_id":[]}"#,
            "organization_id: organization_id must be a string; idempotency_key: idempotency_key must be a string",
        ),
    ] {
        assert_eq!(read(body).expect_err(body), refused);
    }
    let large = format!(r#"{{"event":"a.b","data":{{"x":"{}"}}}}"#, "x".repeat(FEED_DATA_BYTES_MAX));
    assert!(read(&large).expect_err("too large").starts_with("data: data must be at most 65536 bytes"));
    for name in ["User.created", "user", "user..created", "user.created ", "*"] {
        let refused = read(&format!(r#"{{"event":"{name}","data":{{}}}}"#)).expect_err(name);
        assert!(refused.starts_with("event: event must be words"), "{refused}");
    }
}

#[test]
fn an_answer_reads_back() {
    let text =
        r#"{"object":"event","id":"event_1","event":"a.b","data":{"b":1,"a":null},"created_at":"2026-01-01T00:00:00.000Z"}"#;
    let event: Event = serde_json::from_str(text).expect("reads");
    assert_eq!(event.context, None);
    assert_eq!(serde_json::to_value(&event).expect("JSON"), serde_json::from_str::<Value>(text).expect("JSON"));
}
