//! A metadata map as its canonical text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::json::{self, Json};

/// The RFC 8785 text of a JSON object.
///
/// Invariants: it is an object with at least one member; it is its own canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataText(String);

impl MetadataText {
    /// `None` for an empty map.
    #[must_use]
    pub fn from_members(members: Vec<(Cow<'_, str>, Json<'_>)>) -> Option<Self> {
        (!members.is_empty()).then(|| Self(Json::Object(members).canonical()))
    }

    /// Reads back what was stored; refuses text that is not the canonical form of a map.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        match json::parse(text.as_bytes()) {
            Ok(Json::Object(members)) if !members.is_empty() => {
                Self::from_members(members).filter(|canonical| canonical.0 == text)
            }
            _ => None,
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For schema validation and for answers.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}
