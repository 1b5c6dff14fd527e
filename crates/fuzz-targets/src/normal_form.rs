//! The normal form is a fixed point: parse, canonical text, parse again gives the same event and the same text.

use annals_core::event::{CommittedEvent, NewEvent, NormalEvent};
use annals_core::ids::{AuditEventId, EnvironmentId, OrganizationId};
use annals_core::json;
use annals_core::time::Micros;
use annals_core::wire::AuditLogEvent;

pub fn run(body: &[u8]) {
    let Ok(first) = NewEvent::parse(body) else { return };
    let committed = committed(first.event().clone());
    let text = committed.canonical_text();
    let read = json::parse(text.as_bytes()).expect("the canonical text is JSON");
    assert_eq!(read.canonical(), text, "RFC 8785");
    // Members that are not an event's own, id, org and v, are passed over. An empty list is not kept, and must be sent.
    let targets = if first.event().targets.is_empty() { r#""targets":[],"# } else { "" };
    let body = format!(r#"{{"organization_id":"org_1","event":{{{targets}{}}}"#, &text[1..]);
    let second = NewEvent::parse(body.as_bytes());
    let second = second.unwrap_or_else(|error| panic!("the canonical text is refused: {error:?}: {text}"));
    assert_eq!(first.event(), second.event(), "{text}");
    assert_eq!(self::committed(second.event().clone()).canonical_text(), text);
    // As it is read: its JSON is read back as the same.
    let shown = AuditLogEvent::of(&committed);
    let shown_text = serde_json::to_vec(&shown).expect("JSON");
    assert_eq!(serde_json::from_slice::<AuditLogEvent>(&shown_text).expect("our own JSON"), shown);
}

fn committed(event: NormalEvent) -> CommittedEvent {
    CommittedEvent {
        id: AuditEventId::from_parts(1, 1),
        environment: EnvironmentId::from_parts(1, 1),
        organization: OrganizationId::from_parts(1, 1),
        seq: 0,
        received_at: Micros::saturating(0),
        event,
    }
}
