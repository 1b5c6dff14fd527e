//! The body of `POST /audit_logs/events` (wire contract §1), as clients write it. Servers read it with [`crate::event::NewEvent`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, SchemaType};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

use super::time::Moment;
use crate::limits::{METADATA_KEY_CHARS_MAX, METADATA_KEYS_MAX, METADATA_VALUE_CHARS_MAX, SCHEMA_VERSION_MAX};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = CreateAuditLogEvent)]
pub struct CreateAuditEvent {
    #[schema(min_length = 1, max_length = 1024, example = "org_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub organization_id: String,
    pub event: AuditEvent,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEvent)]
pub struct AuditEvent {
    /// What happened. Actions that begin with `annals.` are the server's own.
    #[schema(min_length = 1, max_length = 256, example = "user.signed_in")]
    pub action: String,
    #[schema(inline)]
    pub occurred_at: Moment,
    pub actor: Actor,
    #[schema(max_items = 32)]
    pub targets: Vec<Target>,
    pub context: Context,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(schema_with = metadata, required = false)]
    pub metadata: BTreeMap<String, MetadataValue>,
    /// Version of the action's schema. Absent, `null` and 0 mean 1, not the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = version, required = false)]
    pub version: Option<u32>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventActor)]
pub struct Actor {
    #[schema(min_length = 1, max_length = 1024, example = "user_TF4C5938")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 1024, example = "user")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024, example = "Support")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(schema_with = metadata, required = false)]
    pub metadata: BTreeMap<String, MetadataValue>,
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventTarget)]
pub struct Target {
    #[schema(min_length = 1, max_length = 1024, example = "team_01GBTCQ2")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 1024, example = "team")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024, example = "Platform")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(schema_with = metadata, required = false)]
    pub metadata: BTreeMap<String, MetadataValue>,
}

/// Where and with what it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventContext)]
pub struct Context {
    /// IP address or another location. May be empty, but must be there.
    #[schema(max_length = 4096, example = "123.123.123.123")]
    pub location: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096, example = "Chrome/104.0.0.0")]
    pub user_agent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MetadataValue {
    Text(String),
    Number(f64),
    Flag(bool),
}

/// The event is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogEventCreated)]
pub struct AuditEventCreated {
    #[schema(example = true)]
    pub success: bool,
}

fn metadata() -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(METADATA_VALUE_CHARS_MAX));
    // 2^53 − 1: beyond it a number would not survive a client that reads doubles.
    let number = ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(-9_007_199_254_740_991_f64))
        .maximum(Some(9_007_199_254_740_991_f64));
    let value = AnyOfBuilder::new().item(text).item(number).item(ObjectBuilder::new().schema_type(Type::Boolean));
    let key =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(format!("^[a-zA-Z0-9_-]{{0,{METADATA_KEY_CHARS_MAX}}}$")));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .property_names(Some(Schema::from(key)))
        .max_properties(Some(METADATA_KEYS_MAX))
        .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(value.into()))))
        .examples([serde_json::json!({"owner": "user_01GBTCQ2"})])
        .into()
}

fn version() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .minimum(Some(0))
        .maximum(Some(SCHEMA_VERSION_MAX as usize))
        .examples([1])
        .into()
}
