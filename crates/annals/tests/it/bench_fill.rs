//! What `annals bench fill` leaves is what a server would have left: it is served, whole and in order.

use std::process::Stdio;

use serde_json::Value;

use crate::server::{Server, annals};

const EVENTS: u64 = 3_000;

/// Runs to the end; what it printed.
fn fill(folder: &str) -> Value {
    let events = EVENTS.to_string();
    let mut command =
        annals(&["bench", "fill", "--data", folder, "--events", &events, "--organizations", "20", "--days", "3", "--keys"]);
    let output = command.env_remove("ANNALS_API_KEY").stdin(Stdio::null()).output().expect("annals runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn get(url: &str, key: &str, path: &str) -> Value {
    let answer = reqwest::Client::new().get(format!("{url}{path}")).bearer_auth(key).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.expect("json")
}

#[tokio::test]
async fn a_filled_folder_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let filled = fill(data.to_str().expect("readable"));
    let key = filled["api_key"].as_str().expect("a key");
    let server = Server::start(&data, &[]);
    let counted = get(&server.url, key, "/v1/audit_log_events/stats?group_by=organization").await;
    assert_eq!(counted["total"].as_u64(), Some(EVENTS), "{counted}");
    for (size, organization) in filled["organizations"].as_object().expect("organizations") {
        let id = organization["id"].as_str().expect("an id");
        let events = organization["events"].as_u64().expect("a number");
        let page = get(&server.url, key, &format!("/v1/audit_log_events?organization_id={id}&limit=1000")).await;
        let received: Vec<_> =
            page["data"].as_array().expect("a list").iter().map(|event| event["received_at"].to_string()).collect();
        assert_eq!(received.len() as u64, events.min(1000), "{size}");
        assert!(received.is_sorted_by(|newer, older| newer >= older), "{size}");
    }
    assert!(server.stop().success());
}
