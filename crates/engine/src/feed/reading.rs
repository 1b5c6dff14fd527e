//! Reading: pages of the feed, in either order. Positions are ids, so a consumer's cursor works when its event has gone.

use annals_core::ids::{EnvironmentId, FeedEventId, OrganizationId};
use annals_core::record::{EventName, FeedEvent};
use annals_core::time::Micros;

use super::Feed;
use crate::page::{ListQuery, Page};
use crate::store::StoreError;
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

impl Feed {
    /// One page. A consumer that goes on after the last id that it saw, in rising order, meets every matching event once.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn events(&self, scope: &EnvironmentScope, query: &FeedQuery) -> Result<Page<FeedEvent, FeedEventId>, StoreError> {
        let commits = self.log.tail().commits();
        let scan = |scan: Scan<FeedEventId>| {
            let events = commits.iter().flat_map(|commit| commit.feed_events.iter());
            let matching = events.filter(|event| query.matches(scope.environment_id(), event));
            let between =
                matching.filter(|event| scan.above.is_none_or(|id| event.id > id) && scan.below.is_none_or(|id| event.id < id));
            let rows = scan.rows as usize;
            let found: Vec<FeedEvent> = match scan.direction {
                Direction::Rising => between.take(rows).cloned().collect(),
                Direction::Falling => {
                    let mut newest: Vec<_> = between.cloned().collect();
                    newest.reverse();
                    newest.truncate(rows);
                    newest
                }
            };
            async move { Ok(found) }
        };
        listing::page(&query.page, |event: &FeedEvent| event.id, scan).await
    }
}

impl FeedQuery {
    fn matches(&self, environment: EnvironmentId, event: &FeedEvent) -> bool {
        let named = match &self.names {
            Names::All => true,
            Names::Any(names) => names.contains(&event.event.name),
        };
        let (first, last) = self.received;
        event.environment == environment
            && named
            && self.organization.is_none_or(|id| event.event.organization == Some(id))
            && first.is_none_or(|first| event.received_at >= first)
            && last.is_none_or(|last| event.received_at <= last)
    }
}
