//! Generated events in the forms in which servers take them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::http::{Connection, fresh_key, get, post, write_post};
use super::next_number;
use crate::Fallible;

/// What to generate.
#[derive(Clone, Copy)]
pub struct Plan {
    pub events: u64,
    pub organizations: u32,
    pub seed: u64,
}

/// A line of the generator.
#[derive(Deserialize)]
pub struct Line {
    /// Its external id.
    pub organization: String,
    pub event: Box<RawValue>,
}

#[derive(Deserialize)]
pub struct Setup {
    organizations: Vec<Named>,
    schemas: Vec<Value>,
}

#[derive(Deserialize)]
struct Named {
    external_id: String,
    name: String,
}

impl Setup {
    /// The busiest organization first.
    pub fn external_ids(&self) -> Vec<String> {
        self.organizations.iter().map(|organization| organization.external_id.clone()).collect()
    }
}

/// The generator at work in a process of its own.
pub struct Lines {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Lines {
    pub fn of(annals: &Path, plan: Plan) -> Fallible<Self> {
        let mut child = generate(annals, plan, "-").stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::with_capacity(1 << 20, child.stdout.take().ok_or("no output")?).lines();
        Ok(Self { child, lines })
    }
}

impl Iterator for Lines {
    type Item = Fallible<Line>;

    fn next(&mut self) -> Option<Fallible<Line>> {
        let line = self.lines.next()?;
        Some(line.map_err(Into::into).and_then(|line| Ok(serde_json::from_str(&line)?)))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // Fails when it has ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn generate(annals: &Path, plan: Plan, output: &str) -> Command {
    let mut command = Command::new(annals);
    let [events, organizations, seed] = [plan.events.to_string(), plan.organizations.to_string(), plan.seed.to_string()];
    command.args([
        "bench",
        "generate",
        "--events",
        &events,
        "--organizations",
        &organizations,
        "--seed",
        &seed,
        "--output",
        output,
    ]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// What a server must know before it takes events of the plan.
pub fn setup(annals: &Path, plan: Plan) -> Fallible<Setup> {
    let file = tempfile::NamedTempFile::new()?;
    let mut command = generate(annals, Plan { events: 1, ..plan }, "-");
    let status = command.arg("--setup").arg(file.path()).stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err("the generator fails".into());
    }
    Ok(serde_json::from_reader(BufReader::new(file.reopen()?))?)
}

/// Ids of organizations, by their external ids.
pub type Ids = HashMap<String, String>;

/// Makes the organizations and schemas on a server.
pub async fn introduce(address: SocketAddr, key: &str, setup: &Setup) -> Fallible<Ids> {
    let mut connection = Connection::open(address).await?;
    for schema in &setup.schemas {
        let path = format!("/audit_logs/actions/{}/schemas", schema["action"].as_str().unwrap_or_default());
        connection.json(&post(&path, key, &json!({"targets": schema["targets"]}))).await?;
    }
    let mut ids = Ids::new();
    for Named { external_id, name } in &setup.organizations {
        let created = connection.json(&post("/organizations", key, &json!({"name": name, "external_id": external_id}))).await?;
        ids.insert(external_id.clone(), created["id"].as_str().ok_or("no id")?.to_owned());
    }
    Ok(ids)
}

/// The organizations that a server has.
pub async fn organizations(address: SocketAddr, key: &str) -> Fallible<Ids> {
    let mut connection = Connection::open(address).await?;
    let (mut ids, mut after) = (Ids::new(), String::new());
    loop {
        let page = connection.json(&get(&format!("/organizations?limit=100{after}"), key)).await?;
        for organization in page["data"].as_array().into_iter().flatten() {
            if let (Some(external), Some(id)) = (organization["external_id"].as_str(), organization["id"].as_str()) {
                ids.insert(external.to_owned(), id.to_owned());
            }
        }
        match page["list_metadata"]["after"].as_str() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => return Ok(ids),
        }
    }
}

/// Events that are sent again and again, each time with a key of its own.
#[derive(Clone)]
pub struct Bodies {
    bodies: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    key: String,
}

impl Bodies {
    /// Events of organizations that the server does not have are left out.
    pub fn new(lines: impl Iterator<Item = Fallible<Line>>, ids: &Ids, key: &str) -> Fallible<Self> {
        let mut bodies = Vec::new();
        for line in lines {
            let Line { organization, event, .. } = line?;
            if let Some(id) = ids.get(&organization) {
                bodies.push(format!("{{\"organization_id\":\"{id}\",\"event\":{event}}}").into_bytes());
            }
        }
        if bodies.is_empty() {
            return Err("there are no events to send".into());
        }
        Ok(Self { bodies: Arc::new(bodies), next: Arc::default(), key: key.to_owned() })
    }

    fn next(&self) -> &[u8] {
        &self.bodies[self.next.fetch_add(1, Ordering::Relaxed) % self.bodies.len()]
    }

    /// One event, one request.
    pub fn write_one(&self, out: &mut Vec<u8>) {
        write_post(out, "/audit_logs/events", &self.key, "application/json", Some(next_number()), self.next());
    }

    /// Many events, a line each.
    pub fn write_batch(&self, out: &mut Vec<u8>, size: usize) {
        let mut lines = Vec::with_capacity(size * 700);
        for _ in 0..size {
            let body = self.next();
            // Before the closing brace: what a client does that keeps its events as text.
            lines.extend_from_slice(&body[..body.len() - 1]);
            lines.extend_from_slice(format!(",\"idempotency_key\":\"{}\"}}\n", fresh_key(next_number())).as_bytes());
        }
        write_post(out, "/v1/audit_log_events/batch", &self.key, "application/x-ndjson", None, &lines);
    }
}
