//! The server dies at a step of a change that a request with an idempotency key asked for. The same request again is answered as it would
//! have been, and the change is there once.

use std::path::Path;
use std::process::Stdio;

use reqwest::Client;
use serde_json::{Value, json};

use crate::server::{KEY, Server, annals};

/// Around the commit of everything that is not a commit of records.
const POINTS: [&str; 2] = ["store.committing", "store.committed"];
/// A start has one such transaction, the claim of the shard; then come those of the four changes.
const VISITS: std::ops::RangeInclusive<u32> = 2..=5;

#[tokio::test]
async fn a_change_and_its_answer_are_there_together_or_not_at_all() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut living = Server::start(folder.path(), &[]);
    let mut deaths = 0;
    for (point, visit) in POINTS.into_iter().flat_map(|point| VISITS.map(move |visit| (point, visit))) {
        let name = format!("{}.{visit}", point.replace('.', "_"));
        let requests = requests(&living, &name).await;
        assert_eq!(living.stop().code(), Some(0));

        let doomed = Server::spawn(doomed(folder.path(), &format!("{point}:{visit}")).stderr(Stdio::null()));
        let mut answered = Vec::new();
        for (path, body) in &requests {
            answered.extend(send(&doomed, &name, path, body).await);
        }
        deaths += u32::from(answered.len() < requests.len());
        doomed.kill();

        living = Server::start(folder.path(), &[]);
        let mut first = Vec::new();
        for (path, body) in &requests {
            let answer = send(&living, &name, path, body).await.expect("an answer");
            assert!(answer.0 == 200 || answer.0 == 201, "{point}:{visit} {path}: {answer:?}");
            assert_eq!(send(&living, &name, path, body).await.as_ref(), Some(&answer), "{point}:{visit} {path}");
            first.push(answer);
        }
        assert_eq!(first[..answered.len()], answered, "{point}:{visit}: a retry changes no answer");
        for list in [format!("/organizations?search={name}"), format!("/audit_logs/actions/{name}/schemas")] {
            let page = get(&living, &list).await;
            assert_eq!(page["data"].as_array().map(Vec::len), Some(1), "{point}:{visit} {list}: {page}");
        }
    }
    assert_eq!(deaths, 8, "each server dies during its requests");
    assert_eq!(living.stop().code(), Some(0));
}

fn doomed(data: &Path, crash_at: &str) -> std::process::Command {
    let mut command = annals(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().expect("readable")]);
    command.env("ANNALS_CRASH_AT", crash_at);
    command
}

/// One of each kind that honours the header, in order; `name` is in what they make.
async fn requests(server: &Server, name: &str) -> Vec<(String, Value)> {
    let owner = post(server, "/organizations", &json!({"name": "Owner"})).await;
    let owner = owner["id"].as_str().expect("an id");
    let key = post(server, &format!("/organizations/{owner}/api_keys"), &json!({"name": "a key"})).await;
    let export = json!({"organization_id": owner, "range_start": "2022-01-01", "range_end": "2023-01-01"});
    vec![
        ("/organizations".to_owned(), json!({"name": name, "external_id": name})),
        (format!("/audit_logs/actions/{name}/schemas"), json!({"targets": [{"type": "x"}]})),
        (format!("/api_keys/{}/expire", key["id"].as_str().expect("an id")), json!({})),
        ("/audit_logs/exports".to_owned(), export),
    ]
}

/// Status and text. `None`: the server is gone.
async fn send(server: &Server, key: &str, path: &str, body: &Value) -> Option<(u16, String)> {
    let request = Client::new().post(format!("{}{path}", server.url)).bearer_auth(KEY).header("idempotency-key", key);
    let response = request.json(body).send().await.ok()?;
    Some((response.status().as_u16(), response.text().await.ok()?))
}

async fn post(server: &Server, path: &str, body: &Value) -> Value {
    let response = Client::new().post(format!("{}{path}", server.url)).bearer_auth(KEY).json(body).send().await;
    response.expect("an answer").json().await.expect("JSON")
}

async fn get(server: &Server, path: &str) -> Value {
    let response = Client::new().get(format!("{}{path}", server.url)).bearer_auth(KEY).send().await;
    response.expect("an answer").json().await.expect("JSON")
}
