//! The name of an event of the feed, such as `organization.created`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::FEED_NAME_CHARS_MAX;

/// Invariants:
/// * two or more words with dots between them, each of `a`–`z`, `0`–`9` and `_`;
/// * at most [`FEED_NAME_CHARS_MAX`] characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be words of a-z, 0-9 and _ with dots between them, such as user.created, of at most {FEED_NAME_CHARS_MAX} characters"
)]
pub struct EventNameError;

impl EventName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventName {
    type Err = EventNameError;

    fn from_str(text: &str) -> Result<Self, EventNameError> {
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let is_name = text.len() <= FEED_NAME_CHARS_MAX && text.contains('.') && text.split('.').all(is_word);
        if is_name { Ok(Self(text.to_owned())) } else { Err(EventNameError) }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_with_dots_between_them() {
        for name in ["user.created", "dsync.group.user_added", "vault.byok_key.deleted", "a.1", "my_app.invoice.paid"] {
            assert_eq!(name.parse::<EventName>().map(|name| name.to_string()).as_deref(), Ok(name));
        }
        let long = format!("a.{}", "b".repeat(FEED_NAME_CHARS_MAX));
        for name in
            ["", "user", ".", "user.", ".created", "user..created", "User.created", "user.created ", "a.b-c", "a.é", &long]
        {
            assert!(name.parse::<EventName>().is_err(), "{name:?}");
        }
    }
}
