//! Imports that are killed in the middle and begun again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::World;
use crate::server::Server;

fn event(number: usize) -> Value {
    json!({
        "action": "a.b", "occurred_at": "2026-01-01T00:00:00Z", "actor": {"id": format!("u{number}"), "type": "user"}, "targets": [],
        "context": {"location": ""}
    })
}

fn state(world: &World) -> Option<Value> {
    let text = std::fs::read_to_string(world.path("in.ndjson.annals-import")).ok()?;
    Some(serde_json::from_str(&text).expect("a whole state, at any moment"))
}

fn actors(world: &World) -> Vec<String> {
    let found = world.json(&["list", "--all"]);
    found.iter().map(|event| event["actor"]["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn killed_again_and_again_every_line_counts_once() {
    const LINES: usize = 20_000;
    const KILLS: u64 = 5;
    let (world, organization) = World::furnished();
    let line = |number: usize| match number % 1000 {
        7 => "nonsense".to_owned(),
        _ => json!({"organization_id": organization, "event": event(number)}).to_string(),
    };
    let text: String = (0..LINES).map(|number| line(number) + "\n").collect();
    world.write("in.ndjson", &text);
    for kill in 0..KILLS {
        let mut child = world.spawn(&["import", "in.ndjson"]);
        let (before, started) = (state(&world), Instant::now());
        // One that is faster than this test has nothing left to kill.
        while state(&world) == before && child.try_wait().expect("waitable").is_none() {
            assert!(started.elapsed() < Duration::from_secs(60), "the import does not move");
        }
        std::thread::sleep(Duration::from_millis(7 * kill));
        child.kill().expect("killable");
        child.wait().expect("waitable");
    }
    let halfway = state(&world).expect("a state")["bytes"].as_u64().expect("a length");
    assert!(halfway < text.len() as u64, "nothing was interrupted");
    let ran = world.run(&["import", "in.ndjson"]);
    assert_eq!(ran.code, 3, "{ran:?}");

    let found = actors(&world);
    let expected: BTreeSet<String> = (0..LINES).filter(|number| number % 1000 != 7).map(|number| format!("u{number}")).collect();
    assert_eq!(found.len(), expected.len(), "something is twice or missing");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    let counts = state(&world).expect("a state");
    assert_eq!((counts["refused"].as_u64(), counts.get("sending_bytes")), (Some(20), None));
    let sum = counts["stored"].as_u64().zip(counts["repeated"].as_u64()).map(|(stored, repeated)| stored + repeated);
    assert_eq!(sum, Some(expected.len() as u64));
    let refused: Vec<_> =
        super::lines(&world.file("in.ndjson.refused.ndjson")).iter().map(|line| line["line"].as_u64()).collect();
    assert_eq!(refused, (0..20).map(|thousand| Some(thousand * 1000 + 8)).collect::<Vec<_>>());
}

/// After a day the server has forgotten the idempotency keys, so the events are recorded without any here.
#[test]
fn a_batch_in_doubt_is_looked_up_when_keys_have_expired() {
    let (world, organization) = World::furnished();
    let other = world.ok(&["orgs", "create", "Other"]).trim().to_owned();
    let owner = |number: usize| if number.is_multiple_of(2) { &organization } else { &other };
    let line = |number: usize| {
        let mark = json!({"source": "workos", "id": format!("old{number}")});
        json!({"organization_id": owner(number), "event": event(number), "imported": mark}).to_string() + "\n"
    };
    let text: String = (0..10).map(line).collect();
    // The second batch, lines 3 to 7, was on its way; the server has all of it. So has it events that look alike.
    assert_eq!(world.fed(&["emit", "-"], &(2..7).map(line).collect::<String>()).code, 0);
    let twin = json!({"organization_id": organization, "event": event(3), "imported": {"source": "workos", "id": "old3"}});
    assert_eq!(world.fed(&["emit", "-"], &format!("{twin}\n")).code, 0);

    let length = |lines: usize| (0..lines).map(|number| line(number).len() as u64).sum::<u64>();
    let done = hex::encode(Sha256::digest(&text.as_bytes()[..usize::try_from(length(2)).expect("small")]));
    let saved = json!({
        "version": 1, "server": world.server.url, "bytes": length(2), "lines": 2, "digest": done, "sending_bytes": length(7),
        "refused_bytes": 0, "stored": 2, "repeated": 0, "refused": 0
    });
    world.write("in.ndjson", &text);
    world.write("in.ndjson.annals-import", &saved.to_string());
    let told = &world.json(&["import", "in.ndjson"])[0];
    assert_eq!(*told, json!({"file": "in.ndjson", "stored": 5, "repeated": 5, "refused": 0}));
    let mut found = actors(&world);
    found.sort();
    assert_eq!(found, ["u2", "u3", "u3", "u4", "u5", "u6", "u7", "u8", "u9"]);
}

#[test]
fn a_server_that_goes_away_is_waited_for_by_the_next_run() {
    let (world, organization) = World::furnished();
    let line = |number: usize| json!({"organization_id": organization, "event": event(number)}).to_string() + "\n";
    world.write("in.ndjson", &(0..3000).map(line).collect::<String>());
    let mut child = world.spawn(&["import", "in.ndjson", "--retries", "0"]);
    while state(&world).is_none() && child.try_wait().expect("waitable").is_none() {}
    super::terminate(&child);
    let ran = super::ran(&child.wait_with_output().expect("annals runs"));
    assert!(ran.code == 130 || ran.code == 0, "{ran:?}");
    world.ok(&["import", "in.ndjson"]);
    assert_eq!(actors(&world).into_iter().collect::<BTreeSet<_>>().len(), 3000);
    assert_eq!(actors(&world).len(), 3000);
}

#[test]
fn a_server_that_is_killed_meanwhile_is_waited_for() {
    let (world, organization) = World::furnished();
    let line = |number: usize| json!({"organization_id": organization, "event": event(number)}).to_string() + "\n";
    world.write("in.ndjson", &(0..10_000).map(line).collect::<String>());
    let mut child = world.spawn(&["import", "in.ndjson", "--retries", "100"]);
    while state(&world).is_none_or(|state| state["bytes"] == 0) && child.try_wait().expect("waitable").is_none() {}
    let World { folder, server } = world;
    let address = server.url.strip_prefix("http://").expect("an address").to_owned();
    server.kill();
    std::thread::sleep(Duration::from_millis(300));
    let server = Server::start_at(&address, &folder.path().join("data"), &[]);
    let world = World { folder, server };
    let ran = super::ran(&child.wait_with_output().expect("annals runs"));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let found = actors(&world);
    assert_eq!((found.len(), found.into_iter().collect::<BTreeSet<_>>().len()), (10_000, 10_000));
}

#[test]
fn one_file_is_imported_by_one_process() {
    let (world, organization) = World::furnished();
    world.write("in.ndjson", &(json!({"organization_id": organization, "event": event(1)}).to_string() + "\n"));
    let file = std::fs::File::open(world.path("in.ndjson")).expect("there");
    file.lock().expect("locked");
    let ran = world.run(&["import", "in.ndjson"]);
    assert!(ran.code == 2 && ran.err.contains("is being imported already"), "{ran:?}");
    drop(file);
    world.ok(&["import", "in.ndjson"]);
}
