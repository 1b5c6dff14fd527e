//! What an item shares with a single request, and what only an item has.

use super::*;

const EVENT: &str = r#"{"action":"a","occurred_at":"2022-08-29T19:47:52Z","actor":{"type":"user","id":"u"},"targets":[],"context":{"location":"l","zone":1}}"#;

fn item(members: &str) -> String {
    format!(r#"{{"organization_id":"org","event":{EVENT}{members}}}"#)
}

fn check_rejects(members: &str, field: &str) {
    match BatchItem::parse(item(members).as_bytes()) {
        Err(Rejected::Invalid(errors)) => {
            let errors = errors.into_vec();
            assert!(errors.len() == 1 && errors[0].field == field, "{members}: {errors:?}");
        }
        other => panic!("{members}: expected {field}, got {other:?}"),
    }
}

fn parse(members: &str) -> BatchItem {
    BatchItem::parse(item(members).as_bytes()).unwrap_or_else(|error| panic!("{members}: {error:?}"))
}

#[test]
fn an_item_is_the_same_event_as_a_single_request() {
    let single = NewEvent::parse(item("").as_bytes()).expect("valid");
    let keyed = parse(r#","idempotency_key":"k","imported":null"#);
    assert_eq!(keyed, BatchItem { event: BatchEvent::New(single), idempotency_key: Some("k".to_owned()) });
    for absent in ["", r#","idempotency_key":"""#, r#","idempotency_key":null"#] {
        assert_eq!(parse(absent).idempotency_key, None);
    }
}

#[test]
fn an_imported_item_carries_its_mark_in_order() {
    let BatchEvent::Imported(event) = parse(r#","imported":{"source":"work\"os","id":"evt_1","more":1}"#).event else {
        panic!("not imported")
    };
    let single = NewEvent::parse(item("").as_bytes()).expect("valid");
    assert_ne!(event.digest(), single.digest());
    assert_eq!((event.organization(), single.organization.as_str()), ("org", "org"));
    let extra = event.into_valid().into_event().context.extra;
    let mark = ("annals.imported".to_owned(), r#"{"id":"evt_1","source":"work\"os"}"#.to_owned());
    assert_eq!(extra, [mark, ("zone".to_owned(), "1".to_owned())]);
}

#[test]
fn wrong_members_are_named() {
    check_rejects(r#","idempotency_key":5"#, "idempotency_key");
    check_rejects(&format!(r#","idempotency_key":"{}""#, "k".repeat(513)), "idempotency_key");
    check_rejects(&format!(r#","idempotency_key":"{}""#, "\u{e9}".repeat(257)), "idempotency_key");
    check_rejects(r#","imported":"workos""#, "imported");
    check_rejects(r#","imported":{}"#, "imported.source");
    check_rejects(r#","imported":{"source":""}"#, "imported.source");
    check_rejects(r#","imported":{"source":"x","id":5}"#, "imported.id");
    check_rejects(&format!(r#","imported":{{"source":"{}"}}"#, "s".repeat(257)), "imported.source");
}
