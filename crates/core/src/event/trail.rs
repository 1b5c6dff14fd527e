//! The body of `POST /events`, the older Audit Trail API (wire contract §7), and what it becomes: an ordinary audit event with a mark.

use super::parse::complete;
use super::{ActionType, Context, FieldErrors, MarkedEvent, MetadataText, NormalEvent, OWN_PREFIX, Party, Rejected, TrailMark};
use crate::json::{self, Json};
use crate::limits::{
    ACTION_CHARS_MAX, CONTEXT_CHARS_MAX, METADATA_KEY_CHARS_MAX, METADATA_KEYS_MAX, METADATA_VALUE_CHARS_MAX, NAME_CHARS_MAX,
    TRAIL_GROUP_CHARS_MAX,
};

/// What kind of thing acted. The older API does not say; most of its actors were users.
const ACTOR_TYPE: &str = "user";
/// What kind of thing it was done to. The older API does not say.
const TARGET_TYPE: &str = "resource";

/// What a client of the older API sent, with the right shape and in normal form.
///
/// Actor and target may have empty ids and names: the Go client always sends every text.
#[derive(Debug, Clone, PartialEq)]
pub struct TrailEvent(MarkedEvent);

impl TrailEvent {
    /// # Errors
    /// The bytes are not JSON, or the shape is wrong: every wrong field is named, with a sentence.
    pub fn parse(body: &[u8]) -> Result<Self, Rejected> {
        let mut errors = FieldErrors::default();
        let body = json::parse(body)?;
        if !matches!(body, Json::Object(_)) {
            errors.add("body", "body must be an object");
            return Err(Rejected::Invalid(errors));
        }
        let (mark, event) = complete(mark_and_event(&body, &mut errors), errors)?;
        // The group stands for the organization, so that a repeated body is known again wherever the group leads by then.
        MarkedEvent::of_trail(mark.group.clone(), event, &mark).map(Self)
    }

    /// An organization's id, external id or domain, or the name of one that is to be.
    #[must_use]
    pub fn group(&self) -> &str {
        self.0.organization()
    }
    #[must_use]
    pub fn into_marked(self) -> MarkedEvent {
        self.0
    }
}

fn mark_and_event(body: &Json<'_>, errors: &mut FieldErrors) -> Option<(TrailMark, NormalEvent)> {
    let group = named(body, "group", TRAIL_GROUP_CHARS_MAX, errors);
    let action = named(body, "action", ACTION_CHARS_MAX, errors);
    if action.as_deref().is_some_and(|action| action.starts_with(OWN_PREFIX)) {
        errors.add("action", format!("action must not start with {OWN_PREFIX}, which is the server's own"));
    }
    let action_type = action_type(body, errors);
    let actor_name = text(body, "actor_name", NAME_CHARS_MAX, errors);
    let actor_id = text(body, "actor_id", NAME_CHARS_MAX, errors);
    let target_name = text(body, "target_name", NAME_CHARS_MAX, errors);
    let target_id = text(body, "target_id", NAME_CHARS_MAX, errors);
    let location = text(body, "location", CONTEXT_CHARS_MAX, errors);
    let occurred_at = body.member("occurred_at").and_then(Json::as_str).and_then(|text| text.parse().ok());
    if occurred_at.is_none() {
        errors.add("occurred_at", "occurred_at must be a valid ISO 8601 date string");
    }
    let metadata = metadata(body, errors);
    let event = NormalEvent {
        action: action?,
        version: None,
        occurred_at: occurred_at?,
        actor: party(actor_id?, ACTOR_TYPE, actor_name?),
        targets: vec![party(target_id?, TARGET_TYPE, target_name?)],
        context: Context { location: Some(location?), ..Context::default() },
        metadata,
    };
    Some((TrailMark { action_type: action_type?, group: group? }, event))
}

fn party(id: String, kind: &str, name: String) -> Party {
    let name = (!name.is_empty()).then_some(name);
    Party { id, kind: kind.to_owned(), name, metadata: None, extra: Vec::new() }
}

/// A text that must be there and may be empty. What is absent is no text either: that is how this API says it.
fn text(body: &Json<'_>, name: &str, chars_max: usize, errors: &mut FieldErrors) -> Option<String> {
    match body.member(name) {
        Some(Json::String(text)) if text.chars().count() <= chars_max => return Some(text.clone().into_owned()),
        Some(Json::String(_)) => errors.add(name, format!("{name} must be at most {chars_max} characters")),
        _ => errors.add(name, format!("{name} must be a string")),
    }
    None
}

fn named(body: &Json<'_>, name: &str, chars_max: usize, errors: &mut FieldErrors) -> Option<String> {
    let text = text(body, name, chars_max, errors)?;
    if text.is_empty() {
        errors.add(name, format!("{name} must not be empty"));
    }
    Some(text)
}

fn action_type(body: &Json<'_>, errors: &mut FieldErrors) -> Option<ActionType> {
    let Some(text) = body.member("action_type").and_then(Json::as_str) else {
        errors.add("action_type", "action_type must be a string");
        return None;
    };
    let action_type = text.parse().ok();
    if action_type.is_none() {
        errors.add("action_type", "action_type must be one of C, R, U, D");
    }
    action_type
}

/// Keys may have any characters here. A null value is left out.
fn metadata(body: &Json<'_>, errors: &mut FieldErrors) -> Option<MetadataText> {
    let Json::Object(members) = body.member("metadata")? else {
        errors.add("metadata", "metadata must be an object");
        return None;
    };
    let members: Vec<_> = members.iter().filter(|(_, value)| !value.is_null()).cloned().collect();
    if members.len() > METADATA_KEYS_MAX {
        errors.add("metadata", format!("metadata must have at most {METADATA_KEYS_MAX} keys"));
        return None;
    }
    for (key, value) in &members {
        let shown: String = key.chars().take(METADATA_KEY_CHARS_MAX).collect();
        let field = format!("metadata.{shown}");
        let wrong = match value {
            _ if key.chars().count() > METADATA_KEY_CHARS_MAX => {
                format!("must have a key of at most {METADATA_KEY_CHARS_MAX} characters")
            }
            Json::String(text) if text.chars().count() > METADATA_VALUE_CHARS_MAX => {
                format!("must be at most {METADATA_VALUE_CHARS_MAX} characters")
            }
            Json::Number(_) if !value.has_exact_numbers() => "must be within ±(2^53−1)".to_owned(),
            Json::String(_) | Json::Number(_) | Json::Bool(_) => continue,
            _ => "must be a string, number or boolean".to_owned(),
        };
        errors.add(field.clone(), format!("{field} {wrong}"));
    }
    MetadataText::from_members(members)
}
