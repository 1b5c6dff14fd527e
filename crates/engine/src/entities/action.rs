//! An action and its schemas (wire contract §3). Schemas are immutable; a change is a new version.

use annals_core::ids::{ActionId, SchemaId};
use annals_core::time::Micros;
use serde_json::Value;

/// One action with its newest schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    pub id: ActionId,
    pub name: String,
    pub schema: Schema,
    pub created_at: Micros,
    pub updated_at: Micros,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    pub id: SchemaId,
    pub version: u32,
    pub body: NewSchema,
    pub created_at: Micros,
}

/// What an action's events may look like. Metadata members are JSON Schemas of an object in normal shape
/// (`{"type":"object","properties":{…}}`); the shorthand form is widened before it gets here.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct NewSchema {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_metadata: Option<Value>,
    pub targets: Vec<TargetSchema>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TargetSchema {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}
