//! Writes the files of exports. A job that a restart interrupted is still pending, and is simply written again.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_core::ids::{EnvironmentId, ExportId};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::or_stop;
use crate::clock::Clock;
use crate::commit_log::Tail;
use crate::disk::Disk;
use crate::exports::{Export, ExportState};
use crate::lake::Lake;
use crate::read::{ActionPattern, ExportFileError, ExportFiles, ExportedFile, Filter, Reader, ReadingRoom, Selection, Snapshot};
use crate::store::{Store, StoreError};

/// Files written at the same time.
const RUNNING_MAX: usize = 2;
/// After so many failures in one process the export ends in `error`.
const ATTEMPTS_MAX: u32 = 6;
/// How often it looks without being woken: for exports of other nodes, and for second attempts.
const LOOK: Duration = Duration::from_secs(2);
/// Oldest pending exports that are looked at: those that wait for another attempt must not hide the others.
const LOOKED_AT: u32 = 200;

#[derive(Clone)]
pub(crate) struct ExportJob {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub tail: Arc<Tail>,
    pub lake: Lake,
    /// Of the commit log and of the lake: a file may be larger than what is left of either.
    pub disks: Vec<Disk>,
    pub reader: Reader,
    pub files: ExportFiles,
    pub room: ReadingRoom,
    pub created: Arc<Notify>,
}

/// Exports that are being written. Dropping it aborts the writers, which clean up their parts.
#[derive(Default)]
struct Running {
    tasks: JoinSet<Result<ExportedFile, ExportFileError>>,
    exports: HashMap<tokio::task::Id, Export>,
}

/// Of one export in this process.
struct Failures {
    count: u32,
    again_at: Instant,
}

impl Failures {
    fn none() -> Self {
        Self { count: 0, again_at: Instant::now() }
    }
}

impl ExportJob {
    pub async fn run(self, stop: CancellationToken) {
        let mut running = Running::default();
        let mut failures: HashMap<ExportId, Failures> = HashMap::new();
        loop {
            if let Err(error) = self.start_pending(&mut running, &failures).await {
                tracing::warn!(%error, "pending exports cannot be read");
            }
            let woken = async {
                tokio::select! {
                    Some((export, outcome)) = running.next_finished() => self.finish(&export, outcome, &mut failures).await,
                    () = self.created.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            };
            if or_stop(woken, &stop).await.is_none() {
                return;
            }
        }
    }

    async fn start_pending(&self, running: &mut Running, failures: &HashMap<ExportId, Failures>) -> Result<(), StoreError> {
        if running.tasks.len() >= RUNNING_MAX || self.disks.iter().any(Disk::is_short) {
            return Ok(());
        }
        let latest = annals_core::time::Micros::saturating(i64::MAX);
        for (environment, export) in self.store.exports_in_state(ExportState::Pending, latest, LOOKED_AT).await? {
            let waits = failures.get(&export.id).is_some_and(|failed| failed.again_at > Instant::now());
            if running.tasks.len() < RUNNING_MAX && !waits && !running.holds(export.id) {
                let (job, task) = (self.clone(), export.clone());
                let (room, writing) = (self.room.clone(), async move { job.write(environment, &task).await });
                let id = running.tasks.spawn(async move { room.run(writing).await }).id();
                running.exports.insert(id, export);
            }
        }
        Ok(())
    }

    async fn write(&self, environment: EnvironmentId, export: &Export) -> Result<ExportedFile, ExportFileError> {
        let started = Instant::now();
        // The tail first: a commit leaves it only when the lake has it. The snapshot is held to the end: while it is, no vacuum deletes its
        // files, however long the writing takes.
        let tail = self.tail.events_of(export.organization);
        let snapshot = Snapshot::new(self.tail.shard(), tail, self.lake.audit_events.snapshot());
        let query = self.reader.query(Selection { environment, filter: filter(export) })?;
        let batches = self.reader.scan(&snapshot, &query, &[]);
        let file = self.files.write(export.id, batches).await?;
        tracing::info!(export = %export.id, rows = file.rows, bytes = file.bytes, elapsed = ?started.elapsed(), "export written");
        metrics::counter!("annals_exported_events_total").increment(file.rows);
        Ok(file)
    }

    /// If the process dies before the state is stored, the file is written again and replaces itself.
    async fn finish(&self, export: &Export, outcome: Result<ExportedFile, String>, failures: &mut HashMap<ExportId, Failures>) {
        let state = match outcome {
            Ok(_) => ExportState::Ready,
            Err(error) => {
                let failed = failures.entry(export.id).or_insert_with(Failures::none);
                failed.count += 1;
                failed.again_at = Instant::now() + LOOK * 2_u32.saturating_pow(failed.count);
                tracing::warn!(%error, export = %export.id, attempt = failed.count, "an export failed");
                if failed.count < ATTEMPTS_MAX {
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
}

impl Running {
    fn holds(&self, id: ExportId) -> bool {
        self.exports.values().any(|export| export.id == id)
    }

    /// `None` when nothing runs. Dropping the future loses nothing.
    async fn next_finished(&mut self) -> Option<(Export, Result<ExportedFile, String>)> {
        let (id, outcome) = match self.tasks.join_next_with_id().await? {
            Ok((id, outcome)) => (id, outcome.map_err(|error| error.to_string())),
            Err(panic) => (panic.id(), Err(panic.to_string())),
        };
        self.exports.remove(&id).map(|export| (export, outcome))
    }
}

fn filter(export: &Export) -> Filter {
    let mut filter = Filter::of(export.organization);
    let wanted = &export.filter;
    filter.occurred = (Bound::Included(wanted.range_start), Bound::Included(wanted.range_end));
    filter.actions = wanted.actions.iter().cloned().map(ActionPattern::Exact).collect();
    filter.actor_ids.clone_from(&wanted.actor_ids);
    filter.actor_names.clone_from(&wanted.actor_names);
    filter.target_types.clone_from(&wanted.targets);
    filter
}
