//! Every way in which a command can fail has its exit code, one line on standard error, and nothing on standard output.

use std::process::Command;

use super::{World, client, run};

fn check(command: &mut Command, code: i32, said: &str) {
    let ran = run(command);
    assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{command:?}: {ran:?}");
    assert!(ran.err.contains(said), "{command:?}: {said:?} is not in {}", ran.err);
    // Usage comes with help, over several lines.
    assert!(code == 2 || (ran.err.lines().count() == 1 && ran.err.starts_with("annals: ")), "{}", ran.err);
}

/// One call of every command that sends something.
const CALLS: &[&[&str]] = &[
    &["emit", "--org", "org_1", "--action", "a.b", "--actor", "user:u"],
    &["list"],
    &["list", "evt_01KY6ZKXZ0NB26R4EP0000001E"],
    &["tail"],
    &["export", "--org", "org_1"],
    &["export", "--format", "ndjson"],
    &["import", "events.ndjson"],
    &["orgs", "list"],
    &["orgs", "get", "x"],
    &["orgs", "create", "Acme"],
    &["orgs", "update", "x", "--name", "y"],
    &["orgs", "delete", "x"],
    &["schemas", "list"],
    &["schemas", "list", "a.b"],
    &["schemas", "get", "a.b"],
    &["schemas", "create", "a.b", "--target", "team"],
    &["keys", "list", "org_1"],
    &["keys", "create", "org_1", "name"],
    &["keys", "expire", "api_key_1"],
    &["keys", "delete", "api_key_1"],
    &["keys", "validate"],
    &["events", "list"],
    &["events", "follow"],
    &["events", "publish", "a.b", "{}"],
    &["requests", "list"],
    &["requests", "get", "api_request_1"],
];

#[test]
fn nobody_answers() {
    let folder = tempfile::tempdir().expect("temp folder");
    std::fs::write(folder.path().join("events.ndjson"), "{}\n").expect("written");
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let url = format!("http://127.0.0.1:{port}");
    for call in CALLS.iter().filter(|call| call[..2.min(call.len())] != ["events", "follow"]) {
        let arguments = [call, &["--url", &url, "--retries", "0"][..]].concat();
        check(client(&arguments).current_dir(folder.path()), 6, "no answer to");
    }
}

#[test]
fn the_key_is_wrong() {
    let world = World::new();
    world.write("events.ndjson", "{}\n");
    world.write("key", "sk_wrong_key_0000000000\n");
    for call in CALLS {
        check(world.command(&[call, &["--api-key-file", "key"][..]].concat()).env_remove("ANNALS_API_KEY"), 4, "Unauthorized");
    }
}

#[test]
fn there_is_no_such_thing() {
    let (world, organization) = World::furnished();
    for call in [
        &["list", "evt_01KY6ZKXZ0NB26R4EP0000001E"][..],
        &["list", "--org", "org_01EHWNCE74X7JSDV0X3SZ3KJNY"],
        &["tail", "--org", "org_01EHWNCE74X7JSDV0X3SZ3KJNY"],
        &["export", "--format", "ndjson", "--org", "org_01EHWNCE74X7JSDV0X3SZ3KJNY"],
        &["import", "events.ndjson", "--org", "org_01EHWNCE74X7JSDV0X3SZ3KJNY"],
        &["import", "events.ndjson", "--map", "x=org_01EHWNCE74X7JSDV0X3SZ3KJNY"],
        &["orgs", "get", "org_01EHWNCE74X7JSDV0X3SZ3KJNY"],
        &["orgs", "get", "called-so-elsewhere"],
        &["orgs", "delete", "called-so-elsewhere"],
        &["schemas", "list", "no.such"],
        &["schemas", "get", "no.such"],
        &["schemas", "get", "user.signed_in", "--version", "9"],
        &["keys", "list", "org_01EHWNCE74X7JSDV0X3SZ3KJNY"],
        &["keys", "delete", "api_key_01EHWNCE74X7JSDV0X3SZ3KJNY"],
        &["requests", "get", "api_request_01EHWNCE74X7JSDV0X3SZ3KJNY"],
    ] {
        world.write("events.ndjson", "{}\n");
        check(&mut world.command(call), 5, "");
    }
    let gone = world.fed(&["keys", "validate"], "sk_nobody_has_this\n");
    assert_eq!((gone.code, gone.out.as_str()), (5, ""), "{gone:?}");
    world.ok(&["orgs", "delete", &organization]);
    check(&mut world.command(&["orgs", "get", &organization]), 5, "not found");
}

#[test]
fn the_server_refuses() {
    let (world, organization) = World::furnished();
    for (call, said) in [
        (&["list", "--search", &"x".repeat(300)][..], "search"),
        (&["tail", "--since", "evt_01KY6ZKXZ0NB26R4EP0000001E"], "unknown_event_id"),
        (&["orgs", "create", ""], "name"),
        (&["orgs", "create", "x", "--domain", "not a domain"], "domain"),
        (&["keys", "create", &organization, ""], "name"),
        (&["events", "publish", "user.created", "{}", "--idempotency-key", &"k".repeat(600)], "idempotency"),
    ] {
        check(&mut world.command(call), 3, said);
    }
}

#[test]
fn usage() {
    let world = World::new();
    world.write("broken", "{");
    world.write("array", "[]");
    for (call, said) in [
        (&["emit"][..], "required"),
        (&["emit", "--org", "o", "--action", "a"], "required"),
        (&["emit", "--org", "o", "--action", "a", "--actor", "u"], "TYPE:ID"),
        (&["emit", "missing.json"], "missing.json"),
        (&["emit", "broken"], "broken"),
        (&["list", "--from", "yesterday"], "ISO 8601"),
        (&["list", "--metadata", "x"], "key=value"),
        (&["list", "--limit", "0"], "0"),
        (&["export"], "--org"),
        (&["export", "--org", "o", "--search", "x"], "ndjson"),
        (&["export", "--format", "ndjson", "-o", "no/such/folder/x"], "no/such/folder"),
        (&["import"], "required"),
        (&["import", "missing.ndjson"], "missing.ndjson"),
        (&["import", "."], "is no file"),
        (&["import", "broken", "--org", "o", "--create-organizations"], "cannot be used with"),
        (&["schemas", "create", "a.b"], "required"),
        (&["schemas", "create", "a.b", "--file", "broken"], "broken"),
        (&["schemas", "create", "a.b", "--file", "array"], "array"),
        (&["events", "publish", "Wrong", "{}"], "name"),
        (&["events", "publish", "a.b", "5"], "object"),
        (&["mirror"], "required"),
        (&["mirror", "--from", "http://127.0.0.1:1"], "ANNALS_MIRROR_API_KEY"),
        (&["list", "--url", "nowhere"], "URL"),
        (&["list", "--api-key-file", "missing"], "missing"),
        (&["frobnicate"], "unrecognized"),
    ] {
        check(world.command(call).env_remove("ANNALS_MIRROR_API_KEY"), 2, said);
    }
    check(world.command(&["list"]).env_remove("ANNALS_API_KEY"), 2, "--api-key-file");
}

#[test]
fn a_key_is_never_printed() {
    let world = World::new();
    for call in CALLS.iter().filter(|call| call[..2.min(call.len())] != ["events", "follow"] && call[0] != "tail") {
        let mut command = world.command(call);
        let ran = run(command.env("ANNALS_API_KEY", "sk_secret_0123456789"));
        assert!(!ran.out.contains("sk_secret") && !ran.err.contains("sk_secret"), "{call:?}: {ran:?}");
    }
}
