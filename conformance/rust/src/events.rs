//! What the journey records: one event per thing that a transport, a store or a CSV writer could spoil.

use std::collections::HashMap;

use serde_json::{Value, json};
use workos::{
    AuditLogEvent, AuditLogEventActor, AuditLogEventActorMetadataOneOf as Member, AuditLogEventContext, AuditLogEventTarget,
};

const FAMILY: &str = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}"; // one picture, five code points
const HEBREW: &str = "\u{05E9}\u{05DC}\u{05D5}\u{05DD} \u{202B}right to left\u{202C}";
const COMBINING: &str = "e\u{0301} is not \u{00E9}"; // must not be composed on the way

/// What is given to the SDK, and how its `occurred_at` is written in a CSV.
#[derive(Clone)]
pub struct Sent {
    pub event: AuditLogEvent,
    pub occurred_at: &'static str,
}

pub struct Journey {
    pub every_field: Sent,
    pub only_required: Sent,
    pub unicode: Sent,
    pub largest: Sent,
    pub second_version: Sent,
    /// Without a version it is checked against the first one, although a second exists that would refuse it.
    pub unversioned: Sent,
    pub formulas: Sent,
    pub empty_parts: Sent,
    pub repeated: Sent,
    /// Recorded too, but it happened before the range of the exports.
    pub long_ago: Sent,
}

pub const RANGE: (&str, &str) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");

impl Journey {
    /// In the order of recording, which is deliberately not the order of `occurred_at`.
    pub fn in_range(&self) -> [&Sent; 9] {
        [
            &self.every_field,
            &self.only_required,
            &self.unicode,
            &self.largest,
            &self.second_version,
            &self.unversioned,
            &self.formulas,
            &self.empty_parts,
            &self.repeated,
        ]
    }

    pub fn new() -> Self {
        // Two of the accepted forms of a time: nanoseconds with an offset, and no fraction at all.
        let only_required = plain("user_02", "2026-01-14T00:00:00Z", "2026-01-14T00:00:00.000Z");
        let mut long_ago = only_required.clone();
        (long_ago.event.occurred_at, long_ago.occurred_at) = ("2001-02-03T04:05:06.007".to_owned(), "2001-02-03T04:05:06.007Z");
        let mut empty_parts = plain("user_06", "2026-01-19T00:00:00.1Z", "2026-01-19T00:00:00.100Z");
        empty_parts.event.actor.name = Some(String::new());
        empty_parts.event.actor.metadata = Some(HashMap::new());
        empty_parts.event.targets = vec![target("user_06", "user", Some(""), json!({}))];
        empty_parts.event.context.user_agent = Some(String::new());
        empty_parts.event.metadata = Some(HashMap::new());
        let mut repeated = plain("user_07", "2026-01-13T07:07:07.070Z", "2026-01-13T07:07:07.070Z");
        repeated.event.version = Some(1);
        repeated.event.actor.name = Some("Once Only".to_owned());
        let mut unversioned = plain("user_08", "2026-01-11T08:00:00.010Z", "2026-01-11T08:00:00.010Z");
        unversioned.event.action = "document.shared".to_owned();
        unversioned.event.targets = vec![target("doc_2", "document", None, json!({}))];
        let mut largest = plain("user_04", "2026-01-17T12:00:00.5Z", "2026-01-17T12:00:00.500Z");
        largest.event.actor.name = Some("Grace Hopper".to_owned());
        largest.event.targets = (0..32).map(|at| target(&format!("user_{at}"), "user", None, json!({}))).collect();
        largest.event.metadata = Some(many_members(50));
        Self {
            every_field: every_field(),
            only_required,
            unicode: unicode(),
            largest,
            second_version: second_version(),
            unversioned,
            formulas: formulas(),
            empty_parts,
            repeated,
            long_ago,
        }
    }
}

fn every_field() -> Sent {
    let event = AuditLogEvent {
        action: "document.shared".to_owned(),
        occurred_at: "2026-01-15T10:30:00.123456789-05:00".to_owned(),
        actor: AuditLogEventActor {
            id: "user_01".to_owned(),
            type_: "user".to_owned(),
            name: Some("Ada Lovelace".to_owned()),
            metadata: Some(members(json!({ "role": "owner", "seniority": 7, "contractor": false }))),
        },
        targets: vec![
            target("doc_1", "document", Some("Plan"), json!({ "pages": 12, "locked": true, "owner": "Ada" })),
            target("team_1", "team", None, json!({})),
        ],
        context: context("203.0.113.7", Some("Mozilla/5.0 (X11; Linux x86_64), \"quoted\"")),
        metadata: Some(members(json!({
            "zone": "eu", "channel": "link", "urgent": true, "count": 42, "ratio": 0.25, "negative": -3,
            "large": 9_007_199_254_740_991_i64, "Upper": "first",
        }))),
        version: Some(1),
    };
    Sent { event, occurred_at: "2026-01-15T15:30:00.123Z" }
}

