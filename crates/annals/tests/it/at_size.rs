//! 200,000 generated events over HTTP, the server killed in the middle, every organization exported: each event is found
//! exactly once, in order, equal to what was sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use reqwest::Client;
use serde_json::{Value, json};

use crate::lines::{COLUMNS, Line, expected_cells};
use crate::server::{KEY, Server, annals};

const EVENTS: usize = 200_000;
const ORGANIZATIONS: usize = 150;
const SENDERS: usize = 32;

/// Rows of a finished export, as maps of the columns that a client determines.
pub async fn export(client: &Client, url: &str, organization: &str) -> Vec<Vec<String>> {
    let body = json!({"organization_id": organization, "range_start": "1970-01-01", "range_end": "2100-01-01"});
    let created = client.post(format!("{url}/audit_logs/exports")).bearer_auth(KEY).json(&body).send().await.expect("an answer");
    assert_eq!(created.status(), 201);
    let created: Value = created.json().await.expect("json");
    let id = created["id"].as_str().expect("an id").to_owned();
    for _ in 0..2400 {
        let found = client.get(format!("{url}/audit_logs/exports/{id}")).bearer_auth(KEY).send().await.expect("an answer");
        let found: Value = found.json().await.expect("json");
        match found["state"].as_str() {
            Some("pending") => tokio::time::sleep(Duration::from_millis(50)).await,
            Some("ready") => return download(client, found["url"].as_str().expect("a URL")).await,
            other => panic!("the export is {other:?}"),
        }
    }
    panic!("the export of {organization} does not finish");
}

async fn download(client: &Client, url: &str) -> Vec<Vec<String>> {
    let bytes = client.get(url).send().await.expect("an answer").bytes().await.expect("bytes");
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let headers = reader.headers().expect("a header").clone();
    let column = |name| headers.iter().position(|header| header == name).unwrap_or_else(|| panic!("no column {name}"));
    let columns = COLUMNS.map(column);
    let row = |record: csv::StringRecord| columns.iter().map(|column| record[*column].to_owned()).collect();
    reader.into_records().map(|record| row(record.expect("well-formed CSV"))).collect()
}

fn generate(folder: &Path) -> Vec<Line> {
    let file = folder.join("events.ndjson");
    let (events, organizations) = (EVENTS.to_string(), ORGANIZATIONS.to_string());
    let path = file.to_str().expect("readable");
    let arguments =
        ["bench", "generate", "--events", &events, "--organizations", &organizations, "--seed", "7", "--output", path];
    assert!(annals(&arguments).status().expect("annals runs").success());
    let lines = std::io::BufReader::new(std::fs::File::open(&file).expect("generated")).lines();
    lines.map(|line| serde_json::from_str(&line.expect("readable")).expect("a generated line")).collect()
}

/// For each action, the target types that all its events have.
fn schemas(lines: &[Line]) -> BTreeMap<String, BTreeSet<String>> {
    let mut schemas: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines {
        let types = line.event["targets"]
            .as_array()
            .expect("targets")
            .iter()
            .map(|target| target["type"].as_str().expect("a type").to_owned());
        let types: BTreeSet<String> = types.collect();
        let action = line.event["action"].as_str().expect("an action").to_owned();
        schemas.entry(action).and_modify(|common| common.retain(|kind| types.contains(kind))).or_insert(types);
    }
    schemas
}

async fn set_up(client: &Client, url: &str, lines: &[Line]) -> HashMap<String, String> {
    for (action, types) in schemas(lines) {
        let targets: Vec<_> = types.into_iter().map(|kind| json!({"type": kind})).collect();
        assert!(!targets.is_empty(), "{action} has no target type that all its events share");
        let schema =
            client.post(format!("{url}/audit_logs/actions/{action}/schemas")).bearer_auth(KEY).json(&json!({"targets": targets}));
        assert_eq!(schema.send().await.expect("an answer").status(), 201);
    }
    let names: BTreeSet<&str> = lines.iter().map(|line| line.organization.as_str()).collect();
    let mut ids = HashMap::new();
    for name in names {
        let body = json!({"name": name, "external_id": name});
        let created = client.post(format!("{url}/organizations")).bearer_auth(KEY).json(&body).send().await.expect("an answer");
        let created: Value = created.json().await.expect("json");
        ids.insert(name.to_owned(), created["id"].as_str().expect("an id").to_owned());
    }
    ids
}

