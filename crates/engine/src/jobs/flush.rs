//! Moves committed records from the commit log into the lake, one table after the other.
//!
//! A table's own log says through which commit it has the rows of a shard. What `audit_events` says counts for the shard: it is
//! written last, also without rows, and only then the commits are retired. A start believes it, so killed at any moment:
//!
//! 1. Before anything is in a table: nothing happened but an orphan file.
//! 2. After `events`, or `api_requests` too: the shard does not count as flushed, so the commit log still has every commit. The
//!    next flush takes the same commits, perhaps more; a table leaves out the commits that its log says it has. Until then readers
//!    find these records in both places, and drop them from the tail.
//! 3. After `audit_events`: everything is in the lake. The next flush of the same commits changes no table, or the next start
//!    knows without one; they are retired then.
//!
//! A table without rows in a flush is left as it is: what it misses are commits that have nothing for it. So each record
//! reaches the lake exactly once. `audit_events` also notes which other tables had rows, so that a start refuses a lake of which
//! one table was lost or is older than the rest.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use annals_core::ids::CommitNumber;
use annals_core::record::{ApiRequest, FeedEvent};
use tokio_util::sync::CancellationToken;

use super::{Backoff, pause};
use crate::clock::Clock;
use crate::commit_log::{CommitLog, RetireError, TailSize};
use crate::crash_point;
use crate::lake::{Lake, LakeError, Row, Rows};

/// How often it looks whether a flush is due.
const LOOK: Duration = Duration::from_millis(200);
/// A lake that is back is noticed after this at the latest: until then records may be refused because the tail is full.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Records of one flush at most: bounds the memory that sorting takes.
const FLUSH_RECORDS_MAX: usize = 256 * 1024;
/// The same for large events: about what they take in memory.
const FLUSH_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A flush is due when so much waits, however few events that are.
const FLUSH_BYTES: usize = 128 * 1024 * 1024;

/// When the tail goes to the lake.
#[derive(Debug, Clone, Copy)]
pub struct FlushSettings {
    /// Records that wait.
    pub records: usize,
    /// Age of the oldest.
    pub age: Duration,
}

impl Default for FlushSettings {
    fn default() -> Self {
        Self { records: 65_536, age: Duration::from_secs(600) }
    }
}

/// What the last flush said of the lake. `None`: all is well.
pub(crate) type LakeHealth = Arc<Mutex<Option<String>>>;

#[derive(Clone)]
pub(crate) struct FlushJob {
    pub log: Arc<CommitLog>,
    pub lake: Lake,
    pub clock: Arc<dyn Clock>,
    pub settings: FlushSettings,
    pub health: LakeHealth,
    /// Held by a flush: clones take turns.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Retire(#[from] RetireError),
}

impl FlushJob {
    pub async fn run(self, stop: CancellationToken) {
        metrics::describe_gauge!(
            "annals_lake_takes_records",
            "1, or 0 when the last flush failed: then records stay in the tail"
        );
        let mut backoff = Backoff::default();
        // Since when something waits, by a clock that nobody sets: received times stand still after the other one was set back.
        let mut waiting_since: Option<Instant> = None;
        loop {
            waiting_since = (self.log.tail().size().records > 0).then(|| waiting_since.unwrap_or_else(Instant::now));
            let waited = waiting_since.is_some_and(|since| since.elapsed() >= self.settings.age);
            let flushed = if waited || self.is_due() { self.flush().await.map(|()| true) } else { Ok(false) };
            let rest = match flushed {
                Ok(true) => {
                    waiting_since = None;
                    self.set_health(None);
                    backoff.reset();
                    Duration::ZERO
                }
                Ok(false) => LOOK,
                Err(error) => {
                    let rest = backoff.next().min(RETRY_MAX);
                    tracing::warn!(%error, retry_in = ?rest, "the lake does not take records; they stay in the commit log");
                    metrics::counter!("annals_flush_failures_total").increment(1);
                    self.set_health(Some(error.to_string()));
                    rest
                }
            };
            if !pause(rest, &stop).await {
                return;
            }
        }
    }

    fn is_due(&self) -> bool {
        let tail = self.log.tail();
        let old = |received_at| self.clock.now().saturating_sub(self.settings.age) >= received_at;
        let size = tail.size();
        size.records >= self.settings.records || size.bytes >= FLUSH_BYTES || tail.oldest_received_at().is_some_and(old)
    }

    /// Moves everything that waits when it is called, whatever its number or age.
    pub async fn flush_all(&self) -> Result<(), FlushError> {
        let Some(newest) = self.log.tail().commits().last().map(|commit| commit.number) else { return Ok(()) };
        while self.log.tail().oldest(TailSize::default()).first().is_some_and(|oldest| oldest.number <= newest) {
            self.flush().await?;
        }
        Ok(())
    }

    /// Moves the oldest commits, whatever their number or age.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let _turn = self.turn.lock().await;
        let started = Instant::now();
        let commits = self.log.tail().oldest(TailSize { records: FLUSH_RECORDS_MAX, bytes: FLUSH_BYTES_MAX });
        let Some(through) = commits.last().map(|commit| commit.number) else { return Ok(()) };
        let audit_events = Rows::of_commits(commits.iter().map(|commit| Arc::clone(&commit.audit_events)).collect());
        let feed_events = Rows::of_commits(commits.iter().map(|commit| Arc::clone(&commit.feed_events)).collect());
        let api_requests = Rows::of_commits(commits.iter().map(|commit| Arc::clone(&commit.api_requests)).collect());
        let (feed_count, request_count) = (feed_events.count(), api_requests.count());
        let records = audit_events.count() + feed_count + request_count;
        drop(commits);
        crash_point::pass("flush.taken");
        let shard = self.log.tail().shard();
        let mut others = Vec::new();
        if feed_count > 0 {
            self.lake.feed_events.append(shard, through, feed_events).await?;
            others.push(FeedEvent::TABLE);
            crash_point::pass("flush.feed_events");
        }
        if request_count > 0 {
            self.lake.api_requests.append(shard, through, api_requests).await?;
            others.push(ApiRequest::TABLE);
            crash_point::pass("flush.api_requests");
        }
        // Always, and last: it says that the shard is flushed.
        self.lake.audit_events.append_last(shard, through, audit_events, &others).await?;
        crash_point::pass("flush.audit_events");
        self.log.retire(through).await?;
        metrics::counter!("annals_flushed_records_total").increment(records as u64);
        metrics::histogram!("annals_flush_seconds").record(started.elapsed().as_secs_f64());
        tracing::info!(records, %through, elapsed = ?started.elapsed(), "flushed to the lake");
        Ok(())
    }

    fn set_health(&self, problem: Option<String>) {
        metrics::gauge!("annals_lake_takes_records").set(if problem.is_none() { 1.0 } else { 0.0 });
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

/// Retires what an earlier process flushed but did not release.
pub(crate) async fn finish_interrupted(log: &CommitLog, flushed_through: CommitNumber) -> Result<(), RetireError> {
    if flushed_through == CommitNumber::ZERO {
        return Ok(());
    }
    log.retire(flushed_through).await
}

#[cfg(test)]
#[path = "flush_tests.rs"]
mod tests;
