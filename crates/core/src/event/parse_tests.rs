//! One check, many cases: what the body of `POST /audit_logs/events` may look like.

use super::super::{NewEvent, Rejected};

const ORGANIZATION: &str = "org_01EHWNCE74X7JSDV0X3SZ3KJNY";

fn body(event: &str) -> String {
    format!(r#"{{"organization_id":"{ORGANIZATION}","event":{event}}}"#)
}

fn event_with(members: &str) -> String {
    body(&format!(
        r#"{{"action":"user.signed_in","occurred_at":"2022-08-29T19:47:52.336Z","actor":{{"type":"user","id":"u1"}},"targets":[{{"type":"team","id":"t1"}}],"context":{{"location":"1.2.3.4"}}{members}}}"#
    ))
}

fn canonical(body: &str) -> String {
    let event = NewEvent::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error:?}"));
    let organization = event.organization.parse().expect("an id");
    event.event().canonical_text(crate::ids::AuditEventId::from_parts(0, 0), organization)
}

fn check_rejects(body: &str, field: &str, code: &str) {
    match NewEvent::parse(body.as_bytes()) {
        Err(Rejected::Invalid(errors)) => {
            let errors = errors.into_vec();
            assert!(errors.iter().any(|e| e.field == field && e.code.contains(code)), "{body}: {errors:?}");
        }
        other => panic!("{body}: expected {field} {code}, got {other:?}"),
    }
}

#[test]
fn the_normal_form_drops_what_counts_as_absent_and_sorts_the_rest() {
    let sent = body(
        r#"{"version":null,"zone":"dropped","action":"user.signed_in","occurred_at":"2022-08-29T21:47:52.336999999+02:00",
        "actor":{"type":"user","id":"u1","name":"","metadata":{},"email":"a@b.c","Zed":{"deep":null}},
        "targets":[{"name":null,"type":"team","id":"t1","metadata":{"b":1.0,"a":"x","c":true}}],
        "context":{"location":"","user_agent":""},"metadata":{"n":-0.0}}"#,
    );
    assert_eq!(
        canonical(&sent),
        concat!(
            r#"{"action":"user.signed_in","actor":{"email":"a@b.c","id":"u1","type":"user"},"context":{"location":""},"#,
            r#""id":"evt_00000000000000000000000000","metadata":{"n":0},"occurred_at":"2022-08-29T19:47:52.336999Z","#,
            r#""org":"org_01EHWNCE74X7JSDV0X3SZ3KJNY","targets":[{"id":"t1","metadata":{"a":"x","b":1,"c":true},"type":"team"}],"v":1}"#
        )
    );
}