/// Sends one line until it is answered, whatever happens to the server meanwhile. The status.
async fn send(client: &Client, url: &tokio::sync::watch::Receiver<String>, organization: &str, line: &Line) -> u16 {
    let body = json!({"organization_id": organization, "event": line.event});
    for _ in 0..600 {
        let target = format!("{}/audit_logs/events", *url.borrow());
        let request = client.post(target).bearer_auth(KEY).header("Idempotency-Key", &line.idempotency_key).json(&body);
        match request.send().await {
            Ok(response) if response.status().as_u16() != 503 => return response.status().as_u16(),
            // Killed, starting or busy: the key makes it safe to send again.
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("no answer within a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_found_once_in_order_and_equal() {
    let folder = tempfile::tempdir().expect("temp folder");
    let lines = Arc::new(generate(folder.path()));
    // Retries come on top.
    assert!(lines.len() > EVENTS);
    let data = folder.path().join("data");
    // Small flushes, so that the export reads many files and a tail.
    let server = Server::start(&data, &["--flush-events", "30000"]);
    let client = Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
    let ids = Arc::new(set_up(&client, &server.url, &lines).await);
    let (moved, url) = tokio::sync::watch::channel(server.url.clone());
    let done = Arc::new(AtomicUsize::new(0));

    // One sender has all lines of its organizations, so that their order is known.
    let by_sender = |sender: usize| {
        let names: BTreeSet<&String> = ids.keys().collect();
        let mine: BTreeSet<String> =
            names.into_iter().enumerate().filter(|(i, _)| i % SENDERS == sender).map(|(_, n)| n.clone()).collect();
        let (client, lines, ids, url, done) =
            (client.clone(), Arc::clone(&lines), Arc::clone(&ids), url.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            for (i, line) in lines.iter().enumerate().filter(|(_, line)| mine.contains(&line.organization)) {
                statuses.push((i, send(&client, &url, &ids[&line.organization], line).await));
                done.fetch_add(1, Ordering::Relaxed);
            }
            statuses
        })
    };
    let senders: Vec<_> = (0..SENDERS).map(by_sender).collect();
    let half = async {
        while done.load(Ordering::Relaxed) < EVENTS / 2 {
            tokio::time::sleep(Duration::from_millis(20)).await
        }
    };
    half.await;
    server.kill();
    let server = Server::start(&data, &["--flush-events", "30000"]);
    moved.send(server.url.clone()).expect("senders listen");
    let mut statuses: Vec<(usize, u16)> =
        futures::stream::iter(senders).then(|sender| async { sender.await.expect("no panic") }).concat().await;
    statuses.sort_unstable();

    let mut expected: HashMap<&str, Vec<Vec<String>>> = HashMap::new();
    let mut keys: HashMap<&str, &Line> = HashMap::new();
    for (i, status) in statuses {
        let line = &lines[i];
        match keys.get(line.idempotency_key.as_str()) {
            None => {
                assert_eq!(status, 200, "line {i}");
                keys.insert(&line.idempotency_key, line);
                expected.entry(&line.organization).or_default().push(expected_cells(&line.event));
            }
            // A repeated key: the same body is answered again, another one is refused, and neither is stored.
            Some(first) if first.event == line.event && first.organization == line.organization => {
                assert_eq!(status, 200, "line {i}")
            }
            Some(_) => assert_eq!(status, 400, "line {i}"),
        }
    }
    let mut found = 0;
    for (name, expected) in &expected {
        let rows = export(&client, &server.url, &ids[*name]).await;
        assert_eq!(rows.len(), expected.len(), "{name}");
        for (row, (cells, expected)) in rows.iter().zip(expected).enumerate() {
            assert_eq!(cells, expected, "{name}, row {row}");
        }
        found += rows.len();
    }
    assert_eq!(found, keys.len());
    assert_eq!(server.stop().code(), Some(0));
}
