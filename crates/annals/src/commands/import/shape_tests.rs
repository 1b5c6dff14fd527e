//! One line of each shape, and the event that it becomes.

use serde_json::{Value, json};

use super::*;

fn check(line: &Value, owner: Owner, source: Source, id: Option<&str>, event: &Value) {
    let line = line.to_string();
    let read = read(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!((&read.owner, read.source, read.id.as_deref()), (&owner, source, id), "{line}");
    let found: Value = serde_json::from_str(&read.event.canonical()).expect("JSON");
    assert_eq!(&found, event, "{line}");
}

fn event() -> Value {
    json!({
        "action": "user.signed_in", "version": 2, "occurred_at": "2026-01-01T00:00:00.123456Z",
        "actor": {"id": "u", "type": "user", "name": "Ada", "badge": [1, {"a": null}]},
        "targets": [{"id": "t", "type": "team", "metadata": {"a": 1.5}}],
        "context": {"location": "::1", "zone": 7}, "metadata": {"k": true}
    })
}

fn with(mut value: Value, more: &Value) -> Value {
    for (name, member) in more.as_object().expect("an object") {
        value[name] = member.clone();
    }
    value
}

#[test]
fn our_own_export_loses_only_what_the_server_adds() {
    let added = json!({
        "object": "audit_log_event", "id": "evt_1", "organization_id": "org_1", "seq": 3, "received_at": "2026-01-01T00:00:01.000000Z",
        "context": {"location": "::1", "zone": 7, "annals.imported": {"source": "x"}, "annals.more": 1}
    });
    let line = with(event(), &added);
    check(&line, Owner::Organization("org_1".into()), Source::Annals, Some("evt_1"), &event());

    // One that came over the older API.
    let trail = json!({
        "object": "audit_log_event", "id": "evt_1", "organization_id": "org_1",
        "actor": {"id": "", "type": "user"}, "targets": [{"id": "", "type": "resource"}],
        "context": {"annals.audit_trail": {"action_type": "r", "group": "g"}}, "metadata": {"a b": 1, "c": 2}
    });
    let expected = json!({
        "actor": {"id": "unknown", "type": "user"}, "targets": [],
        "context": {"location": "", "action_type": "r", "group": "g", "legacy_metadata": {"a b": 1}}, "metadata": {"c": 2}
    });
    check(&with(event(), &trail), Owner::Organization("org_1".into()), Source::Annals, Some("evt_1"), &with(event(), &expected));
}

#[test]
fn current_events_are_taken_as_they_are() {
    let owner = || Owner::Organization("org_1".into());
    check(&json!({"organization_id": "org_1", "event": event()}), owner(), Source::Workos, None, &event());
    check(&json!({"event": event()}), Owner::Nobody, Source::Workos, None, &event());
    let item = json!({"organization_id": "org_1", "event": event(), "imported": {"source": "x", "id": "7"}});
    check(&item, owner(), Source::Workos, Some("7"), &event());
    check(&event(), Owner::Nobody, Source::Workos, None, &event());
}

#[test]
fn events_of_the_older_api_in_both_forms() {
    let posted = json!({
        "group": "foo-corp.com", "action": "user.searched", "action_type": "R", "actor_name": "Jon", "actor_id": "u",
        "target_name": "Directory", "target_id": "", "location": "1.1.1.1", "occurred_at": "2020-01-01T00:00:00.5Z",
        "metadata": {"a": 1, "first name": "x", "nothing": null}
    });
    let became = json!({
        "action": "user.searched", "occurred_at": "2020-01-01T00:00:00.5Z",
        "actor": {"id": "u", "type": "user", "name": "Jon"},
        "targets": [{"id": "Directory", "type": "resource", "name": "Directory"}],
        "context": {"location": "1.1.1.1", "group": "foo-corp.com", "action_type": "r", "legacy_metadata": {"first name": "x"}},
        "metadata": {"a": 1}
    });
    let owner = || Owner::Group("foo-corp.com".into());
    check(&posted, owner(), Source::Workos, None, &became);
    let listed = json!({
        "object": "event", "id": "evt_1", "type": "r", "event_type": "r", "latitude": null, "longitude": "5",
        "action": {"object": "event_action", "id": "evt_action_1", "name": "user.searched"}
    });
    let mut listed = with(posted, &listed);
    listed.as_object_mut().expect("an object").remove("action_type");
    let context = with(became["context"].clone(), &json!({"longitude": "5"}));
    check(&listed, owner(), Source::Workos, Some("evt_1"), &with(became, &json!({"context": context})));
}

#[test]
fn everything_else_says_what_it_is() {
    for (line, said) in [
        ("{", "malformed JSON"),
        (r#"{"a":1,"a":2}"#, "malformed JSON"),
        ("[]", "it is an array"),
        ("5", "it is a number"),
        ("{}", "no audit event"),
        (r#"{"object":"event","event":"user.created","data":{}}"#, "annals mirror"),
        (r#"{"object":"list","data":[]}"#, "a whole list"),
        (r#"{"action":"a"}"#, "no audit event"),
    ] {
        let refused = read(line.as_bytes()).expect_err(line);
        assert!(refused.contains(said), "{line}: {refused}");
    }
}
