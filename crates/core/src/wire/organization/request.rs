//! Making and changing an organization. Clients differ most here: see the traps in wire contract §5.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, SchemaType};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

use crate::event::FieldErrors;
use crate::json::Json;
use crate::limits::{
    EXTERNAL_ID_CHARS_MAX, METADATA_KEY_CHARS_MAX, METADATA_KEYS_MAX, ORGANIZATION_DOMAINS_MAX,
    ORGANIZATION_METADATA_VALUE_CHARS_MAX, ORGANIZATION_NAME_CHARS_MAX,
};
use crate::wire::error::{ErrorMessage, InvalidBody, ValidationFailed, problems};
use crate::wire::read::{Fields, FromBody};

const DOMAIN_CHARS_MAX: usize = 253;
const STRIPE_CUSTOMER_ID_CHARS_MAX: usize = 255;
const STATE_CHARS_MAX: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct CreateOrganization {
    #[schema(min_length = 1, max_length = 512, example = "Foo Corp")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_profiles_outside_organization: Option<bool>,
    /// Domains that count as verified. Deprecated: use `domain_data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = domain_list, required = false, deprecated)]
    pub domains: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100)]
    pub domain_data: Option<Vec<DomainData>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(schema_with = metadata_pairs, required = false)]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128, pattern = r"^[\x00-\x7F]*$", example = "ext_12345")]
    pub external_id: Option<String>,
}

/// What is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct UpdateOrganization {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 512, example = "Foo Corp")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_profiles_outside_organization: Option<bool>,
    /// Replaces the domains. Deprecated: use `domain_data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = domain_list, required = false, deprecated)]
    pub domains: Option<Vec<String>>,
    /// Replaces the domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100)]
    pub domain_data: Option<Vec<DomainData>>,
    /// Merged into the stored pairs: `null` as a value removes the pair.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(schema_with = metadata_pairs, required = false)]
    pub metadata: BTreeMap<String, Option<String>>,
    /// `null` clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128, pattern = r"^[\x00-\x7F]+$", example = "ext_12345")]
    pub external_id: Option<Option<String>>,
    /// `null` clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, example = "cus_R9qWAGMQ6nGE7V")]
    pub stripe_customer_id: Option<Option<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DomainData {
    #[schema(min_length = 1, max_length = 253, pattern = r"^[^\s\x00-\x1F\x7F,]+$", example = "foo-corp.com")]
    pub domain: String,
    #[schema(inline)]
    pub state: DomainDataState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainDataState {
    Pending,
    Verified,
}

impl FromBody for CreateOrganization {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        let name = body.text("name", ORGANIZATION_NAME_CHARS_MAX);
        let allow_profiles_outside_organization = body.optional_flag("allow_profiles_outside_organization");
        let domains = domain_names(body, "domains");
        let domain_data = domain_data(body);
        let metadata = metadata(body).into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        // Clients whose texts cannot be absent send an empty one.
        let external_id = if is_empty_text(body, "external_id") { None } else { external_id(body) };
        Some(Self { name: name?, allow_profiles_outside_organization, domains, domain_data, metadata, external_id })
    }

    fn complain(errors: FieldErrors) -> InvalidBody {
        complain(errors)
    }
}

impl FromBody for UpdateOrganization {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        // The Go client up to version 5 writes this member, all others capitalised beside it, and what the caller left out as
        // null, "" and false: such a body must not wipe anything.
        let wiping = body.has("Organization");
        let unset = |body: &Fields<'_, '_>, name: &str| wiping && (body.get(name).is_none() || is_empty_text(body, name));
        let clears = |body: &Fields<'_, '_>, name: &str| !wiping && body.has(name) && body.get(name).is_none();

        let name = body.spelling(&["name", "Name"]);
        let name = if unset(body, name) { None } else { body.optional_text(name, ORGANIZATION_NAME_CHARS_MAX) };
        let allow = body.spelling(&["allow_profiles_outside_organization", "AllowProfilesOutsideOrganization"]);
        let allow_profiles_outside_organization = body.optional_flag(allow).filter(|allowed| *allowed || !wiping);
        let domains = body.spelling(&["domains", "Domains"]);
        let domains = domain_names(body, domains);
        let domain_data = domain_data(body);
        let external_id = match () {
            () if clears(body, "external_id") => Some(None),
            () if unset(body, "external_id") => None,
            () => external_id(body).map(Some),
        };
        let stripe_customer_id = match () {
            () if clears(body, "stripe_customer_id") => Some(None),
            () if unset(body, "stripe_customer_id") => None,
            () => body.optional_text("stripe_customer_id", STRIPE_CUSTOMER_ID_CHARS_MAX).map(Some),
        };
        let metadata = metadata(body);
        Some(Self { name, allow_profiles_outside_organization, domains, domain_data, metadata, external_id, stripe_customer_id })
    }

    fn complain(errors: FieldErrors) -> InvalidBody {
        complain(errors)
    }
}

