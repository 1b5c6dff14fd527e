//! Takes old events of the feed out of the lake. Readers leave them out by the clock, so nothing hangs on when this runs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::pause;
use crate::clock::Clock;
use crate::lake::{Lake, LakeError};

/// Each time reads the log of the table.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// How long a file stays after it was taken out of the table: no page takes so long to read.
const GRACE: Duration = Duration::from_secs(60 * 60);

pub(crate) struct FeedRetention {
    pub lake: Lake,
    pub clock: Arc<dyn Clock>,
    /// How long events are kept.
    pub kept: Duration,
}

impl FeedRetention {
    pub async fn run(self, stop: CancellationToken) {
        let mut deleted = HashSet::new();
        loop {
            if let Err(error) = self.once(&mut deleted).await {
                tracing::warn!(%error, "old events of the feed stay in the lake for now");
            }
            if !pause(EVERY, &stop).await {
                return;
            }
        }
    }

    async fn once(&self, deleted: &mut HashSet<String>) -> Result<(), LakeError> {
        let (table, now) = (&self.lake.feed_events, self.clock.now());
        let removed = table.remove_received_before(now.saturating_sub(self.kept), now).await?;
        let gone = table.delete_removed_before(now.saturating_sub(GRACE), deleted).await?;
        if removed + gone > 0 {
            tracing::info!(removed, deleted = gone, "old events of the feed went");
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "feed_retention_tests.rs"]
mod tests;
