//! The lake: Delta tables of everything older than the tail, one for each kind of record. Writes whole flushes, exactly once,
//! and lists the files that hold them. Never reads records for an answer: that is `read`.

mod append;
pub mod columns;
pub mod data_file;
mod durable;
mod error;
mod expire;
#[cfg(test)]
mod expire_tests;
mod file;
pub mod log;
mod merge;
mod merge_plan;
mod merge_rows;
#[cfg(test)]
mod merge_tests;
mod purge;
mod rewrite;
mod row;
mod snapshot;
mod stats;
mod storage;
mod sum;
mod table;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod vacuum;
#[cfg(test)]
mod vacuum_tests;
mod view;

pub(crate) use durable::DurableFiles;
pub use error::LakeError;
pub(crate) use file::Rows;
pub use merge::MergeOutcome;
pub use purge::Holding;
pub use rewrite::{Pace, RewriteError};
pub use row::Row;
pub use snapshot::{LakeFile, LakeSnapshot};
pub use stats::Range;
pub use storage::EXPORTS;
pub use table::{LakeSettings, Table};
pub use view::{LakeView, TableView};

use annals_core::event::CommittedEvent;
use annals_core::ids::{CommitNumber, ShardId};
use annals_core::record::{ApiRequest, FeedEvent};
use annals_core::time::Micros;
use url::Url;

use data_file::Footers;
use storage::LakeStorage;

/// Cheap to clone; all clones are one lake.
#[derive(Clone)]
pub struct Lake {
    storage: LakeStorage,
    pub audit_events: Table<CommittedEvent>,
    pub feed_events: Table<FeedEvent>,
    pub api_requests: Table<ApiRequest>,
}

impl Lake {
    /// Creates the folder and the tables that are not there.
    ///
    /// # Errors
    /// `Damaged` also for a URL that can be no lake.
    pub async fn open(url: &Url, settings: LakeSettings) -> Result<Self, LakeError> {
        let url = url.clone();
        let storage = tokio::task::spawn_blocking(move || LakeStorage::open(&url)).await.map_err(LakeError::unavailable)??;
        Self::open_on(storage, settings).await
    }

    async fn open_on(storage: LakeStorage, settings: LakeSettings) -> Result<Self, LakeError> {
        let footers = Footers::default();
        // All to their ends, also when one fails: Delta's threads panic when what they wait for is dropped half way.
        let (audit_events, feed_events, api_requests) = tokio::join!(
            Table::open(&storage, &footers, settings),
            Table::open(&storage, &footers, settings),
            Table::open(&storage, &footers, settings)
        );
        let (audit_events, feed_events, api_requests) = (audit_events?, feed_events?, api_requests?);
        storage.complete()?;
        Ok(Self { storage, audit_events, feed_events, api_requests })
    }

    /// The last commit of a shard of which the lake has every record; `ZERO` when there is none.
    ///
    /// # Errors
    /// The logs cannot be read; `Damaged` also when a table lacks what it once had, because it is new or older than the others.
    pub async fn flushed_through(&self, shard: ShardId) -> Result<CommitNumber, LakeError> {
        self.check_noted(shard, &self.feed_events).await?;
        self.check_noted(shard, &self.api_requests).await?;
        self.audit_events.flushed_through(shard).await
    }

    async fn check_noted<R: Row>(&self, shard: ShardId, table: &Table<R>) -> Result<(), LakeError> {
        let (noted, has) = (self.audit_events.noted_of(shard, R::TABLE).await?, table.flushed_through(shard).await?);
        if has < noted {
            let reason = format!("{} ends at commit {has} of shard {shard}, and once had commit {noted}", R::TABLE);
            return Err(LakeError::damaged(reason));
        }
        Ok(())
    }

    /// No record in the lake was received later. Rounded up to milliseconds.
    pub fn received_at_max(&self) -> Option<Micros> {
        let audit_events = self.audit_events.snapshot().received_at_max();
        let feed_events = self.feed_events.snapshot().received_at_max();
        audit_events.max(feed_events).max(self.api_requests.snapshot().received_at_max())
    }

    /// Whether the lake answers now.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), LakeError> {
        tokio::try_join!(self.audit_events.check(), self.feed_events.check(), self.api_requests.check())?;
        Ok(())
    }

    /// Of a lake in a local folder.
    pub fn folder(&self) -> Option<std::path::PathBuf> {
        self.storage.local_folder()
    }

    pub(crate) fn storage(&self) -> &LakeStorage {
        &self.storage
    }
}
