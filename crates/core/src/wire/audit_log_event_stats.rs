//! Counts of audit events over time (`GET /v1/audit_log_events/stats`).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit_log_event::moment;
use super::time::Moment;
use crate::counting::{CountedTime, GroupBy, Interval};

super::constant!(AuditLogEventStatsTag, "audit_log_event_stats");

/// How many events there are, bucket by bucket. Only buckets that are not empty, rising.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditLogEventStats {
    #[schema(inline)]
    pub object: AuditLogEventStatsTag,
    #[schema(inline)]
    pub interval: Interval,
    #[schema(inline)]
    pub time: CountedTime,
    /// `null` when events are counted by time only: then no group is listed.
    #[schema(inline, required)]
    pub group_by: Option<GroupBy>,
    pub total: u64,
    pub buckets: Vec<AuditLogEventBucket>,
    /// The largest groups of the whole range, largest first.
    pub groups: Vec<AuditLogEventGroup>,
    /// Events of groups that are not listed.
    pub other: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditLogEventBucket {
    #[schema(schema_with = moment)]
    pub start: Moment,
    pub count: u64,
    /// The listed groups of the whole range that have events here, in the same order.
    pub groups: Vec<AuditLogEventBucketGroup>,
    pub other: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditLogEventBucketGroup {
    #[schema(example = "user.signed_in")]
    pub key: String,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditLogEventGroup {
    /// The action, or the id of the actor or organization.
    #[schema(example = "user.signed_in")]
    pub key: String,
    /// An actor's newest name.
    #[schema(required)]
    pub name: Option<String>,
    pub count: u64,
}
