//! Lines of every shape become events, once.

use serde_json::{Value, json};

use super::{World, lines};

fn current(number: usize) -> Value {
    json!({
        "action": "user.signed_in", "occurred_at": format!("2026-01-01T00:00:00.{:06}Z", number), "version": 2,
        "actor": {"id": "u", "type": "user", "badge": {"colour": "red", "n": [1, 2.5]}},
        "targets": [{"id": "t", "type": "team", "floor": 3}],
        "context": {"location": "::1", "zone": {"a": [null, 1]}}, "metadata": {"number": number}
    })
}

fn posted(group: &str, actor: &str) -> Value {
    json!({
        "group": group, "action": "user.searched", "action_type": "R", "actor_name": "Jon", "actor_id": actor, "target_name": "",
        "target_id": "d", "location": "1.1.1.1", "occurred_at": "2020-01-01T00:00:00.123456Z", "metadata": {"first name": "x", "b": 1}
    })
}

fn listed(group: &str, id: &str) -> Value {
    json!({
        "object": "event", "id": id, "group": group, "location": "1.1.1.1", "latitude": null, "longitude": null, "type": "d",
        "event_type": "d", "actor_name": "", "actor_id": "", "target_name": "", "target_id": "", "metadata": {},
        "occurred_at": "2020-01-02T00:00:00.000Z", "action": {"object": "event_action", "id": "evt_action_1", "name": "user.gone"}
    })
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_shape_becomes_an_event() {
    let world = World::new();
    let here = world.ok(&["orgs", "create", "Acme", "--external-id", "acme", "--domain", "acme.com"]);
    let here = here.trim();
    let input = [
        json!({"organization_id": here, "event": current(1)}),
        json!({"organization_id": "acme", "event": current(2)}),
        json!({"organization_id": "org_01EHWNCE74X7JSDV0X3SZ3KJNY", "event": current(3)}),
        posted("acme.com", "u"),
        listed("new-group", "evt_old"),
    ];
    world.write("in.ndjson", &text(&input));
    let map = format!("org_01EHWNCE74X7JSDV0X3SZ3KJNY={here}");
    let import = ["import", "in.ndjson", "--create-organizations", "--map", &map];
    assert_eq!(world.ok(&import), "in.ndjson: 5 imported\n");

    let found = world.json(&["list", "--order", "asc"]);
    assert_eq!(found.len(), 5);
    for (index, event) in found[..3].iter().enumerate() {
        let sent = current(index + 1);
        for member in ["action", "version", "occurred_at", "actor", "targets", "metadata"] {
            assert_eq!(event[member], sent[member], "{member}");
        }
        assert_eq!((&event["context"]["zone"], &event["organization_id"]), (&sent["context"]["zone"], &json!(here)));
        assert_eq!(event["context"]["annals.imported"]["source"], "workos");
    }
    let trail = &found[3];
    assert_eq!((&trail["organization_id"], &trail["occurred_at"]), (&json!(here), &json!("2020-01-01T00:00:00.123456Z")));
    assert_eq!(trail["actor"], json!({"id": "u", "type": "user", "name": "Jon"}));
    assert_eq!(trail["targets"], json!([{"id": "d", "type": "resource"}]));
    assert_eq!((&trail["context"]["action_type"], &trail["context"]["group"]), (&json!("r"), &json!("acme.com")));
    assert_eq!((&trail["context"]["legacy_metadata"], &trail["metadata"]), (&json!({"first name": "x"}), &json!({"b": 1})));
    let gone = &found[4];
    assert_eq!(gone["context"]["annals.imported"], json!({"source": "workos", "id": "evt_old"}));
    assert_eq!((&gone["actor"]["id"], &gone["targets"]), (&json!("unknown"), &json!([])));
    let made = &world.json(&["orgs", "get", "new-group"])[0];
    assert_eq!((&made["id"], &made["name"]), (&gone["organization_id"], &json!("new-group")));

    // The same again is nothing new, with its state and without it.
    assert_eq!(world.ok(&import), "in.ndjson: nothing new; before: 5 imported\n");
    std::fs::remove_file(world.path("in.ndjson.annals-import")).expect("removed");
    let map = format!("org_01EHWNCE74X7JSDV0X3SZ3KJNY={here}");
    let again = &world.json(&["import", "in.ndjson", "--map", &map])[0];
    assert_eq!(*again, json!({"file": "in.ndjson", "stored": 0, "repeated": 5, "refused": 0}));
    assert_eq!(world.json(&["list", "--all"]).len(), 5);
}

#[test]
fn a_group_with_a_comma_is_one_name() {
    let world = World::new();
    let acme = world.ok(&["orgs", "create", "Acme", "--domain", "acme.com"]).trim().to_owned();
    world.write(
        "in.ndjson",
        &text(&[posted("acme.com, inc", "u1"), posted("ACME.com", "u2"), posted("..", "u3"), posted("a/b?c", "u4")]),
    );
    assert_eq!(world.run(&["import", "in.ndjson", "--create-organizations"]).code, 0);
    let found = world.json(&["list", "--order", "asc"]);
    let of_acme: Vec<_> =
        found.iter().filter(|event| event["organization_id"] == acme).map(|event| event["actor"]["id"].clone()).collect();
    assert_eq!((found.len(), of_acme), (4, vec![json!("u2")]));
    let names: Vec<_> = world.json(&["orgs", "list"]).into_iter().map(|made| made["external_id"].clone()).collect();
    assert_eq!(names, [json!("a/b?c"), json!(".."), json!("acme.com, inc"), Value::Null]);
}

#[test]
fn bare_events_need_an_organization() {
    let (world, organization) = World::furnished();
    world.write("in.ndjson", &text(&[current(1), current(1)]));
    let ran = world.run(&["import", "in.ndjson"]);
    assert_eq!((ran.code, ran.err.as_str()), (3, "annals: 2 lines were refused\n"));
    assert_eq!(ran.out, "in.ndjson: 0 imported, 2 refused, see in.ndjson.refused.ndjson\n");
    // What was refused can be tried again; the same line twice is two events.
    let told = world.ok(&["import", "in.ndjson.refused.ndjson", "--org", &organization]);
    assert_eq!(told, "in.ndjson.refused.ndjson: 2 imported\n");
    assert_eq!(world.json(&["list"]).len(), 2);
    let piped = world.fed(&["import", "-", "--org", &organization, "--source", "elsewhere", "--json"], &text(&[current(5)]));
    assert_eq!((piped.code, lines(&piped.out)[0]["stored"].as_u64()), (0, Some(1)), "{piped:?}");
    assert_eq!(world.json(&["list", "--limit", "1"])[0]["context"]["annals.imported"]["source"], "elsewhere");
}

#[test]
fn refused_lines_are_kept_with_their_reasons() {
    let (world, organization) = World::furnished();
    let mut wrong = current(1);
    wrong["actor"]["id"] = json!("");
    let good = json!({"organization_id": organization, "event": current(2)});
    let text = format!(
        "{good}\nnonsense\n\n{}\n{}\n{}\n{{\"x\":\"{}\"}}\n[]\n{}",
        json!({"organization_id": organization, "event": wrong}),
        json!({"organization_id": "org_nobody", "event": current(3)}),
        json!({"object": "event", "event": "user.created", "data": {}}),
        "y".repeat(1024 * 1024),
        json!({"organization_id": organization, "event": current(4)})
    );
    world.write("in.ndjson", &text);
    let ran = world.run(&["import", "in.ndjson", "--json", "--refused", "no.ndjson"]);
    assert_eq!((ran.code, ran.err.as_str()), (3, "annals: 6 lines were refused\n"));
    let summary = json!({"file": "in.ndjson", "stored": 2, "repeated": 0, "refused": 6, "refused_lines": "no.ndjson"});
    assert_eq!(lines(&ran.out), [summary]);
    let refused = lines(&world.file("no.ndjson"));
    let reasons: Vec<_> =
        refused.iter().map(|line| (line["line"].as_u64().expect("a line"), line["reason"].as_str().expect("a reason"))).collect();
    for ((line, reason), (expected, said)) in reasons.iter().zip([
        (2, "malformed JSON"),
        (4, "Validation failed"),
        (5, "--map"),
        (6, "annals mirror"),
        (7, "longer"),
        (8, "an array"),
    ]) {
        assert!(*line == expected && reason.contains(said), "{line} {reason}");
    }
    assert_eq!((&refused[0]["text"], &refused[1]["errors"][0]["field"]), (&json!("nonsense"), &json!("event.actor.id")));
    assert_eq!(refused[2]["content"]["organization_id"], "org_nobody");
    // A second run says the same, and writes nothing twice.
    assert_eq!(world.run(&["import", "in.ndjson", "--refused", "no.ndjson"]).code, 3);
    assert_eq!(lines(&world.file("no.ndjson")).len(), 6);
}

#[test]
fn an_export_comes_back_as_it_was() {
    let (from, organization) = World::furnished();
    let mut sent: Vec<Value> = (0..50).map(current).collect();
    sent[1]["metadata"] = json!({});
    sent[2]["targets"] = json!([]);
    sent[3]["actor"]["name"] = json!("Ada \u{1F600} \u{1} \"");
    sent[4]["actor"]["metadata"] = json!({"a": 0.1, "b": -9007199254740991_i64, "c": false});
    sent[5]["context"]["user_agent"] = json!("curl");
    let items: Vec<Value> =
        sent.iter().map(|event| json!({"organization_id": organization, "event": event, "imported": {"source": "x"}})).collect();
    assert_eq!(from.fed(&["emit", "-"], &text(&items)).code, 0);
    from.ok(&["emit", "--org", &organization, "--action", "user.signed_in", "--actor", "user:u", "--target", "team:t"]);
    let exported = from.ok(&["export", "--format", "ndjson"]);

    let to = World::new();
    to.write("all.ndjson", &exported);
    assert_eq!(to.ok(&["import", "all.ndjson", "--create-organizations"]), "all.ndjson: 51 imported\n");
    let made = to.json(&["orgs", "get", &organization])[0]["id"].clone();
    let (theirs, ours) = (lines(&exported), to.json(&["list", "--all", "--order", "asc"]));
    assert_eq!(ours.len(), theirs.len());
    for (theirs, ours) in theirs.into_iter().zip(ours) {
        assert_eq!(ours["context"]["annals.imported"], json!({"source": "annals", "id": theirs["id"]}));
        assert_eq!(ours["organization_id"], made);
        assert_eq!(without_the_servers_own(ours), without_the_servers_own(theirs));
    }
}

fn without_the_servers_own(mut event: Value) -> Value {
    let members = event.as_object_mut().expect("an object");
    for member in ["id", "organization_id", "seq", "received_at"] {
        members.remove(member).expect("every event has it");
    }
    members["context"].as_object_mut().expect("an object").remove("annals.imported");
    event
}

#[test]
fn another_file_or_another_server_is_not_gone_on_with() {
    let (world, organization) = World::furnished();
    let line = |number| format!("{}\n", json!({"organization_id": organization, "event": current(number)}));
    world.write("in.ndjson", &line(1));
    world.ok(&["import", "in.ndjson"]);
    // Lines that were added are new.
    world.write("in.ndjson", &(line(1) + &line(2)));
    assert_eq!(world.ok(&["import", "in.ndjson"]), "in.ndjson: 2 imported\n");
    for changed in [line(3) + &line(2), line(1)] {
        world.write("in.ndjson", &changed);
        let ran = world.run(&["import", "in.ndjson"]);
        assert!(ran.code == 2 && ran.err.contains("has changed"), "{ran:?}");
    }
    world.write("in.ndjson", &(line(1) + &line(2)));
    let other = World::new();
    let url = other.server.url.clone();
    let ran = world.run(&["import", "in.ndjson", "--url", &url]);
    assert!(ran.code == 2 && ran.err.contains("was begun into"), "{ran:?}");
    let ran = world.run(&["import", "in.ndjson", "--org", &organization]);
    assert!(ran.code == 2 && ran.err.contains("with other options (without options)"), "{ran:?}");
    assert_eq!(world.ok(&["import", "in.ndjson"]), "in.ndjson: nothing new; before: 2 imported\n");
    world.write("in.ndjson.annals-import", "{}");
    assert!(world.run(&["import", "in.ndjson"]).err.contains("the state file"));
    assert_eq!(world.json(&["list", "--all"]).len(), 2);
}

#[test]
fn the_key_of_an_organization_cannot_import() {
    let (world, organization) = World::furnished();
    world.write("key", &world.ok(&["keys", "create", &organization, "theirs"]));
    world.write("in.ndjson", &text(&[json!({"organization_id": organization, "event": current(1)})]));
    let ran = super::run(world.command(&["import", "in.ndjson", "--api-key-file", "key"]).env_remove("ANNALS_API_KEY"));
    assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{ran:?}");
    assert!(!world.path("in.ndjson.refused.ndjson").exists());
    assert_eq!(world.json(&["list"]).len(), 0);
}
