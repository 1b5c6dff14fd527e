//! From a request body to the normal form. Every wrong field is named; nothing is guessed.

use std::borrow::Cow;
use std::fmt;

use super::{Context, Members, MetadataText, NewEvent, NormalEvent, OWN_PREFIX, Party};
use crate::json::{self, Json, JsonError, utf16_order};
use crate::limits::{
    ACTION_CHARS_MAX, CONTEXT_CHARS_MAX, METADATA_KEY_CHARS_MAX, METADATA_KEYS_MAX, METADATA_VALUE_CHARS_MAX, NAME_CHARS_MAX,
    SCHEMA_VERSION_MAX, TARGETS_MAX,
};
use crate::time::Micros;

/// Errors of one request are listed up to this many.
const FIELD_ERRORS_MAX: usize = 20;

/// Why a body is not an event.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// Answer 400: no field can be named.
    #[error("malformed JSON: {0}")]
    Malformed(#[from] JsonError),
    /// Answer 422.
    #[error("validation failed")]
    Invalid(FieldErrors),
}

/// One wrong field: its path and what is wrong with it, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub code: String,
}

/// The wrong fields of one body, in the order of the wire contract's table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    pub fn add(&mut self, field: impl Into<String>, code: impl Into<String>) {
        if self.0.len() < FIELD_ERRORS_MAX {
            self.0.push(FieldError { field: field.into(), code: code.into() });
        }
    }
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    #[must_use]
    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
    /// # Errors
    /// Itself, when there is any.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

pub(super) fn new_event(body: &[u8]) -> Result<NewEvent, Rejected> {
    let mut errors = FieldErrors::default();
    let body = json::parse(body)?;
    let parts = organization_and_event(&body, "body", &mut errors);
    let (organization, event) = complete(parts, errors)?;
    NewEvent::within_limit(organization, event)
}

/// The members that one request and one item of a batch share.
pub(super) fn organization_and_event(body: &Json<'_>, called: &str, errors: &mut FieldErrors) -> Option<(String, NormalEvent)> {
    if !matches!(body, Json::Object(_)) {
        errors.add(called, format!("{called} must be an object, not {}", body.kind()));
        return None;
    }
    let organization = required_text(body, format_args!(""), "organization_id", NAME_CHARS_MAX, errors);
    let event = match body.member("event") {
        None => {
            errors.add("event", "required");
            None
        }
        Some(event @ Json::Object(_)) => normal_event(event, errors),
        Some(other) => {
            errors.add("event", format!("event must be an object, not {}", other.kind()));
            None
        }
    };
    organization.zip(event)
}

/// What was read, unless something was wrong with it.
pub(super) fn complete<T>(read: Option<T>, errors: FieldErrors) -> Result<T, Rejected> {
    read.filter(|_| errors.is_empty()).ok_or(Rejected::Invalid(errors))
}

fn normal_event(event: &Json<'_>, errors: &mut FieldErrors) -> Option<NormalEvent> {
    let action = required_text(event, format_args!("event."), "action", ACTION_CHARS_MAX, errors);
    if action.as_deref().is_some_and(|action| action.starts_with(OWN_PREFIX)) {
        errors.add("event.action", format!("event.action must not start with {OWN_PREFIX}, which is the server's own"));
    }
    let occurred_at = occurred_at(event, errors);
    let actor = match event.member("actor") {
        None => {
            errors.add("event.actor", "required");
            None
        }
        Some(actor) => party(actor, format_args!("event.actor"), errors),
    };
    let targets = targets(event, errors);
    let context = context(event, errors);
    let metadata = metadata(event, format_args!("event.metadata"), errors);
    let version = version(event, errors);
    Some(NormalEvent {
        action: action?,
        version,
        occurred_at: occurred_at?,
        actor: actor?,
        targets: targets?,
        context: context?,
        metadata,
    })
}