/// Wrong metadata has a code of its own, and this resource's sentence has no full stop.
fn complain(errors: FieldErrors) -> InvalidBody {
    let errors = problems(errors);
    if errors.iter().all(|e| e.field == "metadata" || e.field.starts_with("metadata.")) {
        return InvalidBody::Coded(ErrorMessage {
            errors,
            ..ErrorMessage::coded("Request could not be processed.", "invalid_metadata")
        });
    }
    InvalidBody::Fields(ValidationFailed { message: "Validation failed".into(), errors })
}

fn is_empty_text(body: &Fields<'_, '_>, name: &str) -> bool {
    body.get(name).and_then(Json::as_str) == Some("")
}

fn external_id(body: &mut Fields<'_, '_>) -> Option<String> {
    let id = body.optional_text("external_id", EXTERNAL_ID_CHARS_MAX)?;
    if !id.is_ascii() {
        body.wrong("external_id", "must be ASCII");
    }
    Some(id)
}

fn domain_names(body: &mut Fields<'_, '_>, name: &str) -> Option<Vec<String>> {
    let items = body.optional_items(name, ORGANIZATION_DOMAINS_MAX)?;
    Some(items.into_iter().filter_map(|(name, item)| domain(body, &name, item)).collect())
}

fn domain(body: &mut Fields<'_, '_>, name: &str, value: &Json<'_>) -> Option<String> {
    match value.as_str() {
        None => body.wrong(name, "must be a string"),
        Some(text) if is_domain(text) => return Some(text.to_ascii_lowercase()),
        Some(_) => body.wrong(name, "must be a domain name"),
    }
    None
}

/// Lists are filtered by domains in a comma-separated parameter, so a domain has no comma.
fn is_domain(text: &str) -> bool {
    let allowed = |c: char| !c.is_whitespace() && !matches!(c, '\0'..='\x1F' | '\x7F' | ',');
    !text.is_empty() && text.chars().count() <= DOMAIN_CHARS_MAX && text.chars().all(allowed)
}

fn domain_data(body: &mut Fields<'_, '_>) -> Option<Vec<DomainData>> {
    let items = body.optional_items("domain_data", ORGANIZATION_DOMAINS_MAX)?;
    let read = |(name, item): (String, &Json<'_>)| {
        let mut fields = body.inside(&name, item)?;
        let domain = match fields.get("domain") {
            None => {
                fields.missing("domain");
                None
            }
            Some(value) => domain(&mut fields, "domain", value),
        };
        let state = match fields.text("state", STATE_CHARS_MAX)?.as_str() {
            "pending" => DomainDataState::Pending,
            "verified" => DomainDataState::Verified,
            _ => {
                fields.wrong("state", "must be one of pending, verified");
                return None;
            }
        };
        Some(DomainData { domain: domain?, state })
    };
    Some(items.into_iter().filter_map(read).collect())
}

fn metadata(body: &mut Fields<'_, '_>) -> BTreeMap<String, Option<String>> {
    let mut pairs = BTreeMap::new();
    match body.get("metadata") {
        None => {}
        Some(Json::Object(members)) if members.len() > METADATA_KEYS_MAX => {
            body.wrong("metadata", &format!("must have at most {METADATA_KEYS_MAX} keys"));
        }
        Some(Json::Object(members)) => {
            for (key, value) in members {
                let shown: String = key.chars().take(METADATA_KEY_CHARS_MAX).collect();
                let name = format!("metadata.{shown}");
                match value {
                    _ if key.chars().count() > METADATA_KEY_CHARS_MAX => {
                        body.wrong(&name, &format!("must have a key of at most {METADATA_KEY_CHARS_MAX} characters"));
                    }
                    Json::Null => drop(pairs.insert(key.clone().into_owned(), None)),
                    Json::String(text) if text.chars().count() <= ORGANIZATION_METADATA_VALUE_CHARS_MAX => {
                        pairs.insert(key.clone().into_owned(), Some(text.clone().into_owned()));
                    }
                    Json::String(_) => {
                        body.wrong(&name, &format!("must be at most {ORGANIZATION_METADATA_VALUE_CHARS_MAX} characters"))
                    }
                    _ => body.wrong(&name, "must be a string"),
                }
            }
        }
        Some(_) => body.wrong("metadata", "must be an object"),
    }
    pairs
}

fn domain_list() -> RefOr<Schema> {
    let domain = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(DOMAIN_CHARS_MAX))
        .pattern(Some(r"^[^\s\x00-\x1F\x7F,]+$"));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(domain)
        .max_items(Some(ORGANIZATION_DOMAINS_MAX))
        .into()
}

fn metadata_pairs() -> RefOr<Schema> {
    let text_or_null = SchemaType::from_iter([Type::String, Type::Null]);
    let value = ObjectBuilder::new().schema_type(text_or_null).max_length(Some(ORGANIZATION_METADATA_VALUE_CHARS_MAX));
    let key = ObjectBuilder::new().schema_type(Type::String).max_length(Some(METADATA_KEY_CHARS_MAX));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .property_names(Some(Schema::from(key)))
        .max_properties(Some(METADATA_KEYS_MAX))
        .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(value.into()))))
        .examples([serde_json::json!({"tier": "diamond"})])
        .into()
}