#[test]
fn versions_may_be_floats_and_zero_means_absent() {
    assert!(canonical(&event_with(r#","version":2.0"#)).ends_with(r#""v":1,"version":2}"#));
    for absent in [r#","version":0"#, r#","version":null"#, ""] {
        assert!(canonical(&event_with(absent)).ends_with(r#""v":1}"#));
    }
    for wrong in ["1.5", "-1", "\"1\"", "1000001", "true"] {
        check_rejects(&event_with(&format!(r#","version":{wrong}"#)), "event.version", "must be an integer");
    }
}

#[test]
fn each_wrong_field_is_named() {
    check_rejects("[]", "body", "must be an object, not an array");
    check_rejects("{}", "organization_id", "required");
    check_rejects("{}", "event", "required");
    check_rejects(&body("5"), "event", "must be an object");
    check_rejects(&body("{}"), "event.action", "required");
    check_rejects(&body("{}"), "event.occurred_at", "required");
    check_rejects(&body(r#"{"actor":null,"targets":null,"context":null}"#), "event.actor", "required");
    check_rejects(&body(r#"{"actor":null,"targets":null,"context":null}"#), "event.targets", "required");
    check_rejects(&body(r#"{"actor":null,"targets":null,"context":null}"#), "event.context", "required");
    check_rejects(&body(r#"{"actor":{"id":5},"targets":[{"id":"x"},7],"context":{}}"#), "event.actor.id", "must be a string");
    check_rejects(&body(r#"{"actor":{"id":5},"targets":[{"id":"x"},7],"context":{}}"#), "event.actor.type", "required");
    check_rejects(&body(r#"{"actor":{"id":5},"targets":[{"id":"x"},7],"context":{}}"#), "event.targets.0.type", "required");
    check_rejects(&body(r#"{"actor":{"id":5},"targets":[{"id":"x"},7],"context":{}}"#), "event.targets.1", "must be an object");
    check_rejects(&body(r#"{"context":{}}"#), "event.context.location", "required");
    check_rejects(&body(r#"{"occurred_at":"yesterday"}"#), "event.occurred_at", "ISO 8601");
    check_rejects(&body(r#"{"occurred_at":1673449445}"#), "event.occurred_at", "ISO 8601");
    check_rejects(&body(r#"{"action":"annals.data.erased"}"#), "event.action", "server's own");
    check_rejects(&body(r#"{"action":""}"#), "event.action", "empty");
    check_rejects(&body(&format!(r#"{{"action":"{}"}}"#, "a".repeat(257))), "event.action", "at most 256");
    let targets = vec![r#"{"id":"a","type":"b"}"#; 33].join(",");
    check_rejects(&body(&format!(r#"{{"targets":[{targets}]}}"#)), "event.targets", "at most 32");
}

#[test]
fn metadata_has_limits() {
    let map = |n: usize| (0..n).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(",");
    let with = |metadata: &str| event_with(&format!(r#","metadata":{metadata}"#));
    canonical(&with(&format!("{{{}}}", map(50))));
    canonical(&with(&format!(r#"{{"{}":"{}","":1}}"#, "k".repeat(40), "\u{1F600}".repeat(500))));
    check_rejects(&with(&format!("{{{}}}", map(51))), "event.metadata", "at most 50 keys");
    check_rejects(
        &with(&format!(r#"{{"{}":1}}"#, "k".repeat(41))),
        &format!("event.metadata.{}", "k".repeat(40)),
        "keys must match",
    );
    check_rejects(&with(r#"{"a b":1}"#), "event.metadata.a b", "keys must match");
    check_rejects(&with(&format!(r#"{{"k":"{}"}}"#, "v".repeat(501))), "event.metadata.k", "at most 500");
    for (value, kind) in [("null", "null"), ("{}", "an object"), ("[1]", "an array"), (r#"{"a":1}"#, "an object")] {
        check_rejects(&with(&format!(r#"{{"k":{value}}}"#)), "event.metadata.k", &format!("not {kind}"));
    }
    check_rejects(&with("[1]"), "event.metadata", "must be an object");
}

#[test]
fn numbers_without_an_exact_double_are_refused_where_they_are_kept() {
    canonical(&body(
        r#"{"trace":12345678901234567890,"action":"a","occurred_at":"2022-08-29","actor":{"type":"u","id":"u"},"targets":[],"context":{"location":""}}"#,
    ));
    canonical(&event_with(r#","metadata":{"k":9007199254740991}"#));
    for number in ["9007199254740992", "-9007199254740993", "1e23"] {
        check_rejects(&event_with(&format!(r#","metadata":{{"k":{number}}}"#)), "event.metadata.k", "2^53");
        check_rejects(&body(&format!(r#"{{"actor":{{"x":{{"y":[{number}]}}}}}}"#)), "event.actor.x", "2^53");
    }
}

#[test]
fn malformed_json_names_no_field() {
    for body in ["", "{", "nonsense", r#"{"a":NaN}"#, r#"{"a":1,"a":2}"#, r#"{"event":{"action":"a","action":"b"}}"#] {
        assert!(matches!(NewEvent::parse(body.as_bytes()), Err(Rejected::Malformed(_))), "{body}");
    }
}

#[test]
fn the_digest_tells_a_changed_body_from_a_repeated_one() {
    let digest = |body: &str| NewEvent::parse(body.as_bytes()).expect("valid").digest();
    let one = event_with("");
    assert_eq!(digest(&one), digest(&one.replace("\":", "\": ")));
    assert_ne!(digest(&one), digest(&one.replace("u1", "u2")));
    assert_ne!(digest(&one), digest(&one.replace(ORGANIZATION, "org_01EHWNCE74X7JSDV0X3SZ3KJNZ")));
}

#[test]
fn the_servers_own_marks_cannot_be_sent() {
    let with_context = |members: &str| event_with("").replace(r#""location":"1.2.3.4""#, &format!(r#""location":"x",{members}"#));
    check_rejects(&with_context(r#""annals.imported":{"source":"x"}"#), "event.context.annals.imported", "the server's own");
    check_rejects(&with_context(r#""annals.":1"#), "event.context.annals.", "the server's own");
    canonical(&with_context(r#""annals":1,"annals_x":2,"annals.gone":null"#));
}
