//! API keys (wire contract §9).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::read::{Fields, FromBody};
use super::time::{Moment, Timestamp};
use crate::limits::NAME_CHARS_MAX;

const PERMISSIONS_MAX: usize = 100;
const PERMISSION_CHARS_MAX: usize = 128;

super::constant!(ApiKeyTag, "api_key");
super::constant!(OwnerTag, "organization");

/// A key's public side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    #[schema(inline)]
    pub object: ApiKeyTag,
    #[schema(example = "api_key_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub id: String,
    #[schema(inline)]
    pub owner: ApiKeyOwner,
    pub name: String,
    #[schema(example = "sk_...3456")]
    pub obfuscated_value: String,
    #[schema(inline, required)]
    pub last_used_at: Option<Timestamp>,
    /// `null`: it does not expire.
    #[schema(inline, required)]
    pub expires_at: Option<Timestamp>,
    pub permissions: Vec<String>,
    #[schema(inline)]
    pub created_at: Timestamp,
    #[schema(inline)]
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyOwner {
    #[serde(rename = "type")]
    #[schema(inline)]
    pub kind: OwnerTag,
    #[schema(example = "org_01EHZNVPK3SFK441A1RGBFSHRT")]
    pub id: String,
}

/// A new key, with its value, which is never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiKey {
    #[serde(flatten)]
    pub key: ApiKey,
    /// The key itself.
    #[schema(example = "sk_abcdefghijklmnop123456")]
    pub value: String,
}

/// `null` when the value is not a key of this environment, or not any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyValidation {
    #[schema(required)]
    pub api_key: Option<ApiKey>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreateApiKey {
    #[schema(min_length = 1, max_length = 1024, example = "Production API Key")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = permissions, required = false)]
    pub permissions: Option<Vec<String>>,
    /// Must be in the future. Absent: the key does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub expires_at: Option<Moment>,
}

fn permissions() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    use utoipa::openapi::schema::{ArrayBuilder, SchemaType};
    use utoipa::openapi::{ObjectBuilder, Type};
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(PERMISSION_CHARS_MAX));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(text)
        .max_items(Some(PERMISSIONS_MAX))
        .into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExpireApiKey {
    /// Absent: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub expires_at: Option<Moment>,
}

/// A key that somebody presented to the application.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ValidateApiKey {
    #[schema(min_length = 1, max_length = 1024, example = "sk_example_1234567890abcdef")]
    pub value: String,
}

impl CreateApiKey {
    /// A key that does not expire.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), permissions: None, expires_at: None }
    }
}

impl FromBody for CreateApiKey {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        let name = body.text("name", NAME_CHARS_MAX);
        let permissions = body.optional_texts("permissions", PERMISSIONS_MAX, PERMISSION_CHARS_MAX);
        let expires_at = body.optional_time("expires_at").map(Moment);
        Some(Self { name: name?, permissions, expires_at })
    }
}

impl FromBody for ExpireApiKey {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { expires_at: body.optional_time("expires_at").map(Moment) })
    }
}

impl FromBody for ValidateApiKey {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { value: body.text("value", NAME_CHARS_MAX)? })
    }
}
