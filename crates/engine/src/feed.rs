//! The Events API (wire contract §6), below HTTP: events of an environment, published by the application or told by the server's own
//! changes, read in the order of their commits.

mod publish;
mod quiet;
mod reading;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use publish::{PublishError, PublishReceipt};
pub use reading::{FeedError, FeedQuery, Names};

use annals_core::record::FeedEvent;

use crate::clock::Clock;
use crate::commit_log::CommitLog;
use crate::lake::Lake;
use crate::read::{ReadError, Reader, ReadingRoom};
use crate::tenants::Tenants;
use quiet::Quiet;

/// Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    tenants: Tenants,
    log: Arc<CommitLog>,
    lake: Lake,
    reader: Reader<FeedEvent>,
    clock: Arc<dyn Clock>,
    /// Older events are not shown, be they removed yet or not.
    kept: Duration,
    room: ReadingRoom,
    quiet: Quiet,
}

impl Feed {
    /// # Errors
    /// The reader cannot be set up.
    pub(crate) fn new(
        tenants: Tenants,
        log: Arc<CommitLog>,
        lake: Lake,
        clock: Arc<dyn Clock>,
        kept: Duration,
        room: ReadingRoom,
    ) -> Result<Self, ReadError> {
        let reader = Reader::new(&lake.feed_events)?;
        Ok(Self { tenants, log, lake, reader, clock, kept, room, quiet: Quiet::new() })
    }
}
