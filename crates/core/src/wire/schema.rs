//! Actions and the schemas of their events (wire contract §3).
//!
//! A schema of metadata is a JSON Schema of an object. Clients also send a shorthand, `{"role":"string"}`; it is widened before it is
//! stored, so that every client reads back the one form that it understands.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, SchemaType};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema as Document, Type};

use super::read::{Fields, FromBody};
use super::time::Timestamp;
use crate::json::Json;
use crate::limits::{NAME_CHARS_MAX, TARGETS_MAX};

super::constant!(ActionTag, "audit_log_action");
super::constant!(SchemaTag, "audit_log_schema");

/// An action with its newest schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogAction)]
pub struct Action {
    #[schema(inline)]
    pub object: ActionTag,
    #[schema(example = "user.viewed_invoice")]
    pub name: String,
    pub schema: Schema,
    #[schema(inline)]
    pub created_at: Timestamp,
    #[schema(inline)]
    pub updated_at: Timestamp,
}

/// One version of an action's schema. Versions never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditLogSchema)]
pub struct Schema {
    #[schema(inline)]
    pub object: SchemaTag,
    #[schema(minimum = 1)]
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    pub actor: Option<ActorRules>,
    #[schema(inline)]
    pub targets: Vec<SchemaTarget>,
    /// JSON Schema of the event's metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = stored_metadata, required = false)]
    pub metadata: Option<Value>,
    #[schema(inline)]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActorRules {
    /// JSON Schema of the actor's metadata.
    #[schema(schema_with = stored_metadata)]
    pub metadata: Value,
}

/// A type of target that the event must have at least one of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SchemaTarget {
    #[serde(rename = "type")]
    #[schema(example = "invoice")]
    pub kind: String,
    /// JSON Schema of such a target's metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = stored_metadata, required = false)]
    pub metadata: Option<Value>,
}

/// The body that makes the next version. Metadata members are widened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreateSchema {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorRules>,
    pub targets: Vec<SchemaTarget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

impl CreateSchema {
    /// Events must have at least one target of each of these types; their metadata is free.
    #[must_use]
    pub fn of_targets<T: Into<String>>(kinds: impl IntoIterator<Item = T>) -> Self {
        let targets = kinds.into_iter().map(|kind| SchemaTarget { kind: kind.into(), metadata: None }).collect();
        Self { actor: None, targets, metadata: None }
    }
}

impl FromBody for CreateSchema {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        let actor = body.get("actor").and_then(|actor| {
            let metadata = metadata(&mut body.inside("actor", actor)?)?;
            Some(ActorRules { metadata })
        });
        if body.get("targets").is_none() {
            body.missing("targets");
        }
        let items = body.optional_items("targets", TARGETS_MAX);
        if items.as_ref().is_some_and(Vec::is_empty) {
            body.wrong("targets", "must have at least 1 item");
        }
        let targets = items?.into_iter().filter_map(|(name, item)| target(&mut body.inside(&name, item)?)).collect();
        Some(Self { actor, targets, metadata: metadata(body) })
    }
}

fn target(target: &mut Fields<'_, '_>) -> Option<SchemaTarget> {
    Some(SchemaTarget { kind: target.text("type", NAME_CHARS_MAX)?, metadata: metadata(target) })
}

fn metadata(parent: &mut Fields<'_, '_>) -> Option<Value> {
    let metadata = parent.get("metadata")?;
    if !matches!(metadata, Json::Object(_)) {
        parent.wrong("metadata", "must be an object");
        return None;
    }
    let Ok(Value::Object(members)) = serde_json::from_str(&metadata.canonical()) else { return None };
    match widen(members) {
        Ok(widened) => widened,
        Err(what) => {
            parent.wrong("metadata", what);
            None
        }
    }
}

/// Brings a schema of metadata into the one form that all clients read: `{"type":"object","properties":{…}, …}`. `None`: it says nothing.
///
/// # Errors
/// What is wrong with it: metadata is an object, so a schema of another type could never match.
pub fn widen(mut members: Map<String, Value>) -> Result<Option<Value>, &'static str> {
    if members.is_empty() {
        return Ok(None);
    }
    let shorthand_type = |value: &Value| matches!(value.as_str(), Some("string" | "number" | "boolean"));
    let spelled_out = ["type", "properties", "$schema", "items"].iter().any(|key| members.contains_key(*key));
    if !spelled_out && members.values().all(shorthand_type) {
        let properties: Map<String, Value> = members.into_iter().map(|(name, kind)| (name, json!({ "type": kind }))).collect();
        return Ok(Some(json!({ "type": "object", "properties": properties })));
    }
    if members.entry("type").or_insert_with(|| "object".into()) != "object" {
        return Err("must have the type object");
    }
    if !members.entry("properties").or_insert_with(|| json!({})).is_object() {
        return Err("must have properties that are an object");
    }
    Ok(Some(Value::Object(members)))
}

/// `properties` of a schema of metadata, as documented.
fn properties() -> ObjectBuilder {
    let kinds = ["string", "number", "integer", "boolean"];
    let kind = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(Document::from(ObjectBuilder::new().schema_type(Type::Object).property("type", kind))))
}