fn occurred_at(event: &Json<'_>, errors: &mut FieldErrors) -> Option<Micros> {
    match event.member("occurred_at") {
        None => errors.add("event.occurred_at", "required"),
        Some(Json::String(text)) => match text.parse() {
            Ok(time) => return Some(time),
            Err(error) => errors.add("event.occurred_at", format!("event.occurred_at {error}")),
        },
        Some(_) => errors.add("event.occurred_at", "event.occurred_at must be a valid ISO 8601 date string"),
    }
    None
}

fn targets(event: &Json<'_>, errors: &mut FieldErrors) -> Option<Vec<Party>> {
    let Some(targets) = event.member("targets") else {
        errors.add("event.targets", "required");
        return None;
    };
    let Json::Array(items) = targets else {
        errors.add("event.targets", "event.targets must be an array");
        return None;
    };
    if items.len() > TARGETS_MAX {
        errors.add("event.targets", format!("event.targets must have at most {TARGETS_MAX} items"));
        return None;
    }
    let parties: Vec<_> =
        items.iter().enumerate().map(|(i, item)| party(item, format_args!("event.targets.{i}"), errors)).collect();
    parties.into_iter().collect()
}

/// Paths are only written out for errors: most events have none, and formatting takes longer than reading.
fn party(value: &Json<'_>, path: fmt::Arguments<'_>, errors: &mut FieldErrors) -> Option<Party> {
    let Json::Object(_) = value else {
        errors.add(path.to_string(), format!("{path} must be an object"));
        return None;
    };
    let id = required_text(value, format_args!("{path}."), "id", NAME_CHARS_MAX, errors);
    let kind = required_text(value, format_args!("{path}."), "type", NAME_CHARS_MAX, errors);
    let name = optional_text(value, format_args!("{path}."), "name", NAME_CHARS_MAX, errors).filter(|name| !name.is_empty());
    let metadata = metadata(value, format_args!("{path}.metadata"), errors);
    let extra = unknown_members(value, path, &["id", "type", "name", "metadata"], errors);
    Some(Party { id: id?, kind: kind?, name, metadata, extra })
}

fn context(event: &Json<'_>, errors: &mut FieldErrors) -> Option<Context> {
    let Some(context) = event.member("context") else {
        errors.add("event.context", "required");
        return None;
    };
    let Json::Object(_) = context else {
        errors.add("event.context", "event.context must be an object");
        return None;
    };
    if context.member("location").is_none() {
        errors.add("event.context.location", "required");
    }
    // An empty location is kept: older Go clients always send the member (wire contract §1).
    let location = optional_text(context, format_args!("event.context."), "location", CONTEXT_CHARS_MAX, errors);
    let user_agent = optional_text(context, format_args!("event.context."), "user_agent", CONTEXT_CHARS_MAX, errors)
        .filter(|text| !text.is_empty());
    let extra = unknown_members(context, format_args!("event.context"), &["location", "user_agent"], errors);
    for (name, _) in extra.iter().filter(|(name, _)| name.starts_with(OWN_PREFIX)) {
        let field = format!("event.context.{}", name.chars().take(METADATA_KEY_CHARS_MAX).collect::<String>());
        let sentence = format!("{field} must not start with {OWN_PREFIX}, which is the server's own");
        errors.add(field, sentence);
    }
    Some(Context { location, user_agent, extra })
}

/// Null, 0 and absent all mean "not named" (wire contract §1, schema semantics).
fn version(event: &Json<'_>, errors: &mut FieldErrors) -> Option<u32> {
    match event.member("version") {
        None => None,
        Some(Json::Number(value)) if value.fract() == 0.0 && (0.0..=f64::from(SCHEMA_VERSION_MAX)).contains(value) => {
            (*value != 0.0).then_some(*value as u32)
        }
        Some(_) => {
            errors.add("event.version", format!("event.version must be an integer from 1 to {SCHEMA_VERSION_MAX}"));
            None
        }
    }
}

