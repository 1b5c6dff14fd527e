//! Reading: pages of the feed, in either order. Positions are ids, so a consumer's cursor works when its event has gone.

use std::ops::Bound::{Included, Unbounded};

use annals_core::ids::{FeedEventId, OrganizationId};
use annals_core::record::{EventName, FeedEvent};
use annals_core::time::Micros;

use super::Feed;
use super::quiet::Polls;
use crate::page::{ListQuery, Order, Page};
use crate::read::{FeedSelection, Query, ReadError, Snapshot};
use crate::store::listing::{self, Direction, Scan};
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
    /// One page, of the events that are not too old. A consumer that goes on after the last id that it saw, in rising order, meets every
    /// matching event once. Polling at the head costs no look into the lake, however rare the events are.
    ///
    /// # Errors
    /// Tail or lake cannot be read.
    pub async fn events(&self, scope: &EnvironmentScope, query: &FeedQuery) -> Result<Page<FeedEvent, FeedEventId>, FeedError> {
        let kept_from = self.clock.now().saturating_sub(self.kept);
        let (first, last) = query.received;
        let mut selection = FeedSelection {
            environment: scope.environment_id(),
            names: match &query.names {
                Names::All => None,
                Names::Any(names) => Some(names.clone()),
            },
            organization: query.organization,
            received: (first.map_or(Unbounded, Included), last.map_or(Unbounded, Included)),
        };
        // Before the bound of retention, which every poll moves: what was found empty stays empty.
        let polls = self.quiet.polls(&selection);
        selection.received.0 = Included(first.map_or(kept_from, |first| first.max(kept_from)));
        let compiled = self.reader.query(selection)?;
        let (feed, query) = (self.clone(), query.page.clone());
        self.room.read(scope.owner(), async move { feed.page(&query, &compiled, &polls).await }).await
    }

    async fn page(
        &self,
        query: &ListQuery<FeedEventId>,
        compiled: &Query<FeedEvent>,
        polls: &Polls,
    ) -> Result<Page<FeedEvent, FeedEventId>, FeedError> {
        let scan = |asked: Scan<FeedEventId>| async move {
            if let Some(at_cursor) = at_cursor(query, asked) {
                let snapshot = Snapshot::of_feed(self.log.tail(), &self.lake, at_cursor.above);
                let found = self.reader.nearest(&snapshot, compiled, at_cursor).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            let scan = polls.shorten(asked).await;
            let snapshot = Snapshot::of_feed(self.log.tail(), &self.lake, scan.above);
            let found = self.reader.nearest(&snapshot, compiled, scan).await?;
            let ids: Vec<_> = found.iter().map(|event| event.id).collect();
            polls.note(asked, &ids, snapshot.last()).await;
            Ok::<_, ReadError>(found)
        };
        Ok(listing::page(query, |event: &FeedEvent| event.id, scan).await?)
    }
}

/// Whether anything lies behind a page is asked with a scan of one row, whichever it is. Behind a page that follows a cursor it is nearly
/// always the cursor's own event, which this scan finds at once; the way back from the page may be long.
fn at_cursor(page: &ListQuery<FeedEventId>, asked: Scan<FeedEventId>) -> Option<Scan<FeedEventId>> {
    let cursor = page.after.filter(|_| page.order == Order::Asc && asked.direction == Direction::Falling && asked.rows == 1)?;
    let before_cursor = u128::from_be_bytes(cursor.to_bytes()).checked_sub(1)?;
    let above = Some(FeedEventId::from_bytes(before_cursor.to_be_bytes()));
    Some(Scan { above, direction: Direction::Rising, ..asked })
}
