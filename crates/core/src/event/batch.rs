//! One item of `POST /v1/audit_log_events/batch`: an event as `POST /audit_logs/events` takes it, with its own idempotency key, and
//! perhaps with word of where it was recorded before.

use super::parse::{complete, optional_text, organization_and_event, required_text};
use super::{BodyDigest, FieldErrors, Imported, MarkedEvent, NewEvent, Rejected};
use crate::json::{self, Json};
use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, IMPORT_SOURCE_CHARS_MAX, NAME_CHARS_MAX};

#[derive(Debug, Clone, PartialEq)]
pub struct BatchItem {
    pub event: BatchEvent,
    /// Never empty.
    pub idempotency_key: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum BatchEvent {
    /// Bound by its action's schema.
    New(NewEvent),
    /// Recorded elsewhere before.
    Imported(MarkedEvent),
}

impl BatchItem {
    /// Fields are named relative to the item.
    ///
    /// # Errors
    /// The text is not JSON, or the shape is wrong: every wrong field is named.
    pub fn parse(text: &[u8]) -> Result<Self, Rejected> {
        let mut errors = FieldErrors::default();
        let item = json::parse(text)?;
        let parts = organization_and_event(&item, "item", &mut errors);
        let idempotency_key = idempotency_key(&item, &mut errors);
        let mark = imported(&item, &mut errors);
        let (organization, event) = complete(parts, errors)?;
        let event = match mark {
            None => BatchEvent::New(NewEvent::within_limit(organization, event)?),
            Some(mark) => BatchEvent::Imported(MarkedEvent::imported(organization, event, &mark)?),
        };
        Ok(Self { event, idempotency_key })
    }
}

impl BatchEvent {
    /// As sent: it may not even be an id.
    #[must_use]
    pub fn organization(&self) -> &str {
        match self {
            Self::New(event) => &event.organization,
            Self::Imported(event) => event.organization(),
        }
    }
    #[must_use]
    pub fn digest(&self) -> BodyDigest {
        match self {
            Self::New(event) => event.digest(),
            Self::Imported(event) => event.digest(),
        }
    }
}

fn idempotency_key(item: &Json<'_>, errors: &mut FieldErrors) -> Option<String> {
    let key = optional_text(item, format_args!(""), "idempotency_key", IDEMPOTENCY_KEY_BYTES_MAX, errors)
        .filter(|key| !key.is_empty())?;
    if key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        errors.add("idempotency_key", format!("idempotency_key must be at most {IDEMPOTENCY_KEY_BYTES_MAX} bytes"));
    }
    Some(key)
}

/// `None` is also the answer to a wrong one, which is named.
fn imported(item: &Json<'_>, errors: &mut FieldErrors) -> Option<Imported> {
    let imported = item.member("imported")?;
    if !matches!(imported, Json::Object(_)) {
        errors.add("imported", format!("imported must be an object, not {}", imported.kind()));
        return None;
    }
    let source = required_text(imported, format_args!("imported."), "source", IMPORT_SOURCE_CHARS_MAX, errors);
    let id = optional_text(imported, format_args!("imported."), "id", NAME_CHARS_MAX, errors).filter(|id| !id.is_empty());
    Some(Imported { source: source?, id })
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
