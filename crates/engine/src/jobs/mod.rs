//! What runs by itself: flush, exports, and the small chores. Every job pulls from the stage before it, can be killed at any
//! await, and goes on at the next start.

mod chores;
#[cfg(test)]
mod crash_table;
mod disk_watch;
mod exports;
mod flush;
mod outbox;
mod purge;
mod runs;
#[cfg(test)]
mod tests;
mod upkeep;

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub(crate) use chores::Chores;
pub(crate) use disk_watch::DiskWatch;
pub(crate) use exports::ExportJob;
pub use flush::{FlushError, FlushSettings};
pub(crate) use flush::{FlushJob, LakeHealth, finish_interrupted};
pub(crate) use outbox::OutboxJob;
pub(crate) use purge::Purge;
pub use purge::{PurgeError, PurgeReport, PurgedOrganization};
pub(crate) use upkeep::{Kept, Upkeep};

/// Pauses after a failure: doubling, from one second to a minute.
#[derive(Debug, Default)]
struct Backoff {
    failures: u32,
}

impl Backoff {
    fn reset(&mut self) {
        self.failures = 0;
    }
    fn next(&mut self) -> Duration {
        let pause = Duration::from_secs(1 << self.failures.min(6)).min(Duration::from_secs(60));
        self.failures += 1;
        pause
    }
}

/// Sleeps, or ends early when the server stops. Whether to go on.
async fn pause(duration: Duration, stop: &CancellationToken) -> bool {
    or_stop(tokio::time::sleep(duration), stop).await.is_some()
}

/// `None` when the server stops before `work` is done; `work` is dropped then.
async fn or_stop<T>(work: impl Future<Output = T>, stop: &CancellationToken) -> Option<T> {
    tokio::select! {
        () = stop.cancelled() => None,
        done = work => Some(done),
    }
}