fn stored_metadata() -> RefOr<Document> {
    let object = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["object"]));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("type", object)
        .required("type")
        .property("properties", ObjectBuilder::new().schema_type(Type::Object))
        .required("properties")
        .examples([json!({"type": "object", "properties": {"role": {"type": "string"}}})])
        .into()
}

/// What is accepted: JSON Schema of an object, or the shorthand.
fn sent_metadata() -> ObjectBuilder {
    let object = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["object"]));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(
            "JSON Schema of an object, such as {\"type\":\"object\",\"properties\":{\"role\":{\"type\":\"string\"}}}, or the shorthand {\"role\":\"string\"}.",
        ))
        .property("type", object)
        .property("properties", properties())
        .examples([json!({"type": "object", "properties": {"role": {"type": "string"}}})])
}

impl utoipa::PartialSchema for CreateSchema {
    fn schema() -> RefOr<Document> {
        let kind = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(NAME_CHARS_MAX))
            .examples(["invoice"]);
        let target = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("type", kind)
            .required("type")
            .property("metadata", sent_metadata());
        let actor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
            .property("metadata", sent_metadata());
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("actor", actor)
            .property("targets", ArrayBuilder::new().items(target).min_items(Some(1)).max_items(Some(TARGETS_MAX)))
            .required("targets")
            .property("metadata", sent_metadata())
            .into()
    }
}

impl ToSchema for CreateSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "CreateAuditLogSchema".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::InvalidBody;

    fn read(body: &str) -> Result<Value, InvalidBody> {
        CreateSchema::read(&crate::json::parse(body.as_bytes()).expect("JSON"))
            .map(|schema| serde_json::to_value(schema).expect("JSON"))
    }

    fn check_metadata(sent: &str, stored: &str) {
        let body = format!(r#"{{"targets":[{{"type":"team"}}],"metadata":{sent}}}"#);
        let schema = read(&body).unwrap_or_else(|refused| panic!("{body}: {refused:?}"));
        assert_eq!(
            schema.get("metadata").unwrap_or(&Value::Null),
            &serde_json::from_str::<Value>(stored).expect("JSON"),
            "{sent}"
        );
    }

    #[test]
    fn schemas_of_metadata_take_one_form() {
        let full = r#"{"type":"object","properties":{"role":{"type":"string"}}}"#;
        check_metadata(full, full);
        check_metadata(r#"{"role":"string"}"#, full);
        check_metadata(r#"{"properties":{"role":{"type":"string"}}}"#, full);
        check_metadata(
            r#"{"n":"number","b":"boolean"}"#,
            r#"{"type":"object","properties":{"n":{"type":"number"},"b":{"type":"boolean"}}}"#,
        );
        check_metadata(r#"{"type":"object"}"#, r#"{"type":"object","properties":{}}"#);
        check_metadata(r#"{"required":["a"]}"#, r#"{"type":"object","properties":{},"required":["a"]}"#);
        check_metadata("null", "null");
        check_metadata("{}", "null");
    }

    #[test]
    fn every_shape_that_clients_send_is_read() {
        let node =
            read(r#"{"actor":{"metadata":{"type":"object","properties":{}}},"targets":[{"type":"user"}]}"#).expect("valid");
        assert_eq!(node["actor"], json!({"metadata": {"type": "object", "properties": {}}}));
        for no_actor in [r#""actor":{"metadata":null},"#, r#""actor":null,"metadata":null,"#, r#""actor":{"metadata":{}},"#, ""] {
            let schema = read(&format!(r#"{{{no_actor}"targets":[{{"type":"user","metadata":null}}]}}"#)).expect("valid");
            assert_eq!(schema, json!({"targets": [{"type": "user"}]}), "{no_actor}");
        }
    }

    #[test]
    fn each_wrong_member_is_named() {
        for (body, field) in [
            ("{}", "targets"),
            (r#"{"targets":[]}"#, "targets"),
            (r#"{"targets":{}}"#, "targets"),
            (r#"{"targets":[{}]}"#, "targets.0.type"),
            (r#"{"targets":[{"type":""}]}"#, "targets.0.type"),
            (r#"{"targets":[5]}"#, "targets.0"),
            (r#"{"targets":[{"type":"a","metadata":[]}]}"#, "targets.0.metadata"),
            (r#"{"targets":[{"type":"a"}],"metadata":{"type":"array"}}"#, "metadata"),
            (r#"{"targets":[{"type":"a"}],"metadata":{"properties":[]}}"#, "metadata"),
            (r#"{"targets":[{"type":"a"}],"actor":"x"}"#, "actor"),
            (r#"{"targets":[{"type":"a"}],"actor":{"metadata":5}}"#, "actor.metadata"),
        ] {
            let Err(InvalidBody::Fields(refused)) = read(body) else { panic!("{body} must be refused") };
            assert_eq!(refused.errors.first().map(|e| e.field.as_str()), Some(field), "{body}: {refused:?}");
        }
    }
}
