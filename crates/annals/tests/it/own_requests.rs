//! The entries of requests to the server itself, while the process is killed again and again: whatever was answered has its entry.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::server::{KEY, Server};

const WRITERS: usize = 8;
const LIVES: u64 = 3;
const PAGE: usize = 7;

/// Makes organizations until the server does not answer any more. Their ids.
async fn write(http: reqwest::Client, url: String) -> BTreeSet<String> {
    let mut answered = BTreeSet::new();
    loop {
        let request = http.post(format!("{url}/organizations")).bearer_auth(KEY).json(&json!({"name": "Acme"}));
        let Ok(response) = request.send().await else { return answered };
        let status = response.status();
        let Ok(made) = response.json::<Value>().await else { return answered };
        assert_eq!(status, 201, "{made}");
        answered.insert(made["id"].as_str().expect("an id").to_owned());
    }
}

/// How often each target is named, over all pages.
async fn told(http: &reqwest::Client, url: &str) -> BTreeMap<String, usize> {
    let list = format!("{url}/v1/audit_logs?action=organization.create&status_code_max=201&sort=created_at:asc&limit={PAGE}");
    let (mut told, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = http.get(format!("{list}&cursor={cursor}")).bearer_auth(KEY).send().await.expect("an answer");
        let page: Value = page.json().await.expect("JSON");
        for entry in page["items"].as_array().expect("a list") {
            *told.entry(entry["target"]["id"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
        match page["pagination"]["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => {
                assert_eq!(page["pagination"]["total_count"], told.len());
                return told;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_answered_has_its_entry() {
    let folder = tempfile::tempdir().expect("temp folder");
    let http = reqwest::Client::new();
    let mut answered = BTreeSet::new();
    for life in 0..LIVES {
        let server = Server::start(folder.path(), &["--flush-events", "20"]);
        let writers: JoinSet<_> = (0..WRITERS).map(|_| write(http.clone(), server.url.clone())).collect();
        tokio::time::sleep(Duration::from_millis(400 + 150 * life)).await;
        server.kill();
        answered.extend(writers.join_all().await.into_iter().flatten());
    }
    let server = Server::start(folder.path(), &["--record-reads", "--flush-events", "20"]);
    let told = told(&http, &server.url).await;
    assert!(answered.len() > 30, "too few writes for a test: {}", answered.len());
    let missing: Vec<_> = answered.iter().filter(|id| !told.contains_key(*id)).collect();
    assert!(missing.is_empty(), "answered without an entry: {missing:?}");
    assert!(told.values().all(|times| *times == 1), "entries twice: {told:?}");
    // What has an entry was done, also when nobody got the answer.
    for id in told.keys() {
        let found = http.get(format!("{}/organizations/{id}", server.url)).bearer_auth(KEY).send().await.expect("an answer");
        assert_eq!(found.status(), 200, "{id}");
    }
    let reads = format!("{}/v1/audit_logs?action=organization.get", server.url);
    let reads: Value = http.get(reads).bearer_auth(KEY).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(reads["pagination"]["total_count"], told.len(), "each of these reads");
    assert!(server.stop().success());
}
