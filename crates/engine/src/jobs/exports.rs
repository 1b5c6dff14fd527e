//! Writes the files of exports. A job that a restart interrupted is still pending, and is simply written again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use annals_core::ids::ExportId;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::or_stop;
use crate::clock::Clock;
use crate::commit_log::Tail;
use crate::exports::{Export, ExportState};
use crate::lake::Lake;
use crate::read::{ExportFileError, ExportFiles, ExportedFile, Filter, Reader, Snapshot};
use crate::store::{Store, StoreError};

/// Files written at the same time.
const RUNNING_MAX: usize = 2;
/// After so many failures in one process the export ends in `error`.
const ATTEMPTS_MAX: u32 = 3;
/// How often it looks without being woken: for exports of other nodes, and for second attempts.
const LOOK: Duration = Duration::from_secs(2);
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct ExportJob {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub tail: Arc<Tail>,
    pub lake: Lake,
    pub reader: Reader,
    pub files: ExportFiles,
    pub created: Arc<Notify>,
    /// How long a finished file is kept.
    pub keep: Duration,
}

type Finished = (Export, Result<ExportedFile, ExportFileError>);

impl ExportJob {
    pub async fn run(self, stop: CancellationToken) {
        let mut running: JoinSet<Finished> = JoinSet::new();
        let mut ids: HashSet<ExportId> = HashSet::new();
        let mut failures: HashMap<ExportId, u32> = HashMap::new();
        let mut expired_at = tokio::time::Instant::now();
        loop {
            if let Err(error) = self.start_pending(&mut running, &mut ids).await {
                tracing::warn!(%error, "pending exports cannot be read");
            }
            if expired_at.elapsed() >= EXPIRE_EVERY || expired_at.elapsed().is_zero() {
                expired_at = tokio::time::Instant::now();
                self.expire().await.unwrap_or_else(|error| tracing::warn!(%error, "old export files stay for now"));
            }
            let woken = async {
                tokio::select! {
                    Some(finished) = running.join_next() => Some(finished),
                    () = self.created.notified() => None,
                    () = tokio::time::sleep(LOOK) => None,
                }
            };
            match or_stop(woken, &stop).await {
                // Dropping `running` aborts the writers, which clean up their parts.
                None => return,
                Some(None) => {}
                Some(Some(Ok((export, outcome)))) => {
                    ids.remove(&export.id);
                    self.finish(&export, outcome, &mut failures).await;
                }
                Some(Some(Err(error))) => {
                    tracing::error!(%error, "an export ended by a panic");
                    ids.clear();
                }
            }
        }
    }

    async fn start_pending(&self, running: &mut JoinSet<Finished>, ids: &mut HashSet<ExportId>) -> Result<(), StoreError> {
        if running.len() >= RUNNING_MAX {
            return Ok(());
        }
        let limit = (2 * RUNNING_MAX) as u32;
        let latest = annals_core::time::Micros::saturating(i64::MAX);
        for (_, export) in self.store.exports_in_state(ExportState::Pending, latest, limit).await? {
            if running.len() < RUNNING_MAX && ids.insert(export.id) {
                let job = self.clone();
                running.spawn(async move {
                    let outcome = job.write(&export).await;
                    (export, outcome)
                });
            }
        }
        Ok(())
    }

    async fn write(&self, export: &Export) -> Result<ExportedFile, ExportFileError> {
        let started = std::time::Instant::now();
        // The tail first: a commit leaves it only when the lake has it.
        let tail: Vec<_> = self.tail.commits().into_iter().map(|commit| Arc::clone(&commit.events)).collect();
        let snapshot = Snapshot::new(self.tail.shard(), tail, self.lake.snapshot());
        let batches = self.reader.scan(&snapshot, &filter(export))?;
        let file = self.files.write(export.id, batches).await?;
        tracing::info!(export = %export.id, rows = file.rows, bytes = file.bytes, elapsed = ?started.elapsed(), "export written");
        metrics::counter!("annals_exported_events_total").increment(file.rows);
        Ok(file)
    }

    /// If the process dies before the state is stored, the file is written again and replaces itself.
    async fn finish(
        &self,
        export: &Export,
        outcome: Result<ExportedFile, ExportFileError>,
        failures: &mut HashMap<ExportId, u32>,
    ) {
        let state = match outcome {
            Ok(_) => ExportState::Ready,
            Err(error) => {
                let count = failures.entry(export.id).or_default();
                *count += 1;
                tracing::warn!(%error, export = %export.id, attempt = *count, "an export failed");
                if *count < ATTEMPTS_MAX {
                    return;
                }
                ExportState::Error
            }
        };
        failures.remove(&export.id);
        if let Err(error) = self.store.set_export_state(export.id, ExportState::Pending, state, self.clock.now()).await {
            tracing::warn!(%error, export = %export.id, "the state of an export cannot be stored; it is written again");
        }
    }

    /// The file goes first: an export that says `ready` without its file is found again by the next look.
    async fn expire(&self) -> Result<(), ExportFileError> {
        let before = self.clock.now().saturating_sub(self.keep);
        let old = self.store.exports_in_state(ExportState::Ready, before, 100).await;
        for (_, export) in old.unwrap_or_default() {
            self.files.delete(export.id).await?;
            if let Err(error) =
                self.store.set_export_state(export.id, ExportState::Ready, ExportState::Expired, self.clock.now()).await
            {
                tracing::warn!(%error, export = %export.id, "an expired export keeps its state for now");
            }
        }
        Ok(())
    }
}

fn filter(export: &Export) -> Filter {
    let mut filter = Filter::of(export.organization);
    let wanted = &export.filter;
    filter.occurred = (Some(wanted.range_start), Some(wanted.range_end));
    filter.actions.clone_from(&wanted.actions);
    filter.actor_ids.clone_from(&wanted.actor_ids);
    filter.actor_names.clone_from(&wanted.actor_names);
    filter.target_types.clone_from(&wanted.targets);
    filter
}
