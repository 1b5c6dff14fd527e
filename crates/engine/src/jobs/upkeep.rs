//! Looks after the lake: merges, carries out retention, deletes what nobody needs.
//!
//! One thing at a time, and one process at a time: whoever holds the lock of the data folder leads. Several servers on one lake would ask
//! for a lease where [`Upkeep::run`] takes its turn.
//!
//! Everything here may be dropped at any await, and is found again by the next look: each of these works from what the lake says, and
//! changes a table by one log entry. `lake/merge.rs`, `jobs/purge`, `lake/expire.rs` and `lake/vacuum.rs` say what is true after each of their steps.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_core::ids::EnvironmentId;
use annals_core::time::Micros;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio_util::sync::CancellationToken;

use super::purge::{Purge, PurgeError, PurgeReport, Recorded};
use super::runs::{Job, Run};
use super::{or_stop, pause};
use crate::clock::Clock;
use crate::disk::Disk;
use crate::lake::{Lake, LakeError, MergeOutcome, Pace, RewriteError, Row, Table};

/// How often it looks whether a merge is due.
const LOOK: Duration = Duration::from_secs(5);
/// How often old files of the feed and of API requests are looked for, and how soon after a start.
const EXPIRE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often old audit events are looked for: whole days go.
const PURGE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// A clock that goes this much faster or slower than time has jumped.
const JUMP: Duration = Duration::from_secs(60 * 60);
/// A server that starts so long after the last record purges a day later: its clock may have been set forward.
const QUIET: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often the lake's folders are listed.
const VACUUM_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Before files are packed again after a failure.
const PACK_PAUSE: Duration = Duration::from_secs(10 * 60);
/// A start has other things to do first.
const FIRST: Duration = Duration::from_secs(60);

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub feed_events: Duration,
    pub api_requests: Duration,
    /// Files that are out of their table: other readers of the lake may still open them.
    pub removed_files: Duration,
}

/// Cheap to clone; all clones take turns.
#[derive(Clone)]
pub(crate) struct Upkeep {
    pub lake: Lake,
    pub clock: Arc<dyn Clock>,
    pub kept: Kept,
    pub purge: Purge,
    /// Of a lake in a local folder.
    lake_disk: Option<Disk>,
    pub turn: Arc<Mutex<Known>>,
    /// Somebody waits for a turn: packing makes way.
    wanted: Arc<Notify>,
}

/// What this process has found out. Whoever holds it does the upkeep.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Files that cannot be read: tried once in the life of a process.
    set_aside: HashSet<String>,
    recorded: Recorded,
    packs_again_at: Option<Instant>,
}

pub(super) type Turn<'a> = MutexGuard<'a, Known>;

/// When something is due again.
struct Due {
    every: Duration,
    at: Instant,
}

impl Due {
    fn after(first: Duration, every: Duration) -> Self {
        Self { every, at: Instant::now() + first }
    }

    /// Whether it is now; the next time is noted.
    fn take(&mut self) -> bool {
        let due = self.at <= Instant::now();
        if due {
            self.at = Instant::now() + self.every;
        }
        due
    }
}

/// Tells whether the clock goes as time does. One that was set forward makes everything look old: nothing is purged by it for a day, in
/// which somebody may notice.
struct Steady {
    at: Instant,
    clock: Micros,
}

impl Steady {
    fn from(clock: Micros) -> Self {
        Self { at: Instant::now(), clock }
    }

    /// Since the last look.
    fn is_so(&mut self, now: Micros) -> bool {
        let expected = self.clock.saturating_add(self.at.elapsed());
        *self = Self::from(now);
        let steady = expected.saturating_sub(JUMP) <= now && now <= expected.saturating_add(JUMP);
        if !steady {
            tracing::error!(expected = %expected.wire(), now = %now.wire(), "the clock has jumped: no old audit events go today");
        }
        steady
    }
}

impl Upkeep {
    pub fn new(lake: Lake, clock: Arc<dyn Clock>, kept: Kept, purge: Purge, lake_disk: Option<Disk>) -> Self {
        Self { lake, clock, kept, purge, lake_disk, turn: Arc::default(), wanted: Arc::default() }
    }

