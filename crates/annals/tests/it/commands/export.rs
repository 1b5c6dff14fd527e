//! Exports hold what was recorded.

use serde_json::{Value, json};

use super::{World, lines};
use crate::lines::{COLUMNS, Line, expected_cells};

/// Generated events, recorded through the batch route.
fn recorded(world: &World, events: &str) -> Vec<(String, Value)> {
    let arguments =
        ["bench", "generate", "--events", events, "--organizations", "3", "--seed", "11", "--output", "generated.ndjson"];
    assert_eq!(super::run(world.command(&arguments).env_remove("ANNALS_URL")).code, 0);
    let generated = world.file("generated.ndjson");
    let generated: Vec<Line> = generated.lines().map(|line| serde_json::from_str(line).expect("a generated line")).collect();
    let mut organizations = std::collections::BTreeMap::new();
    let mut input = String::new();
    let mut sent = Vec::new();
    for line in generated {
        let id = organizations
            .entry(line.organization.clone())
            .or_insert_with(|| world.ok(&["orgs", "create", &line.organization]).trim().to_owned());
        // Imported events need no schema.
        let item = json!({"organization_id": id, "event": line.event, "imported": {"source": "test"}});
        input.push_str(&format!("{item}\n"));
        sent.push((id.clone(), line.event));
    }
    let emitted = world.fed(&["emit", "-", "--no-header"], &input);
    assert_eq!(emitted.code, 0, "{}", emitted.err);
    sent
}

#[test]
fn both_formats_hold_what_was_recorded() {
    let world = World::new();
    let sent = recorded(&world, "300");
    let organization = &sent[0].0;
    let of_one: Vec<&Value> = sent.iter().filter(|(id, _)| id == organization).map(|(_, event)| event).collect();

    let written = world.run(&["export", "--org", organization, "-o", "acme.csv"]);
    assert_eq!((written.code, written.out.as_str(), written.err.as_str()), (0, "", ""));
    let piped = world.ok(&["export", "--org", organization]);
    assert_eq!(piped, world.file("acme.csv"));
    let mut reader = csv::Reader::from_reader(piped.as_bytes());
    let headers = reader.headers().expect("a header").clone();
    let column = |name| headers.iter().position(|header| header == name).expect("a column");
    let columns = COLUMNS.map(column);
    let cells = |row: csv::StringRecord| columns.iter().map(|column| row[*column].to_owned()).collect::<Vec<_>>();
    let rows: Vec<_> = reader.into_records().map(|row| cells(row.expect("well-formed CSV"))).collect();
    assert_eq!(rows, of_one.iter().map(|event| expected_cells(event)).collect::<Vec<_>>());

    world.ok(&["export", "--format", "ndjson", "-o", "all.ndjson"]);
    let exported = lines(&world.file("all.ndjson"));
    assert_eq!(exported, world.json(&["list", "--all", "--order", "asc"]));
    assert_eq!(exported.len(), sent.len());
    for (exported, (organization, event)) in exported.iter().zip(&sent) {
        assert_eq!((&exported["organization_id"], &exported["action"]), (&json!(organization), &event["action"]));
        assert_eq!(exported["actor"]["id"], event["actor"]["id"]);
    }
    let names: Vec<_> = std::fs::read_dir(world.path("")).expect("readable").flatten().map(|entry| entry.file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{names:?}");
}

#[test]
fn filters_of_exports() {
    let (world, organization) = World::furnished();
    for actor in ["user:a", "user:b"] {
        world.ok(&["emit", "--org", &organization, "--action", "user.signed_in", "--actor", actor, "--target", "team:t"]);
    }
    let csv = world.ok(&["export", "--org", &organization, "--actor", "a"]);
    assert_eq!(csv.lines().count(), 2, "{csv}");
    let found = lines(&world.ok(&["export", "--format", "ndjson", "--actor", "a", "--search", "signed"]));
    assert_eq!(found.len(), 1);
    assert_eq!(lines(&world.ok(&["export", "--format", "ndjson", "--to", "2000-01-01"])).len(), 0);
    // A failure leaves no file behind.
    assert_eq!(world.run(&["export", "--org", "org_01EHWNCE74X7JSDV0X3SZ3KJNY", "-o", "x.csv"]).code, 3);
    assert!(!world.path("x.csv").exists() && !world.path("x.csv.part").exists());
}
