//! `POST /v1/audit_log_events/batch`: up to 10,000 events in one commit, and what became of each. Servers read an item with
//! [`crate::event::BatchItem`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit_event::AuditEvent;
use super::error::{BrokenRule, FieldProblem};
use crate::ids::AuditEventId;

/// One element of the array, or one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventBatchItem)]
pub struct BatchItem {
    #[schema(min_length = 1, max_length = 1024, example = "org_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub organization_id: String,
    pub event: AuditEvent,
    /// As the header `Idempotency-Key` of `POST /audit_logs/events`. Empty counts as absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512, example = "884793cd-bef4-46cf-8790-e3d4957a09ce")]
    pub idempotency_key: Option<String>,
    /// Marks an event that was recorded in another system before. It needs no schema. Only with keys of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportedFrom>,
}

/// Where an event was recorded before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventImportedFrom)]
pub struct ImportedFrom {
    #[schema(min_length = 1, max_length = 256, example = "workos")]
    pub source: String,
    /// What it was called there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024, example = "evt_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub id: Option<String>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventBatchAnswer)]
pub struct BatchAnswer {
    /// Only when an atomic batch was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
    pub stored: u32,
    /// Items whose idempotency key was seen with the same event within 24 hours.
    pub replayed: u32,
    pub refused: u32,
    /// One for each item, in order.
    #[schema(max_items = 10000)]
    pub results: Vec<BatchResult>,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventBatchResult)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum BatchResult {
    /// The event is durable.
    Stored {
        #[schema(value_type = String, example = "evt_01EHWNCE74X7JSDV0X3SZ3KJNY")]
        id: AuditEventId,
    },
    Replayed,
    Refused(RefusedItem),
    /// Nothing was wrong with it, but with another item of an atomic batch.
    NotStored,
}

/// What the item would have been answered with, had it been sent alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventBatchRefusal)]
pub struct RefusedItem {
    #[schema(example = "Validation failed.")]
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "invalid_audit_log_event")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ItemProblem>,
    #[serde(default)]
    #[schema(required, minimum = 400, maximum = 499, example = 422)]
    pub http_status: u16,
}

/// A wrong field, or a rule of the action's schema that the event breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventBatchProblem)]
#[serde(untagged)]
pub enum ItemProblem {
    Field(FieldProblem),
    Rule(BrokenRule),
}

impl BatchAnswer {
    /// Counts the results.
    #[must_use]
    pub fn new(results: Vec<BatchResult>) -> Self {
        let mut answer = Self::default();
        for result in &results {
            match result {
                BatchResult::Stored { .. } => answer.stored += 1,
                BatchResult::Replayed => answer.replayed += 1,
                BatchResult::Refused(_) => answer.refused += 1,
                BatchResult::NotStored => {}
            }
        }
        Self { results, ..answer }
    }
}
