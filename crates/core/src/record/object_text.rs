//! A JSON object of any content as its canonical text.

use serde::{Deserialize, Serialize};

use crate::json::{self, Json};
use crate::limits::{FEED_DATA_BYTES_MAX, FEED_OBJECT_BYTES_MAX};

/// The RFC 8785 text of a JSON object: unlike metadata it may be empty, nested, and have nulls.
///
/// Invariants: it is an object; it is its own canonical form; its numbers are exact; at most [`FEED_OBJECT_BYTES_MAX`], and
/// [`FEED_DATA_BYTES_MAX`] when a client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectText(String);

/// Finishes a sentence that begins with the member's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ObjectTextError {
    #[error("must be an object")]
    NotAnObject,
    #[error("must not have numbers beyond 2^53 - 1")]
    InexactNumber,
    #[error("must be at most {0} bytes")]
    TooLarge(usize),
}

impl ObjectText {
    /// From what a client sent.
    ///
    /// # Errors
    /// Another kind of value, numbers that no double holds exactly, or too large.
    pub fn of(value: &Json<'_>) -> Result<Self, ObjectTextError> {
        Self::canonical(value, FEED_DATA_BYTES_MAX)
    }

    fn canonical(value: &Json<'_>, bytes_max: usize) -> Result<Self, ObjectTextError> {
        if !matches!(value, Json::Object(_)) {
            return Err(ObjectTextError::NotAnObject);
        }
        if !value.has_exact_numbers() {
            return Err(ObjectTextError::InexactNumber);
        }
        let text = value.canonical();
        if text.len() > bytes_max { Err(ObjectTextError::TooLarge(bytes_max)) } else { Ok(Self(text)) }
    }

    /// Reads back what was stored; refuses text that is not the canonical form of an object.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let value = json::parse(text.as_bytes()).ok()?;
        Self::canonical(&value, FEED_OBJECT_BYTES_MAX).ok().filter(|canonical| canonical.0 == text)
    }

    /// From what this program itself says, such as the answer for an organization, which may be larger.
    ///
    /// # Errors
    /// As [`ObjectText::of`]; also for a value that has no JSON.
    pub fn of_value(value: &impl Serialize) -> Result<Self, ObjectTextError> {
        let text = serde_json::to_vec(value).map_err(|_| ObjectTextError::NotAnObject)?;
        Self::canonical(&json::parse(&text).map_err(|_| ObjectTextError::NotAnObject)?, FEED_OBJECT_BYTES_MAX)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, ObjectTextError>) {
        let value = json::parse(text.as_bytes()).expect("JSON");
        let read = ObjectText::of(&value);
        assert_eq!(read.as_ref().map(ObjectText::as_str).map_err(|error| *error), expected, "{text}");
        if let Ok(read) = read {
            assert_eq!(ObjectText::from_stored(read.as_str()).as_ref(), Some(&read));
        }
    }

    #[test]
    fn objects_take_their_canonical_form() {
        check(r#"{"b": null, "a": [{}, 1.0]}"#, Ok(r#"{"a":[{},1],"b":null}"#));
        check("{}", Ok("{}"));
        check("[]", Err(ObjectTextError::NotAnObject));
        check(r#"{"a": 9007199254740993}"#, Err(ObjectTextError::InexactNumber));
        check(&format!(r#"{{"a": "{}"}}"#, "x".repeat(FEED_DATA_BYTES_MAX)), Err(ObjectTextError::TooLarge(FEED_DATA_BYTES_MAX)));
        assert_eq!(ObjectText::from_stored(r#"{"a": 1}"#), None);
    }
}
