//! Step 1: whatever waits becomes one commit, up to a bound.

use annals_core::limits::{COMMIT_BYTES_MAX, COMMIT_RECORDS_MAX};
use tokio::sync::mpsc;

use super::{Waiting, Work};

/// Requests of one commit, and the work that came behind them.
#[derive(Default)]
pub(super) struct Batch {
    pub waiting: Vec<Waiting>,
    bytes: usize,
}

impl Batch {
    /// Takes `first` and everything that waits behind it. Stops at other work, which is returned, and at the bounds.
    pub fn gather(first: Waiting, queue: &mut mpsc::Receiver<Work>) -> (Self, Option<Work>) {
        let mut batch = Self::default();
        batch.push(first);
        while batch.waiting.len() < COMMIT_RECORDS_MAX && batch.bytes < COMMIT_BYTES_MAX {
            match queue.try_recv() {
                Ok(Work::Append(waiting)) => batch.push(waiting),
                Ok(other) => return (batch, Some(other)),
                Err(_) => break,
            }
        }
        (batch, None)
    }

    fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.append.event.bytes();
        self.waiting.push(waiting);
    }
}
