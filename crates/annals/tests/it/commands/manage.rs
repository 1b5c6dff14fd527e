//! Organizations, schemas, keys, the feed and the API-request log.

use super::World;

#[test]
fn organizations() {
    let world = World::new();
    let id = world.ok(&["orgs", "create", "Acme", "--external-id", "crm-1", "--domain", "acme.com", "--metadata", "tier=gold"]);
    let id = id.trim();
    let other = &world.json(&["orgs", "create", "Böse\u{1b}[2J"])[0];
    let table = world.ok(&["orgs", "list"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["id", "name", "external_id", "domains", "created_at"]);
    assert_eq!(rows[1][..4], [other["id"].as_str().expect("an id"), "Böse\u{fffd}[2J", "", ""]);
    assert_eq!(rows[2][..4], [id, "Acme", "crm-1", "acme.com"]);
    assert_eq!(world.ok(&["orgs", "list", "--search", "acme", "--no-header"]).lines().count(), 1);
    assert_eq!(world.json(&["orgs", "list", "--domain", "acme.com"])[0]["id"], id);
    let found = &world.json(&["orgs", "get", "crm-1"])[0];
    assert_eq!((found["id"].as_str(), &found["metadata"]["tier"]), (Some(id), &"gold".into()));

    let told = world.ok(&["orgs", "update", "crm-1", "--name", "Acme 2", "--external-id", "", "--metadata", "tier="]);
    assert_eq!(told, format!("{id} is changed\n"));
    let changed = &world.json(&["orgs", "get", id])[0];
    assert_eq!((&changed["name"], &changed["external_id"]), (&"Acme 2".into(), &serde_json::Value::Null));
    assert_eq!((changed["metadata"].to_string().as_str(), changed["domains"][0]["domain"].as_str()), ("{}", Some("acme.com")));
    assert_eq!(world.ok(&["orgs", "delete", id]), format!("{id} (Acme 2) is deleted\n"));
    assert_eq!(world.json(&["orgs", "list"]).len(), 1);
}

#[test]
fn schemas() {
    let world = World::new();
    assert_eq!(
        world.ok(&["schemas", "create", "invoice.paid", "--target", "invoice", "--target", "team"]),
        "invoice.paid version 1\n"
    );
    world.write("schema.json", r#"{"targets":[{"type":"invoice"}],"metadata":{"amount":"number"}}"#);
    assert_eq!(world.json(&["schemas", "create", "invoice.paid", "--file", "schema.json"])[0]["version"], 2);
    let piped = world.fed(&["schemas", "create", "invoice.paid", "--file", "-"], r#"{"targets":[{"type":"a"}]}"#);
    assert_eq!((piped.code, piped.out.as_str()), (0, "invoice.paid version 3\n"), "{piped:?}");
    let actions = world.ok(&["schemas", "list", "--no-header"]);
    assert!(actions.starts_with("invoice.paid\t3\t"), "{actions}");
    let versions = world.ok(&["schemas", "list", "invoice.paid"]);
    let rows: Vec<Vec<&str>> = versions.lines().map(|line| line.split('\t').take(3).collect()).collect();
    assert_eq!(
        rows,
        [["version", "targets", "metadata"], ["3", "a", "free"], ["2", "invoice", "checked"], ["1", "invoice, team", "free"]]
    );
    assert_eq!(world.json(&["schemas", "get", "invoice.paid"])[0]["version"], 3);
    assert_eq!(world.json(&["schemas", "get", "invoice.paid", "--version", "1"])[0]["targets"][1]["type"], "team");
}

#[test]
fn keys() {
    let (world, organization) = World::furnished();
    let value = world.ok(&["keys", "create", &organization, "theirs"]).trim().to_owned();
    let made = &world.json(&["keys", "create", &organization, "more", "--expires-at", "2100-01-01", "--permission", "p"])[0];
    let rows = world.ok(&["keys", "list", &organization]);
    assert_eq!(rows.lines().next(), Some("id\tname\tvalue\tlast_used_at\texpires_at\tcreated_at"));
    assert!(rows.lines().count() == 3 && !rows.contains(&value), "{rows}");
    let valid = world.fed(&["keys", "validate", "--json"], &format!("{value}\n"));
    let key: serde_json::Value = serde_json::from_str(&valid.out).expect("JSON");
    assert_eq!((valid.code, key["name"].as_str()), (0, Some("theirs")));

    // It works, and sees its own organization only.
    world.write("key", &value);
    let theirs = |arguments: &[&str]| {
        let arguments = [arguments, &["--api-key-file", "key"]].concat();
        super::run(world.command(&arguments).env_remove("ANNALS_API_KEY")).code
    };
    assert_eq!((theirs(&["list"]), theirs(&["orgs", "list"])), (0, 4));
    let id = key["id"].as_str().expect("an id");
    assert_eq!(world.ok(&["keys", "expire", id]), format!("{id} is expired\n"));
    assert_eq!(theirs(&["list"]), 4);
    let other = made["id"].as_str().expect("an id");
    assert_eq!(world.json(&["keys", "delete", other])[0]["deleted"], true);
    assert_eq!(world.json(&["keys", "list", &organization]).len(), 1);
}

#[test]
fn the_feed() {
    let (world, organization) = World::furnished();
    let first = world.ok(&["events", "publish", "invoice.paid", r#"{"id":"i1","name":"First"}"#, "--org", &organization]);
    let first = first.trim();
    assert!(first.starts_with("event_"), "{first}");
    let keyed = ["events", "publish", "invoice.paid", r#"{"id":"i2"}"#, "--idempotency-key", "k"];
    world.ok(&keyed);
    assert!(world.ok(&keyed).contains("before"));
    let piped = world.fed(&["events", "publish", "invoice.paid", "-", "--json"], r#"{"id":"i3"}"#);
    assert!(piped.code == 0 && piped.out.contains("\"stored\""), "{piped:?}");

    let rows = world.ok(&["events", "list", "invoice.paid"]);
    let about: Vec<&str> = rows.lines().map(|line| line.split('\t').nth(3).expect("a column")).collect();
    assert_eq!(about, ["about", "i1 First", "i2", "i3"]);
    assert_eq!(world.json(&["events", "list", "invoice.paid", "--after", first]).len(), 2);
    assert_eq!(world.json(&["events", "list", "invoice.paid", "--limit", "1"])[0]["data"]["id"], "i1");
    assert_eq!(world.json(&["events", "list", "invoice.paid", "--org", &organization]).len(), 1);
    assert_eq!(world.json(&["events", "list", "invoice.paid", "--from", "2100-01-01"]).len(), 0);
    assert!(world.json(&["events", "list"]).iter().any(|event| event["event"] == "organization.created"));
}

#[test]
fn followers_of_the_feed_see_each_event() {
    use std::io::{BufRead, BufReader};
    let world = World::new();
    let first = world.ok(&["events", "publish", "invoice.paid", r#"{"id":"i0"}"#]);
    let mut child = world.spawn(&["events", "follow", "invoice.paid", "--after", first.trim(), "--pause", "1", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for number in 1..3 {
        world.ok(&["events", "publish", "invoice.paid", &format!(r#"{{"id":"i{number}"}}"#)]);
        let line = lines.next().expect("a line").expect("text");
        assert!(line.contains(&format!(r#""id":"i{number}""#)), "{line}");
    }
    super::terminate(&child);
    assert_eq!(child.wait().expect("waitable").code(), Some(130));
}

#[test]
fn the_log_of_api_requests() {
    let world = World::new();
    let send = |body: &str| {
        let http = reqwest::Client::new();
        let sending =
            http.post(format!("{}/v1/audit_logs", world.server.url)).bearer_auth(crate::server::KEY).body(body.to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let answer = runtime.block_on(sending.header("content-type", "application/json").send()).expect("an answer");
        assert_eq!(answer.status(), 201);
    };
    for status in [200, 500] {
        send(&format!(
            r#"{{"action":"thing.get","actor":{{"id":"u","type":"user","name":"Ada"}},"client_ip":"::1","method":"GET","path":"/things","status_code":{status}}}"#
        ));
    }
    let rows = world.ok(&["requests", "list", "--action", "thing.get"]);
    let rows: Vec<Vec<&str>> = rows.lines().map(|line| line.split('\t').skip(2).collect()).collect();
    assert_eq!(rows[0], ["status", "method", "path", "action", "actor", "client_ip"]);
    assert_eq!(rows[1], ["500", "GET", "/things", "thing.get", "Ada", "::1"]);
    assert_eq!(rows.len(), 3);
    let failed = world.json(&["requests", "list", "--action", "thing.get", "--status-from", "500"]);
    assert_eq!(failed.len(), 1);
    let id = failed[0]["id"].as_str().expect("an id");
    assert_eq!(world.json(&["requests", "get", id])[0], failed[0]);
    assert_eq!(world.json(&["requests", "list", "--limit", "1"]).len(), 1);
}
