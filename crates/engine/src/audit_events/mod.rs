//! Reading audit events: pages of a list, single events, what comes next, and counts. Every verb takes the caller's scope.

mod count;
mod error;
mod follow;

use std::sync::Arc;

use annals_core::event::CommittedEvent;
use annals_core::ids::{AuditEventId, OrganizationId};

pub use count::{BUCKETS_MAX, Bucket, Count, Counted, GROUPS_MAX, Group};
pub use error::AuditEventsError;
pub use follow::Follow;

use crate::commit_log::Tail;
use crate::lake::Lake;
use crate::page::{ListQuery, Page};
pub use crate::read::{ALWAYS, ActionPattern, AuditTrailFilter, Between, Filter};
use crate::read::{Reader, ReadingRoom, Selection, Snapshot};
use crate::store::listing;
use crate::tenants::{OrganizationError, Scope, Tenants};

/// Audit events as the server sees them. Cheap to clone.
#[derive(Clone)]
pub struct AuditEvents {
    tenants: Tenants,
    tail: Arc<Tail>,
    lake: Lake,
    reader: Reader,
    room: ReadingRoom,
}

impl AuditEvents {
    pub(crate) fn new(tenants: Tenants, tail: Arc<Tail>, lake: Lake, reader: Reader, room: ReadingRoom) -> Self {
        Self { tenants, tail, lake, reader, room }
    }

    /// One page, in the order of commits; cursors are ids and mean what wire contract §0.4 says. The limit may be any number.
    ///
    /// # Errors
    /// The organization is not there, or events cannot be read.
    pub async fn list(
        &self,
        scope: &Scope,
        filter: Filter,
        page: &ListQuery<AuditEventId>,
    ) -> Result<Page<CommittedEvent, AuditEventId>, AuditEventsError> {
        let selection = self.selection(scope, filter).await?;
        let organization = selection.filter.organization;
        let query = self.reader.query(selection)?;
        let (events, page) = (self.clone(), page.clone());
        let reading = async move {
            // One snapshot for the whole page: what is recorded meanwhile does not move it.
            let snapshot = events.snapshot_of(organization);
            let scan = |scan| events.reader.nearest(&snapshot, &query, scan);
            Ok(listing::page(&page, |event: &CommittedEvent| event.id, scan).await?)
        };
        self.room.read(scope.owner(), reading).await
    }

    /// # Errors
    /// `NotFound` also when the key may not see it, or events cannot be read.
    pub async fn get(&self, scope: &Scope, id: AuditEventId) -> Result<CommittedEvent, AuditEventsError> {
        let selection = self.selection(scope, Filter::everything()).await?;
        let events = self.clone();
        let reading = async move { Ok(events.reader.by_id(&events.snapshot(), &selection, id).await?) };
        self.room.read(scope.owner(), reading).await.and_then(|event| event.ok_or(AuditEventsError::NotFound))
    }

    /// Each event once, in the order of commits, for as long as it is asked: those after `after`, or those that are recorded
    /// from now on.
    ///
    /// # Errors
    /// `NotFound` when there is no event `after` that the key may see; the organization is not there, or events cannot be read.
    pub async fn follow(&self, scope: &Scope, filter: Filter, after: Option<AuditEventId>) -> Result<Follow, AuditEventsError> {
        let query = self.reader.query(self.selection(scope, filter).await?)?;
        if let Some(after) = after {
            self.get(scope, after).await?;
        }
        Ok(Follow::new(self.clone(), query, after))
    }

    /// How many events there are, over time.
    ///
    /// # Errors
    /// Too many buckets or groups, the organization is not there, or events cannot be read.
    pub async fn count(&self, scope: &Scope, filter: Filter, count: Count) -> Result<Counted, AuditEventsError> {
        let selection = self.selection(scope, filter).await?;
        let organization = selection.filter.organization;
        let query = self.reader.query(selection)?;
        let events = self.clone();
        let reading = async move {
            let batches = events.reader.scan(&events.snapshot_of(organization), &query, count.columns());
            count::count(batches, count).await
        };
        self.room.read(scope.owner(), reading).await
    }

    /// The filter in the scope: an organization's key sees its own organization, whatever is asked.
    async fn selection(&self, scope: &Scope, mut filter: Filter) -> Result<Selection, AuditEventsError> {
        if let Some(organization) = filter.organization {
            self.tenants.organization_scope(scope, organization).await.map_err(|error| match error {
                OrganizationError::Store(error) => AuditEventsError::Store(error),
                _ => AuditEventsError::OrganizationNotFound,
            })?;
        }
        filter.organization = filter.organization.or(scope.organization_id());
        Ok(Selection { environment: scope.environment_id(), filter })
    }

    fn snapshot(&self) -> Snapshot {
        self.snapshot_of(None)
    }

    /// Of the tail only the commits with events of this organization, if it is one.
    fn snapshot_of(&self, organization: Option<OrganizationId>) -> Snapshot {
        // The tail first: a commit leaves it only when the lake has it.
        let commits = organization.map_or_else(|| self.tail.commits(), |organization| self.tail.commits_of(organization));
        let tail: Vec<_> = commits.iter().map(|commit| Arc::clone(&commit.audit_events)).collect();
        Snapshot::new(self.tail.shard(), tail, self.lake.audit_events.snapshot())
    }
}
