//! Audit events with everything in them that is easily lost: empty and long texts, other scripts, quotes, numbers at the edge, times with
//! microseconds, many targets.

use std::collections::BTreeMap;

use annals_core::event::{NewEvent, NormalEvent};
use annals_core::time::Micros;
use annals_core::wire::{Actor, AuditEvent, Context, CreateAuditEvent, CreateSchema, MetadataValue, Moment, Target};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use crate::failure::{Doing, Failure};

/// [`crate::client::create_schemas`] makes their schemas.
pub const ACTIONS: [&str; 5] =
    ["user.signed_in", "document.updated", "team.member_added", "invoice.paid", "api_key.revoked_by_administrator"];
const TARGET_KIND: &str = "team";
/// 2001 to 2033, in microseconds.
const OCCURRED: std::ops::Range<i64> = 978_307_200_000_000..2_000_000_000_000_000;
const TEXTS: [&str; 10] = [
    "203.0.113.7",
    "Grüße, Welt",
    "監査ログ",
    "a \"quoted\", text; with\ncommas and\r\nlines",
    "tab\there, \u{1}control\u{1f}",
    "👩‍👩‍👧‍👦 family",
    "=1+1",
    "\\back\\slash/",
    "  spaces  ",
    "x",
];

/// An event of an action in [`ACTIONS`]. Nothing else has the same `marker`: it is the id of the first target.
pub fn event(random: &mut StdRng, organization: &str, marker: &str) -> CreateAuditEvent {
    let more = random.random_range(0..3);
    let targets = std::iter::once(marker.to_owned()).chain((0..more).map(|_| format!("team_{}", random.random::<u16>())));
    let targets = targets.collect::<Vec<_>>().into_iter().map(|id| target(random, id)).collect();
    let actor = Actor {
        id: format!("user_{}", random.random_range(0..1000)),
        kind: "user".to_owned(),
        name: maybe(random, text),
        metadata: metadata(random),
    };
    let event = AuditEvent {
        action: (*ACTIONS.choose(random).unwrap_or(&ACTIONS[0])).to_owned(),
        occurred_at: Moment(Micros::saturating(random.random_range(OCCURRED))),
        actor,
        targets,
        context: Context { location: text(random), user_agent: maybe(random, text) },
        metadata: metadata(random),
        version: maybe(random, |_| 1),
    };
    CreateAuditEvent { organization_id: organization.to_owned(), event }
}

/// What the events above conform to.
pub fn schema() -> CreateSchema {
    CreateSchema::of_targets([TARGET_KIND])
}

/// What the server keeps of an event that was sent: its normal form.
pub fn normal_form(sent: &CreateAuditEvent) -> Result<NormalEvent, Failure> {
    let body = serde_json::to_vec(sent).doing("cannot write an event")?;
    let event = NewEvent::parse(&body).map_err(|error| Failure::new(format!("a generated event is not valid: {error:?}")))?;
    Ok(event.event().clone())
}

fn target(random: &mut StdRng, id: String) -> Target {
    Target { id, kind: TARGET_KIND.to_owned(), name: maybe(random, text), metadata: metadata(random) }
}

fn text(random: &mut StdRng) -> String {
    let text = *TEXTS.choose(random).unwrap_or(&"");
    if random.random_ratio(1, 50) { text.repeat(random.random_range(2..10)) } else { text.to_owned() }
}

fn maybe<T>(random: &mut StdRng, make: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    random.random_bool(0.5).then(|| make(random))
}

fn metadata(random: &mut StdRng) -> BTreeMap<String, MetadataValue> {
    let keys = if random.random_bool(0.5) { 0 } else { random.random_range(1..5) };
    (0..keys).map(|n| (format!("key_{n}-{}", random.random_range(0..4)), value(random))).collect()
}

fn value(random: &mut StdRng) -> MetadataValue {
    match random.next_u32() % 6 {
        0 => MetadataValue::Flag(random.random()),
        1 => MetadataValue::Number(f64::from(random.random_range(-1_000_000..1_000_000))),
        2 => MetadataValue::Number(random.random_range(-1e9..1e9)),
        3 => MetadataValue::Number(9_007_199_254_740_991.0),
        _ => MetadataValue::Text(text(random)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_events_are_valid_and_repeat_with_their_seed() {
        let make = |seed| {
            let mut random = crate::random::stream(seed, "events");
            (0..500).map(|n| event(&mut random, "org_1", &format!("m{n}"))).collect::<Vec<_>>()
        };
        let events = make(7);
        assert_eq!(events, make(7));
        for event in &events {
            if let Err(failure) = normal_form(event) {
                panic!("{failure}");
            }
        }
    }
}
