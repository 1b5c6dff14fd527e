//! Recording, finding and following audit events.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use super::World;

fn event(organization: &str, actor: &str) -> Value {
    json!({"organization_id": organization, "event": {
        "action": "user.signed_in", "occurred_at": "2026-01-01T00:00:00.123456Z", "actor": {"id": actor, "type": "user"},
        "targets": [{"id": "t", "type": "team"}], "context": {"location": "::1"}
    }})
}

#[test]
fn events_are_recorded_and_found() {
    let (world, organization) = World::furnished();
    let emitted = world.ok(&[
        "emit",
        "--org",
        &organization,
        "--action",
        "user.signed_in",
        "--actor",
        "user:u1:Ada",
        "--target",
        "team:t1:Platform",
        "--location",
        "203.0.113.7",
        "--user-agent",
        "curl",
        "--metadata",
        "n=1.5",
        "--metadata",
        "flag=true",
        "--metadata",
        "text=x",
        "--occurred-at",
        "2026-01-01T00:00:00.123456Z",
        "--version",
        "1",
        "--idempotency-key",
        "k",
    ]);
    let rows: Vec<&str> = emitted.lines().collect();
    assert_eq!(rows[0], "line\tstatus\tid\tmessage");
    let id = rows[1].split('\t').nth(2).expect("an id");

    let found = &world.json(&["list", id])[0];
    assert_eq!(found["actor"], json!({"id": "u1", "type": "user", "name": "Ada"}));
    assert_eq!(found["targets"], json!([{"id": "t1", "type": "team", "name": "Platform"}]));
    assert_eq!(found["context"], json!({"location": "203.0.113.7", "user_agent": "curl"}));
    assert_eq!(found["metadata"], json!({"n": 1.5, "flag": true, "text": "x"}));
    assert_eq!((found["occurred_at"].as_str(), &found["version"]), (Some("2026-01-01T00:00:00.123456Z"), &json!(1)));

    let table = world.ok(&["list"]);
    let expected = format!(
        "id\toccurred_at\torganization\taction\tactor\ttargets\tlocation\n\
         {id}\t2026-01-01T00:00:00.123Z\t{organization}\tuser.signed_in\tuser u1 (Ada)\tteam t1 (Platform)\t203.0.113.7\n"
    );
    assert_eq!(table, expected);
    for (filter, count) in [
        (["--action", "user.*"], 1),
        (["--actor", "u2"], 0),
        (["--metadata", "n=1.5"], 1),
        (["--search", "PLATFORM"], 1),
        (["--from", "2026-01-02"], 0),
        (["--org", &organization], 1),
    ] {
        assert_eq!(world.json(&["list", filter[0], filter[1]]).len(), count, "{filter:?}");
    }
}

#[test]
fn files_and_pipes_of_events() {
    let (world, organization) = World::furnished();
    world.write("one.json", &serde_json::to_string_pretty(&event(&organization, "u0")).expect("JSON"));
    assert_eq!(world.json(&["emit", "one.json"])[0]["status"], "stored");

    let many: String = (1..=1500).map(|number| format!("{}\n", event(&organization, &format!("u{number}")))).collect();
    let piped = world.fed(&["emit", "-", "--no-header"], &many);
    assert_eq!((piped.code, piped.out.lines().count()), (0, 1500), "{}", piped.err);
    let bad = format!("{}\n\n{}\nnonsense\n", event(&organization, "last"), event("org_1", "u"));
    let refused = world.fed(&["emit", "-", "--json"], &bad);
    let results = super::lines(&refused.out);
    let told: Vec<_> = results.iter().map(|result| (result["line"].as_u64(), result["status"].as_str())).collect();
    assert_eq!(told, [(Some(1), Some("stored")), (Some(3), Some("refused")), (Some(4), Some("refused"))]);
    assert_eq!((refused.code, refused.err.as_str()), (3, "annals: 2 events were refused\n"));

    let actors = |order: &str| -> Vec<String> {
        let found = world.json(&["list", "--all", "--order", order]);
        found.iter().map(|event| event["actor"]["id"].as_str().expect("an id").to_owned()).collect()
    };
    let mut expected: Vec<String> = (0..=1500).map(|number| format!("u{number}")).collect();
    expected.push("last".to_owned());
    assert_eq!(actors("asc"), expected);
    expected.reverse();
    assert_eq!(actors("desc"), expected);
    assert_eq!(world.json(&["list"]).len(), 50);
    assert_eq!(world.json(&["list", "--limit", "1200"]).len(), 1200);
}

#[test]
fn events_are_followed() {
    let (world, organization) = World::furnished();
    let emit = |actor: &str| {
        let actor = format!("user:{actor}");
        let arguments =
            ["emit", "--org", &organization, "--action", "user.signed_in", "--actor", &actor, "--target", "team:t", "--json"];
        world.json(&arguments[..9])[0]["id"].as_str().expect("an id").to_owned()
    };
    let first = emit("u0");
    let mut child = world.spawn(&["tail", "--since", &first, "--action", "user.*", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for actor in ["u1", "u2"] {
        let id = emit(actor);
        let line: Value = serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON");
        assert_eq!((line["id"].as_str(), line["actor"]["id"].as_str()), (Some(id.as_str()), Some(actor)));
    }
    super::terminate(&child);
    assert_eq!(child.wait().expect("waitable").code(), Some(130));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (world, organization) = World::furnished();
    let many: String = (0..2000).map(|number| format!("{}\n", event(&organization, &format!("u{number}")))).collect();
    assert_eq!(world.fed(&["emit", "-"], &many).code, 0);
    let mut child = world.spawn(&["list", "--all", "--json"]);
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
    let ran = super::ran(&child.wait_with_output().expect("annals runs"));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn a_slow_pipe_is_recorded_line_by_line_until_a_signal() {
    use std::io::Write;
    let (world, organization) = World::furnished();
    for command in ["emit", "import"] {
        let mut child = world.spawn(&[command, "-"]);
        let mut input = child.stdin.take().expect("piped");
        if command == "emit" {
            let mut rows = BufReader::new(child.stdout.take().expect("piped")).lines();
            for number in 0..3 {
                writeln!(input, "{}", event(&organization, &format!("u{number}"))).expect("written");
                if number == 0 {
                    assert!(rows.next().expect("a header").expect("text").starts_with("line"));
                }
                let row = rows.next().expect("a row").expect("text");
                assert!(row.contains("stored"), "{row}");
            }
        } else {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        // The pipe is still open.
        super::terminate(&child);
        assert_eq!(child.wait().expect("waitable").code(), Some(130), "{command}");
        drop(input);
    }
}
