//! What the parts share that do something to files: copies of folders, commands of the binary, and all events as the API tells them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use annals_client::{AuditEventFilter, AuditEventQuery, Client, Order, Paging};
use annals_core::wire::AuditLogEvent;
use futures::StreamExt;
use tokio::process::Command;

use crate::failure::{Doing, Failure};
use crate::run::Run;

/// How a command of the binary ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn panicked(&self) -> bool {
        self.err.contains("panicked at")
    }
}

/// `annals` with these arguments, to its end.
pub async fn annals(run: &Run, arguments: &[&str]) -> Result<Ran, Failure> {
    let mut command = Command::new(&run.annals);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ANNALS_")) {
        command.env_remove(name);
    }
    let output = command.args(arguments).stdin(Stdio::null()).output().await.doing("cannot run annals")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
}

pub async fn doctor(run: &Run, data: &Path) -> Result<Ran, Failure> {
    annals(run, &["doctor", "--data", &data.display().to_string()]).await
}

/// All files below `from`, also hidden ones. `to` is made anew.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    if to.exists() {
        std::fs::remove_dir_all(to).doing("cannot remove a folder")?;
    }
    for file in files(from)? {
        let target = to.join(file.strip_prefix(from).unwrap_or(&file));
        std::fs::create_dir_all(target.parent().unwrap_or(to)).doing("cannot make a folder")?;
        std::fs::copy(&file, target).doing(format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

/// All files below a folder, sorted.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).doing(format!("cannot list {}", folder.display()))? {
            let path = entry.doing("cannot list a folder")?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// What the API tells of an organization's events, oldest first, and why it stopped before the end.
#[derive(Debug, Default)]
pub struct Told {
    pub events: Vec<AuditLogEvent>,
    pub error: Option<String>,
}

pub async fn told(client: &Client, organization: &str) -> Told {
    let filter = AuditEventFilter { organization_id: Some(organization.to_owned()), ..AuditEventFilter::default() };
    let paging = Paging { order: Some(Order::Asc), ..Paging::default() };
    let mut events = std::pin::pin!(client.audit_events().list_all(AuditEventQuery { filter, paging }));
    let mut told = Told::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => told.events.push(event),
            Err(error) => {
                told.error = Some(error.to_string());
                break;
            }
        }
    }
    told
}

/// The same of several organizations, which must all be there whole.
pub async fn all_told(client: &Client, organizations: &[String]) -> Result<BTreeMap<String, Vec<AuditLogEvent>>, Failure> {
    let mut all = BTreeMap::new();
    for organization in organizations {
        let told = told(client, organization).await;
        if let Some(error) = told.error {
            return Err(Failure::new(format!("cannot read the events of {organization}: {error}")));
        }
        all.insert(organization.clone(), told.events);
    }
    Ok(all)
}
