//! Starting and stopping: the greeting, one clear line for each mistake, the drain.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::server::{KEY, Server, annals, fails};

/// One line that names the thing, and a non-zero exit.
fn check_fails(arguments: &[&str], code: i32, expected: &[&str]) {
    let (stderr, found) = fails(&mut annals(arguments));
    assert_eq!(found, Some(code), "{arguments:?}: {stderr}");
    for part in expected {
        assert!(stderr.contains(part), "{arguments:?} must say {part:?}, said {stderr:?}");
    }
    if code == 1 {
        assert_eq!(stderr.trim_end().lines().count(), 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn each_mistake_ends_with_one_clear_line() {
    let folder = tempfile::tempdir().expect("temp folder");
    let data = folder.path().join("data").display().to_string();
    check_fails(&["serve", "--lisen", "x"], 2, &["--lisen"]);
    check_fails(&["serve", "--events-order", "up"], 2, &["--events-order", "live or spec"]);
    check_fails(&["serve", "--listen", "nonsense"], 2, &["--listen"]);
    check_fails(&["serve", "--data", "/dev/null/data", "--listen", "127.0.0.1:0"], 1, &["/dev/null/data", "cannot be written"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    check_fails(&["serve", "--data", &data, "--listen", &address], 1, &[&address, "in use"]);
    assert!(!folder.path().join("data").exists(), "a taken port must leave no data folder");
    let serve = |more: [&str; 2]| fails(&mut annals(&["serve", "--data", &data, "--listen", "127.0.0.1:0", more[0], more[1]]));
    for (code_expected, flag, value, expected) in [
        (2, "--database-url", "mysql://x", "mysql"),
        (1, "--database-url", "sqlite:/dev/null/x.db", "/dev/null/x.db"),
        (2, "--lake-url", "ftp://x/y", "ftp://x/y"),
        (2, "--retention-days", "31", "31"),
        (2, "--rate-limit-burst", "5", "--rate-limit-per-second"),
        (2, "--public-url", "here", "here"),
        (2, "--log-level", "a=b=c", "a=b=c"),
        (2, "--config", "/nowhere.toml", "/nowhere.toml"),
        (2, "--api-key", "short", "API key"),
    ] {
        let (stderr, code) = serve([flag, value]);
        assert_eq!((code, stderr.trim_end().lines().count()), (Some(code_expected), 1), "{flag} {value}: {stderr}");
        assert!(stderr.contains(expected), "{flag} {value} must say {expected:?}, said {stderr:?}");
    }
    let file = folder.path().join("annals.toml");
    std::fs::write(&file, "listn = \"127.0.0.1:0\"\n").expect("writable");
    let (stderr, code) = serve(["--config", file.to_str().expect("readable")]);
    assert_eq!((code, stderr.trim_end().lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.contains("listn"), "{stderr}");
}

#[test]
fn a_second_process_on_the_folder_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().expect("temp folder");
    let first = Server::start(folder.path(), &[]);
    let (stderr, code) =
        fails(&mut annals(&["serve", "--listen", "127.0.0.1:0", "--data", folder.path().to_str().expect("readable")]));
    assert_eq!((code, stderr.trim_end().lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("in use by another annals process"), "{stderr}");
    assert_eq!(first.stop().code(), Some(0));
}

#[test]
fn a_second_process_on_the_database_or_the_lake_is_refused_and_the_first_goes_on() {
    let (folder, other) = (tempfile::tempdir().expect("temp folder"), tempfile::tempdir().expect("temp folder"));
    let first = Server::start(folder.path(), &[]);
    let database = format!("sqlite:{}", folder.path().join("annals.db").display());
    let lake = format!("file://{}", folder.path().join("lake").display());
    for (flag, url) in [("--database-url", database), ("--lake-url", lake)] {
        let data = other.path().join(flag);
        let data = data.to_str().expect("readable");
        let (stderr, code) = fails(&mut annals(&["serve", "--listen", "127.0.0.1:0", "--data", data, flag, &url]));
        assert_eq!((code, stderr.trim_end().lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.contains("in use by another annals process"), "{stderr}");
    }
    assert_eq!(first.stop().code(), Some(0));
}

#[test]
fn settings_come_from_flags_then_variables_then_the_file() {
    let folder = tempfile::tempdir().expect("temp folder");
    let file = folder.path().join("annals.toml");
    let data = folder.path().join("from-file");
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata = {:?}\nlog_format = \"json\"\nevents_order = \"spec\"\nrecord_reads = true\n",
        data.display().to_string()
    );
    std::fs::write(&file, text).expect("writable");
    let config = file.to_str().expect("readable");
    let server = Server::spawn(&mut annals(&["serve", "--config", config]));
    assert!(server.greeting.contains("from-file"), "{}", server.greeting);
    assert_eq!(server.stop().code(), Some(0));
    let from_variable = folder.path().join("from-variable");
    let server = Server::spawn(annals(&["serve", "--config", config]).env("ANNALS_DATA", &from_variable));
    assert!(server.greeting.contains("from-variable"), "{}", server.greeting);
    assert_eq!(server.stop().code(), Some(0));
}

#[tokio::test]
async fn the_first_key_is_shown_once_and_works() {
    let folder = tempfile::tempdir().expect("temp folder");
    let data = folder.path().to_str().expect("readable");
    let start = || Server::spawn(annals(&["serve", "--listen", "127.0.0.1:0", "--data", data]).env_remove("ANNALS_API_KEY"));
    let server = start();
    let key = server.greeting.lines().find_map(|line| line.strip_prefix("API key, shown only now: ")).expect("a key").to_owned();
    assert_eq!(organizations(&server, &key).await, 200);
    assert_eq!(organizations(&server, KEY).await, 401);
    assert_eq!(server.stop().code(), Some(0));
    let again = start();
    assert!(!again.greeting.contains("sk_"), "{}", again.greeting);
    assert_eq!(organizations(&again, &key).await, 200);
    assert_eq!(again.stop().code(), Some(0));
    // Only its digest is on disk, and the folder is the owner's alone.
    for entry in std::fs::read_dir(folder.path()).expect("listable").flatten() {
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).expect("readable");
            assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{:?} holds the key", entry.path());
        }
    }
}

async fn organizations(server: &Server, key: &str) -> u16 {
    let response = reqwest::Client::new().get(format!("{}/organizations", server.url)).bearer_auth(key).send().await;
    response.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn health_readiness_and_metrics_need_no_key() {
    let folder = tempfile::tempdir().expect("temp folder");
    let server = Server::start(folder.path(), &[]);
    for (path, part) in [("/health", "ok"), ("/ready", "committer"), ("/metrics", "annals_")] {
        let response = reqwest::get(format!("{}{path}", server.url)).await.expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
        let text = response.text().await.expect("text");
        assert!(text.contains(part), "{path}: {text}");
    }
    assert_eq!(server.stop().code(), Some(0));
}

/// Requests that are running when the signal comes are answered, and what was answered is there after a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_drains() {
    let folder = tempfile::tempdir().expect("temp folder");
    let server = Server::start(folder.path(), &[]);
    let client = reqwest::Client::new();
    let post = |path: &str, body: Value| client.post(format!("{}{path}", server.url)).bearer_auth(KEY).json(&body).send();
    let organization: Value = post("/organizations", json!({"name": "Acme"})).await.expect("answer").json().await.expect("json");
    let organization = organization["id"].as_str().expect("an id").to_owned();
    let schema = post("/audit_logs/actions/a.b/schemas", json!({"targets": [{"type": "t"}]})).await.expect("answer");
    assert_eq!(schema.status(), 201);
    let url = format!("{}/audit_logs/events", server.url);
    let senders: Vec<_> = (0..16)
        .map(|sender| {
            let (client, url, organization) = (client.clone(), url.clone(), organization.clone());
            tokio::spawn(async move {
                let mut stored = 0;
                loop {
                    let body = json!({"organization_id": organization, "event": {"action": "a.b", "occurred_at": "2026-01-01T00:00:00Z",
                        "actor": {"id": format!("{sender}-{stored}"), "type": "user"}, "targets": [{"id": "t", "type": "t"}],
                        "context": {"location": ""}}});
                    match client.post(&url).bearer_auth(KEY).json(&body).send().await {
                        Ok(response) if response.status() == 200 => stored += 1,
                        // After the signal: refused while it drains, or no longer listening.
                        _ => return stored,
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let status = tokio::task::spawn_blocking(move || server.stop()).await.expect("no panic");
    assert_eq!(status.code(), Some(0));
    let mut stored = 0;
    for sender in senders {
        stored += sender.await.expect("no panic");
    }
    assert!(stored > 0);
    let server = Server::start(folder.path(), &[]);
    let rows = crate::at_size::export(&client, &server.url, &organization).await;
    // One more than acknowledged may be there for each sender: stored, and the answer lost.
    assert!((stored..=stored + 16).contains(&rows.len()), "{stored} acknowledged, {} found", rows.len());
}
