//! `backup`, `restore` and `doctor`: of the machine that holds the data.

use std::path::Path;

use serde_json::Value;

use super::{World, client, lines, run};
use crate::server::Server;

fn check(arguments: &[&str], code: i32, said: &str) {
    let ran = run(&mut client(arguments));
    assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{arguments:?}: {ran:?}");
    assert!(ran.err.contains(said), "{arguments:?}: {said:?} is not in {}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{arguments:?}: {}", ran.err);
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

#[test]
fn a_running_server_is_copied_and_the_copy_goes_on() {
    let (world, organization) = World::furnished();
    let emit = |n: u32| {
        let actor = format!("user:u{n}");
        world.ok(&["emit", "--org", &organization, "--action", "user.signed_in", "--actor", &actor, "--target", "team:t"]);
    };
    emit(1);
    let (data, shelf, there) = (world.path("data"), world.path("shelf"), world.path("there"));
    let first = world.json(&["backup", text(&shelf), "--data", text(&data)]);
    assert!(first[0]["files"].as_u64() > Some(0) && first[0]["bytes"] == first[0]["new_bytes"], "{first:?}");
    emit(2);
    let second = world.ok(&["backup", text(&shelf), "--data", text(&data)]);
    assert!(second.contains("up to commit"), "{second}");
    emit(3);

    let restored = world.json(&["restore", text(&shelf), "--data", text(&there)]);
    assert!(second.starts_with(restored[0]["backup"].as_str().expect("a name")), "{restored:?} {second}");
    assert!(world.ok(&["doctor", "--data", text(&there)]).contains("all is well"));
    let copy = Server::start(&there, &[]);
    let listed = run(client(&["list", "--json"]).env("ANNALS_URL", &copy.url));
    let actors: Vec<_> = lines(&listed.out).iter().map(|event| event["actor"]["id"].clone()).collect();
    assert_eq!(actors, ["u2", "u1"], "{listed:?}");
    assert_eq!(copy.stop().code(), Some(0));

    // Not over anything, and not where somebody works.
    check(&["restore", text(&shelf), "--data", text(&there)], 2, "is not empty");
    check(&["restore", text(&shelf), "--data", text(&data)], 1, "in use by another annals process");
    let older = world.path("older");
    world.ok(&["restore", text(&shelf), "--data", text(&older), "--backup", first[0]["backup"].as_str().expect("a name")]);
    check(&["restore", text(&shelf), "--data", text(&world.path("none")), "--backup", "x"], 5, "there is no backup x");
    assert!(!world.path("none").exists());
}

#[test]
fn a_folder_with_other_things_is_left_as_it_is() {
    let world = World::new();
    let (shelf, other) = (world.path("shelf"), world.path("other"));
    world.ok(&["backup", text(&shelf), "--data", text(&world.path("data"))]);
    std::fs::create_dir(&other).expect("made");
    std::fs::write(other.join("letter"), "dear").expect("written");
    check(&["restore", text(&shelf), "--data", text(&other)], 2, "is not empty");
    assert_eq!(std::fs::read_dir(&other).expect("listable").count(), 1);
}

/// It would be lost with what it copies, and the server's folders would hold what is not the server's.
#[test]
fn a_backup_is_not_kept_inside_of_what_it_copies() {
    let world = World::new();
    let data = world.path("data");
    std::os::unix::fs::symlink(&data, world.path("link")).expect("linked");
    for inside in ["data", "data/backups/here", "data/lake", "link", "link/backups", "none/../data/x"] {
        check(&["backup", text(&world.path(inside)), "--data", text(&data)], 2, "choose another folder");
    }
    check(&["backup", text(data.parent().expect("a folder")), "--data", text(&data)], 2, "choose another folder");
    assert!(!data.join("backups").exists() && !data.join("lake/files").exists());
    let lake = world.path("elsewhere");
    let url = format!("file://{}", text(&lake));
    check(&["backup", text(&lake.join("x")), "--data", text(&data), "--lake-url", &url], 2, "choose another folder");
    world.ok(&["backup", text(&world.path("database")), "--data", text(&data)]);
}

#[test]
fn exit_codes_are_what_the_help_says() {
    let world = World::new();
    let (data, shelf, none) = (world.path("data"), world.path("shelf"), world.path("none"));
    let (data, shelf, none) = (text(&data), text(&shelf), text(&none));
    for url in ["--database-url=mysql://x", "--lake-url=ftp://x"] {
        check(&["doctor", "--data", data, url], 2, "is not supported");
        check(&["backup", shelf, "--data", data, url], 2, "is not supported");
    }
    for place in ["ftp://x", "s3:///prefix"] {
        check(&["backup", place, "--data", data], 2, "s3://bucket/prefix");
        check(&["restore", place, "--data", none], 2, "s3://bucket/prefix");
    }
    check(&["restore", none, "--data", none], 5, "No such file");
    check(&["backup", shelf, "--data", none], 5, "No such file");
    check(&["doctor", "--data", none], 1, "No such file");

    let empty = world.path("empty");
    std::fs::create_dir(&empty).expect("made");
    std::fs::write(empty.join("annals.db"), "").expect("written");
    check(&["backup", shelf, "--data", text(&empty)], 5, "is empty");
    let ran = run(&mut client(&["doctor", "--data", text(&empty)]));
    assert!(ran.code == 7 && ran.out.contains("it is empty"), "{ran:?}");

    assert!(world.ok(&["doctor", "--data", data]).contains("all is well"));
    std::fs::write(world.path("empty/annals.db"), "SELECT").expect("written");
    let ran = run(&mut client(&["doctor", "--data", text(&empty), "--json"]));
    assert!(ran.code == 7 && lines(&ran.out).last().is_some_and(|end| end["healthy"] == false), "{ran:?}");
}

/// Backups share files, and a new one takes the changed file for the good one.
#[test]
fn a_changed_file_of_backups_is_found_and_the_next_backup_replaces_it() {
    let (world, organization) = World::furnished();
    world.ok(&["emit", "--org", &organization, "--action", "user.signed_in", "--actor", "user:u", "--target", "team:t"]);
    let (data, shelf) = (world.path("data"), world.path("shelf"));
    let backup = || world.json(&["backup", text(&shelf), "--data", text(&data)]).remove(0);
    let first = backup();
    let verify = |more: &[&str]| run(&mut client(&[&["doctor", "--backups", text(&shelf)], more].concat()));
    let ran = verify(&[]);
    assert!(ran.code == 0 && ran.out.starts_with("looked at 1 backups with ") && ran.out.contains("all is well"), "{ran:?}");

    let entry = list_of(&shelf, &first).find(|entry| entry["path"] == "lake/audit_events/_delta_log/00000000000000000000.json");
    let digest = entry.expect("the table's first entry")["sha256"].as_str().expect("a digest").to_owned();
    let file = shelf.join("files").join(&digest[..2]).join(&digest);
    let mut bytes = std::fs::read(&file).expect("readable");
    bytes[7] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let second = backup();
    let ran = verify(&["--json"]);
    let lines = lines(&ran.out);
    assert_eq!((ran.code, lines.len()), (7, 2), "{ran:?}");
    assert!(lines[0]["part"] == "backups" && lines[0]["place"].as_str().is_some_and(|place| place.ends_with(&digest)), "{ran:?}");
    assert_eq!(lines[1]["examined"]["damaged"], serde_json::json!([first["backup"], second["backup"]]), "{ran:?}");

    std::fs::remove_file(&file).expect("removed");
    let ran = verify(&[]);
    assert!(ran.code == 7 && ran.out.contains("it is missing"), "{ran:?}");
    backup();
    assert_eq!(verify(&[]).code, 0);
    check(&["doctor", "--backups", text(&world.path("none"))], 5, "No such file");
}

/// The files that a backup consists of.
fn list_of(shelf: &Path, backup: &Value) -> impl Iterator<Item = Value> + use<> {
    let name = format!("{}.json", backup["backup"].as_str().expect("a name"));
    let list = std::fs::read_to_string(shelf.join("backups").join(name)).expect("readable");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    list["files"].as_array().cloned().unwrap_or_default().into_iter()
}
