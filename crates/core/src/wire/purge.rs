//! Carrying out retention on demand (`POST /v1/audit_log_events/purge`).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit_log_event::moment;
use super::read::{Fields, FromBody};
use super::time::Moment;

super::constant!(AuditLogPurgeTag, "audit_log_purge");

/// Whether to do it, or only to say what would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PurgeEvents {
    pub dry_run: bool,
}

impl FromBody for PurgeEvents {
    /// Must be said: nothing is removed by an omission.
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        if body.get("dry_run").is_none() {
            body.missing("dry_run");
        }
        Some(Self { dry_run: body.optional_flag("dry_run")? })
    }
}

/// What retention took, or would take: of each organization its oldest events, whole days of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgedEvents {
    #[schema(inline)]
    pub object: AuditLogPurgeTag,
    pub dry_run: bool,
    /// Of all organizations.
    pub events: u64,
    pub organizations: u64,
    /// The first 1,000 organizations by id.
    pub data: Vec<PurgedOrganization>,
}

/// One organization's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgedOrganization {
    pub organization_id: String,
    pub shard: String,
    pub from_seq: u64,
    pub through_seq: u64,
    pub events: u64,
    #[schema(schema_with = moment)]
    pub received_before: Moment,
}