    pub async fn run(self, stop: CancellationToken) {
        let (mut expire, mut vacuum) = (Due::after(FIRST, EXPIRE_EVERY), Due::after(FIRST, VACUUM_EVERY));
        let first_purge = if self.was_quiet() { PURGE_EVERY } else { FIRST };
        let (mut purge, mut steady) = (Due::after(first_purge, PURGE_EVERY), Steady::from(self.clock.now()));
        loop {
            let work = async {
                let mut turn = self.turn.lock().await;
                if expire.take() {
                    said("old records stay in the lake for now", self.expire().await);
                }
                if purge.take() && steady.is_so(self.clock.now()) {
                    let known = &mut *turn;
                    let purged = self.purge.run(None, &mut known.set_aside, &mut known.recorded, Pace::Half).await;
                    said("old audit events stay for now", purged.map(|_| ()));
                }
                if vacuum.take() {
                    said("files that nobody needs stay in the lake for now", self.vacuum(&turn).await);
                }
                said("small files of the lake stay as they are for now", self.merge(&mut turn, Pace::Half).await);
                self.pack_one(&mut turn).await
            };
            // After a file was packed it looks again at once: there may be more, and something else may be due.
            match or_stop(work, &stop).await {
                Some(true) => {}
                Some(false) if pause(LOOK, &stop).await => {}
                _ => return,
            }
        }
    }

    /// Whether nothing was recorded for long: so it was, or the clock is wrong.
    fn was_quiet(&self) -> bool {
        let before = self.clock.now().saturating_sub(QUIET);
        self.purge.last_received_at().is_some_and(|last| last < before)
    }

    /// What retention would take now, of one environment.
    pub async fn preview_purge(&self, environment: EnvironmentId) -> Result<PurgeReport, PurgeError> {
        self.purge.preview(environment).await
    }

    /// Takes it out.
    pub async fn purge(&self, environment: EnvironmentId) -> Result<PurgeReport, PurgeError> {
        let mut turn = self.next_turn().await;
        let known = &mut *turn;
        self.purge.run(Some(environment), &mut known.set_aside, &mut known.recorded, Pace::Full).await
    }

    /// Merges and packs until nothing is left to do.
    pub async fn merge_all(&self) -> Result<(), LakeError> {
        let mut turn = self.next_turn().await;
        self.merge(&mut turn, Pace::Full).await?;
        while self.pack(&mut turn, Pace::Full).await? {}
        Ok(())
    }

