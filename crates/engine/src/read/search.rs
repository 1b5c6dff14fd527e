//! Part of any text of an event, in upper or lower case.
//!
//! Both sides are lower-cased character by character, without regard to their neighbours, so that a part of a text stays a
//! part of it. Values inside JSON columns count, names of members do not.

use std::borrow::Cow;

use annals_core::json::{self, Json, write_string};

use crate::lake::columns::{
    ACTION, ACTOR_ID, ACTOR_METADATA, ACTOR_NAME, ACTOR_TYPE, EXTRA, ID, LOCATION, METADATA, ORGANIZATION_ID, TARGET_IDS,
    TARGET_METADATA, TARGET_NAMES, TARGET_TYPES, USER_AGENT,
};

/// Every text that an answer shows, likely ones first. Times and numbers of the server are not searched.
const PLAIN: [&str; 11] =
    [ACTION, ACTOR_ID, ACTOR_NAME, ACTOR_TYPE, TARGET_IDS, TARGET_NAMES, TARGET_TYPES, LOCATION, USER_AGENT, ID, ORGANIZATION_ID];
/// Canonical JSON.
const JSON: [&str; 4] = [METADATA, ACTOR_METADATA, TARGET_METADATA, EXTRA];

/// The columns that a search looks at, in order.
pub fn columns() -> impl Iterator<Item = &'static str> {
    PLAIN.into_iter().chain(JSON)
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Needle {
    text: String,
    /// The same with the escapes of canonical JSON: a JSON text without it has no value with the needle and is not parsed.
    /// Lower-casing touches no escape and makes none.
    escaped: String,
}

impl Needle {
    pub fn new(text: &str) -> Self {
        let mut lower = String::new();
        lower_case(text, &mut lower);
        let mut quoted = String::new();
        write_string(&lower, &mut quoted);
        let escaped = quoted[1..quoted.len() - 1].to_owned();
        Self { text: lower, escaped }
    }

    pub fn search(&self) -> Search<'_> {
        Search { needle: self, lower: String::new() }
    }
}

/// A needle at work, with a buffer that is used again for every text.
pub struct Search<'n> {
    needle: &'n Needle,
    lower: String,
}

impl Search<'_> {
    pub fn finds_in(&mut self, column: &str, text: &str) -> bool {
        lower_case(text, &mut self.lower);
        if !JSON.contains(&column) {
            return self.lower.contains(&self.needle.text);
        }
        self.lower.contains(&self.needle.escaped)
            && json::parse(text.as_bytes()).is_ok_and(|json| {
                any_value(&json, &mut |value| {
                    lower_case(value, &mut self.lower);
                    self.lower.contains(&self.needle.text)
                })
            })
    }
}

/// A string as it is, a number or a boolean by its JSON text; `None` of anything else.
pub fn text_of<'j>(json: &'j Json<'_>) -> Option<Cow<'j, str>> {
    match json {
        Json::String(text) => Some(Cow::Borrowed(text)),
        Json::Bool(_) | Json::Number(_) => Some(Cow::Owned(json.canonical())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Whether any value in it passes, however deep.
fn any_value(json: &Json<'_>, passes: &mut dyn FnMut(&str) -> bool) -> bool {
    match json {
        Json::Array(items) => items.iter().any(|item| any_value(item, passes)),
        Json::Object(members) => members.iter().any(|(_, value)| any_value(value, passes)),
        leaf => text_of(leaf).is_some_and(|text| passes(&text)),
    }
}

/// Replaces what `lower` holds.
fn lower_case(text: &str, lower: &mut String) {
    lower.clear();
    if text.is_ascii() {
        lower.push_str(text);
        lower.make_ascii_lowercase();
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(needle: &str, column: &str, text: &str, found: bool) {
        assert_eq!(Needle::new(needle).search().finds_in(column, text), found, "{needle:?} in {column} {text:?}");
    }

    #[test]
    fn upper_and_lower_case_are_the_same_in_every_script() {
        check("SIGNED", ACTION, "user.signed_in", true);
        check("ÄRGER", ACTOR_NAME, "viel ärger", true);
        check("οδοσ", ACTOR_NAME, "ΟΔΟΣΑ", true);
        check("ΟΔΟΣ", ACTOR_NAME, "οδοσα", true);
        check("\u{212a}elvin", ACTOR_NAME, "KELVIN", true);
        check("signed out", ACTION, "user.signed_in", false);
    }

    #[test]
    fn json_is_searched_by_its_values_only() {
        let text = r#"{"owner":"Jane \"JD\" D\\oe\n","nested":{"deep":[1.5,true,"X\u0001y"]}}"#;
        check("jd\" d\\OE\n", METADATA, text, true);
        check("x\u{1}Y", METADATA, text, true);
        check("1.5", METADATA, text, true);
        check("TRUE", METADATA, text, true);
        check("owner", METADATA, text, false);
        check("nested", METADATA, text, false);
        check("\\n", METADATA, text, false);
        check("\",\"", METADATA, text, false);
        check("\":\"", EXTRA, text, false);
    }
}
