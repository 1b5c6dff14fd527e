//! The Events API (wire contract §6): the environment's feed of what happened, and publishing into it.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

use super::read::{Fields, FromBody};
use super::time::Timestamp;
use crate::json::Json;
use crate::limits::{FEED_DATA_BYTES_MAX, FEED_NAME_CHARS_MAX, IDEMPOTENCY_KEY_BYTES_MAX, NAME_CHARS_MAX};
use crate::record::{EventName, ObjectText};

super::constant!(EventTag, "event");

/// Where a mirrored event says where it came from, inside its context.
const MIRRORED_FROM: &str = "mirrored_from";

/// Something that happened in the environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    #[schema(inline)]
    pub object: EventTag,
    /// A cursor of the feed: later events have higher ids.
    #[schema(example = "event_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub id: String,
    /// What happened.
    #[schema(example = "organization.created")]
    pub event: String,
    /// The object that it happened to.
    #[schema(schema_with = any_object)]
    pub data: Map<String, Value>,
    #[schema(inline)]
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub context: Option<EventContext>,
}

/// Circumstances of an event. Members that are not listed here are kept and come back.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct EventContext {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub actor: Option<EventActor>,
    /// Of an update: the members of `data` that changed, as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = any_object, required = false)]
    pub previous_attributes: Option<Map<String, Value>>,
    /// Where the event was published first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mirrored_from: Option<MirroredFrom>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub other: Map<String, Value>,
}

/// Who made it happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventActor {
    #[schema(example = "api_key_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub id: String,
    /// `api`, `dashboard`, `admin_portal` or `system`.
    #[schema(example = "api")]
    pub source: String,
    #[serde(default)]
    #[schema(required)]
    pub name: Option<String>,
}

/// The first publication of an event that was copied from another feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MirroredFrom {
    #[schema(min_length = 1, max_length = 1024, example = "event_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub id: String,
    #[schema(inline)]
    pub created_at: Timestamp,
}

/// An event of the application, for the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PublishEvent {
    /// Words of `a`–`z`, `0`–`9` and `_` with dots between them.
    #[schema(value_type = String, max_length = 256, pattern = r"^[a-z0-9_]+(\.[a-z0-9_]+)+$", example = "user.created")]
    pub event: EventName,
    /// The object that it happened to, at most 64 KiB.
    #[serde(serialize_with = "as_json")]
    #[schema(schema_with = any_object)]
    pub data: ObjectText,
    /// The organization that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024, example = "org_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub organization_id: Option<String>,
    /// Members as in [`EventContext`], of which `mirrored_from` has a place of its own.
    #[serde(serialize_with = "as_optional_json", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = published_context, required = false)]
    pub context: Option<ObjectText>,
    /// The same event with the same key is published once within 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 512)]
    pub idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirrored_from: Option<MirroredFrom>,
}

impl PublishEvent {
    /// The context that is kept: with the origin in it.
    ///
    /// # Errors
    /// A sentence: together they are too large.
    pub fn whole_context(&self) -> Result<Option<ObjectText>, String> {
        let Some(origin) = &self.mirrored_from else { return Ok(self.context.clone()) };
        let mut members: Map<String, Value> = match &self.context {
            Some(context) => serde_json::from_str(context.as_str()).map_err(|error| error.to_string())?,
            None => Map::new(),
        };
        members.insert(MIRRORED_FROM.to_owned(), serde_json::to_value(origin).map_err(|error| error.to_string())?);
        ObjectText::of_value(&members).map(Some).map_err(|error| error.to_string())
    }
}

impl FromBody for PublishEvent {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        let event = body.text("event", FEED_NAME_CHARS_MAX).and_then(|text| match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                body.wrong("event", &format!("{error}"));
                None
            }
        });
        let data = match body.get("data") {
            None => {
                body.missing("data");
                None
            }
            Some(value) => object(body, "data", value),
        };
        let organization_id = body.optional_text("organization_id", NAME_CHARS_MAX);
        let context = body.get("context").and_then(|value| context(body, value));
        let idempotency_key = body.optional_text("idempotency_key", IDEMPOTENCY_KEY_BYTES_MAX);
        let mirrored_from = body.get(MIRRORED_FROM).and_then(|value| {
            let mut origin = body.inside(MIRRORED_FROM, value)?;
            let (id, created_at) = (origin.text("id", NAME_CHARS_MAX), origin.time("created_at"));
            Some(MirroredFrom { id: id?, created_at: Timestamp(created_at?) })
        });
        Some(Self { event: event?, data: data?, organization_id, context, idempotency_key, mirrored_from })
    }
}

fn object(body: &mut Fields<'_, '_>, name: &str, value: &Json<'_>) -> Option<ObjectText> {
    match ObjectText::of(value) {
        Ok(text) => Some(text),
        Err(error) => {
            body.wrong(name, &error.to_string());
            None
        }
    }
}

/// Strict clients read the members that they know, so those must have the right shape.
fn context(body: &mut Fields<'_, '_>, value: &Json<'_>) -> Option<ObjectText> {
    let text = object(body, "context", value)?;
    let mut members = body.inside("context", value)?;
    if members.has(MIRRORED_FROM) {
        members.wrong(MIRRORED_FROM, "must stand beside the context");
    }
    if let Some(previous) = members.get("previous_attributes") {
        members.inside("previous_attributes", previous);
    }
    if let Some(value) = members.get("actor")
        && let Some(mut actor) = members.inside("actor", value)
    {
        actor.text("id", NAME_CHARS_MAX);
        actor.text("source", NAME_CHARS_MAX);
        actor.optional_text("name", NAME_CHARS_MAX);
    }
    Some(text)
}

fn as_json<S: Serializer>(text: &ObjectText, serializer: S) -> Result<S::Ok, S::Error> {
    let members: Map<String, Value> = serde_json::from_str(text.as_str()).map_err(serde::ser::Error::custom)?;
    members.serialize(serializer)
}

fn as_optional_json<S: Serializer>(text: &Option<ObjectText>, serializer: S) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => as_json(text, serializer),
        None => serializer.serialize_none(),
    }
}

fn any_object() -> RefOr<Schema> {
    any_members().into()
}

fn any_members() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(true)))
}

fn published_context() -> RefOr<Schema> {
    use utoipa::openapi::schema::SchemaType;
    any_members()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(format!("Circumstances of the event, at most {} KiB.", FEED_DATA_BYTES_MAX / 1024)))
        .into()
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
