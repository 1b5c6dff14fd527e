//! An export that runs while the server dies: it is finished by a later process, or fails and says so.

use std::collections::HashSet;
use std::time::Duration;

use annals_client::{Client, Error, ExportFailed};
use annals_core::time::Micros;
use annals_core::wire::{CreateExport, Moment};
use futures::TryStreamExt;

use super::ledger::{Content, Ledger};
use super::request::markers_in;
use crate::failure::{Doing, Failure};
use crate::report::Report;

const PATIENCE: Duration = Duration::from_secs(30);

/// All events of an organization.
pub fn of_all_times(organization: &str) -> CreateExport {
    CreateExport {
        organization_id: organization.to_owned(),
        range_start: Moment(Micros::saturating(0)),
        range_end: Moment(Micros::saturating(4_000_000_000_000_000)),
        actions: Vec::new(),
        actors: Vec::new(),
        actor_names: Vec::new(),
        actor_ids: Vec::new(),
        targets: Vec::new(),
    }
}

pub struct Running {
    id: String,
    organization: String,
    /// Acknowledged before it began: these are in the file.
    before: Vec<String>,
}

impl Running {
    /// `None` when the server could not take it now.
    pub async fn begin(client: &Client, ledger: &Ledger, organization: &str) -> Result<Option<Self>, Failure> {
        let is_of =
            |content: &Content| matches!(content, Content::AuditEvent { organization: Some(of), .. } if of == organization);
        let before = ledger.all_acknowledged(is_of);
        match client.exports().create(&of_all_times(organization)).await {
            Ok(export) => Ok(Some(Self { id: export.id, organization: organization.to_owned(), before })),
            Err(error) if error.is_temporary() => Ok(None),
            Err(error) => Err(Failure::new(format!("cannot begin an export: {error}"))),
        }
    }

    pub async fn finish(self, client: &Client, ledger: &Ledger, report: &mut Report) -> Result<(), Failure> {
        let export = match client.exports().wait_until_ready(&self.id, PATIENCE).await {
            Ok(export) => export,
            Err(ExportFailed::Failed(_)) => {
                report.count("exports failed", 1);
                return Ok(());
            }
            Err(other) => {
                report.fault(format!("an export is neither finished nor failed: {other}"));
                return Ok(());
            }
        };
        let pieces = client.exports().download(&export).await.doing("cannot download an export")?;
        let file: Result<Vec<u8>, Error> = pieces
            .try_fold(Vec::new(), async |mut file, piece| {
                file.extend_from_slice(&piece);
                Ok(file)
            })
            .await;
        let file = file.doing("cannot download an export")?;
        let text = String::from_utf8_lossy(&file);
        let mut found = HashSet::new();
        for marker in markers_in(&text) {
            report.check(found.insert(marker), || format!("{marker} is twice in export {}", self.id));
            let is_of = ledger.content(marker).is_some_and(|content| {
                matches!(content, Content::AuditEvent { organization, .. } if organization.as_deref().is_none_or(|of| of == self.organization))
            });
            report.check(is_of, || format!("{marker} is in an export of {}", self.organization));
        }
        for marker in &self.before {
            report.check(found.contains(marker.as_str()), || format!("{marker} is missing in export {}", self.id));
        }
        report.count("exports", 1);
        Ok(())
    }
}
