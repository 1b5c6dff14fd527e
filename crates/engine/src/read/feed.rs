//! Which events of the feed, for the readers of any table.

use annals_core::ids::{EnvironmentId, FeedEventId, OrganizationId};
use annals_core::record::{EventName, FeedEvent};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, lit};

use super::filter::{Between, between, may_be_between};
use super::{Select, Snapshot};
use crate::commit_log::Tail;
use crate::lake::columns::feed::{CREATED_AT, EVENT};
use crate::lake::columns::{ENVIRONMENT_ID, ORGANIZATION_ID};
use crate::lake::{Lake, LakeFile};

/// Events of one environment. All conditions hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSelection {
    pub environment: EnvironmentId,
    /// One of these; `None` is every name.
    pub names: Option<Vec<EventName>>,
    pub organization: Option<OrganizationId>,
    pub received: Between,
}

impl Select<FeedEvent> for FeedSelection {
    fn owns(&self, event: &FeedEvent) -> bool {
        event.environment == self.environment
    }

    fn owner(&self) -> Vec<Expr> {
        vec![col(ENVIRONMENT_ID).eq(lit(self.environment.to_string()))]
    }

    fn may_hold(&self, file: &LakeFile<FeedEvent>) -> bool {
        file.may_hold(self.environment)
    }

    fn may_pass(&self, file: &LakeFile<FeedEvent>) -> bool {
        may_be_between(file.received(), self.received) && self.may_hold(file)
    }

    fn one_owner(&self) -> Option<EnvironmentId> {
        Some(self.environment)
    }

    fn conditions(&self) -> Vec<Expr> {
        let organization = self.organization.map(|id| col(ORGANIZATION_ID).eq(lit(id.to_string())));
        let is_one_of = |names: &Vec<EventName>| col(EVENT).in_list(names.iter().map(|name| lit(name.as_str())).collect(), false);
        let conditions = between(CREATED_AT, self.received).chain(organization);
        conditions.chain(self.names.as_ref().map(is_one_of)).collect()
    }
}

impl Snapshot<FeedEvent> {
    /// The tail's part may lack events up to `newer_than`.
    #[must_use]
    pub fn of_feed(tail: &Tail, lake: &Lake, newer_than: Option<FeedEventId>) -> Self {
        // The tail first: a commit leaves it only when the lake has it.
        let waiting = tail.feed_events(newer_than);
        Self::new(tail.shard(), waiting, lake.feed_events.snapshot())
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
