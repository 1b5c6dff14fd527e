//! What an emitter has done so far.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counted since the emitter was built, except `queued` and `spooled`, which are what waits now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// In memory, not yet answered for by the server (or, in a spool, not yet in the file).
    pub queued: u64,
    /// In the spool, not yet answered for by the server. Damaged records count until they are met.
    pub spooled: u64,
    /// Files of the spool, in bytes.
    pub spooled_bytes: u64,
    /// The server has them.
    pub sent: u64,
    /// The server does not want them, or they were older than the spool's `age_max`.
    pub refused: u64,
    /// Lost: not taken in [`Mode::FailOpen`](super::Mode::FailOpen), or still in memory when the emitter ended.
    pub dropped: u64,
    /// Stretches of the spool that were no record any more.
    pub damaged: u64,
    /// Sent again although the server no longer knew their keys.
    pub perhaps_twice: u64,
    /// Requests to the server that failed as a whole.
    pub failed_requests: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub sent: AtomicU64,
    pub refused: AtomicU64,
    pub dropped: AtomicU64,
    pub damaged: AtomicU64,
    pub perhaps_twice: AtomicU64,
    pub failed_requests: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Relaxed);
}

impl Counters {
    /// Without what waits: that is the queue's or the spool's to say.
    pub fn stats(&self) -> Stats {
        Stats {
            sent: self.sent.load(Relaxed),
            refused: self.refused.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            perhaps_twice: self.perhaps_twice.load(Relaxed),
            failed_requests: self.failed_requests.load(Relaxed),
            ..Stats::default()
        }
    }
}