fn metadata(parent: &Json<'_>, path: fmt::Arguments<'_>, errors: &mut FieldErrors) -> Option<MetadataText> {
    let members = match parent.member("metadata")? {
        Json::Object(members) => members,
        _ => {
            errors.add(path.to_string(), format!("{path} must be an object"));
            return None;
        }
    };
    if members.len() > METADATA_KEYS_MAX {
        errors.add(path.to_string(), format!("{path} must have at most {METADATA_KEYS_MAX} keys"));
        return None;
    }
    for (key, value) in members {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if key.len() > METADATA_KEY_CHARS_MAX || !key.bytes().all(allowed) {
            let shown: String = key.chars().take(METADATA_KEY_CHARS_MAX).collect();
            errors
                .add(format!("{path}.{shown}"), format!("{path} keys must match ^[a-zA-Z0-9_-]{{0,{METADATA_KEY_CHARS_MAX}}}$"));
            continue;
        }
        match value {
            Json::String(text) if text.chars().count() > METADATA_VALUE_CHARS_MAX => {
                errors
                    .add(format!("{path}.{key}"), format!("{path}.{key} must be at most {METADATA_VALUE_CHARS_MAX} characters"));
            }
            Json::Number(_) if !value.has_exact_numbers() => {
                errors.add(format!("{path}.{key}"), format!("{path}.{key} must be within ±(2^53−1)"));
            }
            Json::String(_) | Json::Number(_) | Json::Bool(_) => {}
            other => errors
                .add(format!("{path}.{key}"), format!("{path}.{key} must be a string, number or boolean, not {}", other.kind())),
        }
    }
    MetadataText::from_members(members.clone())
}

fn unknown_members(value: &Json<'_>, path: fmt::Arguments<'_>, known: &[&str], errors: &mut FieldErrors) -> Members {
    let Json::Object(members) = value else { return Vec::new() };
    let unknown: Vec<_> = members.iter().filter(|(name, _)| !known.contains(&name.as_ref())).cloned().collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    for (name, _) in unknown.iter().filter(|(_, value)| !value.has_exact_numbers()) {
        let shown: String = name.chars().take(METADATA_KEY_CHARS_MAX).collect();
        errors.add(format!("{path}.{shown}"), format!("{path}.{shown} must hold numbers within ±(2^53−1)"));
    }
    let mut unknown = Json::Object(unknown);
    unknown.normalise();
    let Json::Object(unknown) = unknown else { return Vec::new() };
    let mut unknown: Members = unknown.into_iter().map(|(name, value)| (Cow::into_owned(name), value.canonical())).collect();
    unknown.sort_by(|(a, _), (b, _)| utf16_order(a, b));
    unknown
}

pub(super) fn required_text(
    parent: &Json<'_>,
    prefix: fmt::Arguments<'_>,
    name: &str,
    chars_max: usize,
    errors: &mut FieldErrors,
) -> Option<String> {
    if parent.member(name).is_none() {
        errors.add(format!("{prefix}{name}"), "required");
        return None;
    }
    let text = optional_text(parent, prefix, name, chars_max, errors)?;
    if text.is_empty() {
        errors.add(format!("{prefix}{name}"), format!("{prefix}{name} must not be empty"));
        return None;
    }
    Some(text)
}

pub(super) fn optional_text(
    parent: &Json<'_>,
    prefix: fmt::Arguments<'_>,
    name: &str,
    chars_max: usize,
    errors: &mut FieldErrors,
) -> Option<String> {
    match parent.member(name)? {
        Json::String(text) if text.len() <= chars_max || text.chars().count() <= chars_max => Some(text.clone().into_owned()),
        Json::String(_) => {
            errors.add(format!("{prefix}{name}"), format!("{prefix}{name} must be at most {chars_max} characters"));
            None
        }
        _ => {
            errors.add(format!("{prefix}{name}"), format!("{prefix}{name} must be a string"));
            None
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