    async fn next_turn(&self) -> Turn<'_> {
        self.wanted.notify_one();
        self.turn.lock().await
    }

    /// One table's failure is no reason to leave the others as they are.
    async fn merge(&self, turn: &mut Turn<'_>, pace: Pace) -> Result<(), LakeError> {
        let audit_events = self.merge_table(&self.lake.audit_events, turn, pace).await;
        let feed_events = self.merge_table(&self.lake.feed_events, turn, pace).await;
        let api_requests = self.merge_table(&self.lake.api_requests, turn, pace).await;
        audit_events.and(feed_events).and(api_requests)
    }

    async fn merge_table<R: Row>(&self, table: &Table<R>, turn: &mut Turn<'_>, pace: Pace) -> Result<(), LakeError> {
        loop {
            let run = Run::begin(Job::Merge, &self.clock);
            let outcome = table.merge_next(self.clock.now(), &turn.set_aside, pace).await;
            if !note::<R>(run, outcome, turn)? {
                return Ok(());
            }
        }
    }

    /// Packs one file, unless somebody waits for the turn. Whether there may be more to pack.
    async fn pack_one(&self, turn: &mut Turn<'_>) -> bool {
        if turn.packs_again_at.is_some_and(|at| at > Instant::now()) {
            return false;
        }
        let packed = tokio::select! {
            biased;
            () = self.wanted.notified() => Ok(false),
            packed = self.pack(turn, Pace::Half) => packed,
        };
        packed.unwrap_or_else(|error| {
            tracing::warn!(%error, retry_in = ?PACK_PAUSE, "files of the lake are not packed for now");
            turn.packs_again_at = Some(Instant::now() + PACK_PAUSE);
            false
        })
    }

    /// `false`: every file that has room to be packed is so.
    async fn pack(&self, turn: &mut Turn<'_>, pace: Pace) -> Result<bool, LakeError> {
        Ok(self.pack_table(&self.lake.audit_events, turn, pace).await?
            || self.pack_table(&self.lake.feed_events, turn, pace).await?
            || self.pack_table(&self.lake.api_requests, turn, pace).await?)
    }

    async fn pack_table<R: Row>(&self, table: &Table<R>, turn: &mut Turn<'_>, pace: Pace) -> Result<bool, LakeError> {
        let room = self.lake_disk.as_ref().map_or(u64::MAX, Disk::spare_bytes);
        let run = Run::begin(Job::Merge, &self.clock);
        let outcome = table.pack_next(self.clock.now(), &turn.set_aside, room, pace).await;
        note::<R>(run, outcome, turn)
    }

    /// Takes out files of which every record is too old.
    pub(super) async fn expire(&self) -> Result<(), LakeError> {
        let now = self.clock.now();
        let mut run = Run::begin(Job::Expire, &self.clock);
        let feed_events = self.lake.feed_events.remove_received_before(now.saturating_sub(self.kept.feed_events), now).await;
        let api_requests = self.lake.api_requests.remove_received_before(now.saturating_sub(self.kept.api_requests), now).await;
        run.files = [&feed_events, &api_requests].into_iter().flatten().map(|files| *files as u64).sum();
        run.ended(feed_events.is_ok() && api_requests.is_ok());
        feed_events.and(api_requests).map(|_| ())
    }

    /// Nothing of this process may be on its way into the lake but a flush, so it takes a turn.
    pub(super) async fn vacuum(&self, _turn: &Turn<'_>) -> Result<(), LakeError> {
        let (now, kept) = (self.clock.now(), self.kept.removed_files);
        let mut run = Run::begin(Job::Vacuum, &self.clock);
        let vacuumed = async {
            let audit_events = self.lake.audit_events.vacuum(now, kept).await?;
            let feed_events = self.lake.feed_events.vacuum(now, kept).await?;
            let api_requests = self.lake.api_requests.vacuum(now, kept).await?;
            Ok([audit_events, feed_events, api_requests])
        };
        let vacuumed: Result<_, LakeError> = vacuumed.await;
        for table in vacuumed.iter().flatten() {
            run.files += table.files;
            run.bytes += table.bytes;
        }
        run.ended(vacuumed.is_ok());
        vacuumed.map(|_| ())
    }
}

/// `false`: there was nothing to do.
fn note<R: Row>(mut run: Run, outcome: Result<MergeOutcome, RewriteError>, turn: &mut Turn<'_>) -> Result<bool, LakeError> {
    match outcome {
        Ok(MergeOutcome::Nothing) => {
            run.forget();
            return Ok(false);
        }
        Ok(MergeOutcome::GivenUp) => run.forget(),
        Ok(MergeOutcome::Merged(merged)) => {
            (run.files, run.rows, run.bytes) = (merged.files, merged.rows, merged.bytes);
            tracing::info!(table = R::TABLE, files = merged.files, rows = merged.rows, "merged files of the lake");
            run.ended(true);
        }
        Err(RewriteError::Sources { paths, error }) => {
            tracing::error!(table = R::TABLE, ?paths, %error, "damaged files of the lake are not merged");
            turn.set_aside.extend(paths);
            run.ended(false);
        }
        Err(RewriteError::Lake(error)) => {
            run.ended(false);
            return Err(error);
        }
    }
    Ok(true)
}

fn said(what: &'static str, outcome: Result<(), impl Display>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what}");
    }
}

#[cfg(test)]
#[path = "upkeep_tests.rs"]
mod tests;
