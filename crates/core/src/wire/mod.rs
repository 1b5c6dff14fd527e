//! The JSON of the HTTP API, spoken by server and client alike, so that the two cannot drift. One file per resource: what a client
//! writes, how a server reads it, what it answers.
//!
//! Requests are read by [`FromBody`] and never by serde: every wrong field is named, a duplicate member is refused, and what
//! clients send instead of "absent" counts as absent. Nothing here knows the engine or a status code.

mod api_key;
mod api_request;
mod audit_event;
mod audit_log_event;
mod audit_log_event_stats;
mod batch;
mod compose;
mod error;
mod event;
mod event_names;
mod export;
mod list;
mod organization;
mod purge;
mod read;
mod receipt;
mod retention;
mod schema;
mod text;
mod time;
mod trail;

pub use api_key::{ApiKey, ApiKeyOwner, ApiKeyValidation, CreateApiKey, CreatedApiKey, ExpireApiKey, ValidateApiKey};
pub use api_request::{
    ApiRequest, ApiRequestActor, ApiRequestActorType, ApiRequestTarget, ApiRequests, CreateApiRequest, Pagination,
};
pub use audit_event::{Actor, AuditEvent, AuditEventCreated, Context, CreateAuditEvent, MetadataValue, Target};
pub use audit_log_event::{AuditLogEvent, AuditLogEventContext, AuditLogEventParty, AuditLogEventTag};
pub use audit_log_event_stats::{
    AuditLogEventBucket, AuditLogEventBucketGroup, AuditLogEventGroup, AuditLogEventStats, AuditLogEventStatsTag,
};
pub use batch::{BatchAnswer, BatchItem, BatchResult, ImportedFrom, ItemProblem, RefusedItem};
pub use error::{BadRequest, BrokenRule, ErrorMessage, FieldProblem, InvalidAuditEvent, InvalidBody, ValidationFailed};
pub use event::{Event, EventActor, EventContext, MirroredFrom, PublishEvent};
pub use event_names::{DEPRECATED_EVENT_NAMES, EVENT_NAMES};
pub use export::{CreateExport, Export, ExportState};
pub use list::{Cursors, List};
pub use organization::{
    CreateOrganization, DomainData, DomainDataState, DomainState, DomainStrategy, Organization, OrganizationDomain,
    UpdateOrganization,
};
pub use purge::{PurgeEvents, PurgedEvents, PurgedOrganization};
pub use read::{Fields, FromBody};
pub use receipt::{OneOrMany, Published, Receipt, Receipts};
pub use retention::{AuditLogConfiguration, ConfigurationState, Retention, SetRetention};
pub use schema::{Action, ActorRules, CreateSchema, Schema, SchemaTarget, widen};
pub use text::ShownId;
pub use time::{Moment, Timestamp};
pub use trail::{CreateTrailEvent, TrailAction, TrailEvent};

/// A member that always holds one text, such as `"object": "list"`.
macro_rules! constant {
    ($name:ident, $text:literal) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            #[default]
            #[serde(rename = $text)]
            Is,
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String).enum_values(Some([$text])).into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}
use constant;