fn unicode() -> Sent {
    let mut sent = plain("", "2026-01-16T23:59:59.9999999Z", "2026-01-16T23:59:59.999Z");
    sent.event.actor.id = format!("user {FAMILY}");
    sent.event.actor.name = Some(format!("{HEBREW}, \"{COMBINING}\"\r\nsecond line\nthird; 'end'"));
    let name = format!("{FAMILY} \\ / \u{2028} \u{7f} \t");
    sent.event.targets = vec![target("user_03", "user", Some(&name), json!({ "note": "a,b\r\n\"c\"" }))];
    sent.event.context = context("Z\u{00FC}rich", Some(" leading and trailing spaces "));
    sent.event.metadata = Some(members(json!({
        "emoji": "\u{1F600}\u{1F3FD}", "rtl": HEBREW, "combining": COMBINING, "csv": "\"a\",\"b\"\r\n", "empty": "",
        "backslash": "\\n", "currency": "\u{20AC}",
    })));
    sent
}

fn second_version() -> Sent {
    let mut sent = plain("user_05", "2026-01-10T08:00:00.001+00:00", "2026-01-10T08:00:00.001Z");
    sent.event.action = "document.shared".to_owned();
    sent.event.version = Some(2);
    sent.event.actor.type_ = "service".to_owned();
    sent.event.actor.name = Some("Nightly copy".to_owned());
    sent.event.targets =
        vec![target("doc_1", "document", None, json!({})), target("folder_9", "folder", Some("Archive"), json!({}))];
    sent.event.context = context("192.0.2.1", Some("copy/1.0"));
    sent.event.metadata = Some(members(json!({ "reason": "backup" })));
    sent
}

fn formulas() -> Sent {
    let mut sent = plain("=HYPERLINK(\"http://example.com\",\"x\")", "2026-01-18T01:02:03.004Z", "2026-01-18T01:02:03.004Z");
    sent.event.actor.type_ = "@admin".to_owned();
    sent.event.actor.name = Some("+1 202 555 0100".to_owned());
    sent.event.actor.metadata = Some(members(json!({ "cell": "=1+1" })));
    sent.event.targets = vec![target("-1", "user", Some("=2+2"), json!({}))];
    sent.event.context = context("-0.5,51.5", Some("\tTabbed"));
    sent.event.metadata = Some(members(json!({ "-dash": "@SUM(A1)" })));
    sent
}

/// An event with the required members only.
fn plain(actor: &str, given: &str, occurred_at: &'static str) -> Sent {
    let event = AuditLogEvent {
        action: "user.signed_in".to_owned(),
        occurred_at: given.to_owned(),
        actor: AuditLogEventActor { id: actor.to_owned(), type_: "user".to_owned(), name: None, metadata: None },
        targets: vec![target(actor, "user", None, json!({}))],
        context: context("2001:db8::1", None),
        metadata: None,
        version: None,
    };
    Sent { event, occurred_at }
}

fn context(location: &str, user_agent: Option<&str>) -> AuditLogEventContext {
    AuditLogEventContext { location: location.to_owned(), user_agent: user_agent.map(str::to_owned) }
}

fn target(id: &str, kind: &str, name: Option<&str>, metadata: Value) -> AuditLogEventTarget {
    let metadata = Some(members(metadata)).filter(|metadata| !metadata.is_empty());
    AuditLogEventTarget { id: id.to_owned(), type_: kind.to_owned(), name: name.map(str::to_owned), metadata }
}

pub fn members(object: Value) -> HashMap<String, Member> {
    serde_json::from_value(object).expect("strings, numbers and booleans are all that is ever given")
}

/// The longest keys and values that metadata allows.
pub fn many_members(count: usize) -> HashMap<String, Member> {
    let value = format!("{}{}", "\u{00E9}".repeat(250), "x".repeat(250));
    (0..count).map(|at| (format!("{:k<40}", format!("key-{at:02}_")), Member::String(value.clone()))).collect()
}
