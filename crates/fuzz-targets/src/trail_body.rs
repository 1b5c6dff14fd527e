//! The body of the older `POST /events`, and the way back: what is kept can be shown in the older form.

use annals_core::event::{CommittedEvent, TrailEvent};
use annals_core::ids::{AuditEventId, EnvironmentId, OrganizationId};
use annals_core::json;
use annals_core::time::Micros;
use annals_core::wire;

pub fn run(body: &[u8]) {
    let Ok(event) = TrailEvent::parse(body) else { return };
    let group = event.group().to_owned();
    let committed = CommittedEvent {
        id: AuditEventId::from_parts(1, 1),
        environment: EnvironmentId::from_parts(1, 1),
        organization: OrganizationId::from_parts(1, 1),
        seq: 0,
        received_at: Micros::saturating(0),
        event: event.into_marked().into_valid().into_event(),
    };
    let text = committed.canonical_text();
    assert_eq!(json::parse(text.as_bytes()).expect("JSON").canonical(), text);
    let shown = wire::TrailEvent::of(&committed).expect("its mark says that it came this way");
    assert_eq!(shown.group, group);
}
