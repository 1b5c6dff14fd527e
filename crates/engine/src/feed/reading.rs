//! Reading: pages of the feed, in either order. Positions are ids, so a consumer's cursor works when its event has gone.

use std::ops::Bound::{Included, Unbounded};

use annals_core::ids::{FeedEventId, OrganizationId};
use annals_core::record::{EventName, FeedEvent};
use annals_core::time::Micros;

use super::Feed;
use crate::page::{ListQuery, Page};
use crate::read::{FeedSelection, ReadError, Snapshot};
use crate::store::listing::{self, Scan};
use crate::tenants::EnvironmentScope;

/// Which events, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    All,
    /// Names that nobody published match nothing.
    Any(Vec<EventName>),
}

/// Kinds of filters combine with AND.
#[derive(Debug, Clone)]
pub struct FeedQuery {
    pub names: Names,
    pub organization: Option<OrganizationId>,
    /// First and last time of receipt, both inclusive.
    pub received: (Option<Micros>, Option<Micros>),
    pub page: ListQuery<FeedEventId>,
}

/// Why the feed cannot be shown, by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Try again later.
    #[error("the feed cannot be read now: {0}")]
    Unavailable(#[source] ReadError),
    /// A person must look.
    #[error("the feed cannot be read: {0}")]
    Damaged(#[source] ReadError),
}

impl From<ReadError> for FeedError {
    fn from(error: ReadError) -> Self {
        if error.is_passing() { Self::Unavailable(error) } else { Self::Damaged(error) }
    }
}

impl Feed {
    /// One page. A consumer that goes on after the last id that it saw, in rising order, meets every matching event once. Polling at the
    /// head costs no look into the lake.
    ///
    /// # Errors
    /// Tail or lake cannot be read.
    pub async fn events(&self, scope: &EnvironmentScope, query: &FeedQuery) -> Result<Page<FeedEvent, FeedEventId>, FeedError> {
        let selection = FeedSelection {
            environment: scope.environment_id(),
            names: match &query.names {
                Names::All => None,
                Names::Any(names) => Some(names.clone()),
            },
            organization: query.organization,
            received: (query.received.0.map_or(Unbounded, Included), query.received.1.map_or(Unbounded, Included)),
        };
        let compiled = &self.reader.query(selection)?;
        let _turn = self.reads.acquire().await;
        let scan = |scan: Scan<FeedEventId>| async move {
            let snapshot = Snapshot::of_feed(self.log.tail(), &self.lake, scan.above);
            self.reader.nearest(&snapshot, compiled, scan).await
        };
        Ok(listing::page(&query.page, |event: &FeedEvent| event.id, scan).await?)
    }
}
