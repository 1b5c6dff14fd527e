//! Part of any text of an event, in upper or lower case.
//!
//! Both sides are lower-cased character by character, without regard to their neighbours, so that a part of a text stays a
//! part of it. Values inside JSON columns count, names of members do not.

use std::borrow::Cow;

use annals_core::json::{self, Json, write_string};
use arrow::array::{Array, StringArray};
use memchr::memmem::Finder;

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

    /// Of a canonical JSON text in which the escaped needle is somewhere, once in lower case and once as it is.
    fn is_in_value(&self, lower: &str, text: &str, value: &mut String) -> bool {
        if !lower.contains('\\') {
            return plain_values(lower).any(|value| value.contains(&self.text));
        }
        json::parse(text.as_bytes()).is_ok_and(|json| {
            any_value(&json, &mut |leaf| {
                lower_case(leaf, value);
                value.contains(&self.text)
            })
        })
    }

    pub fn search(&self) -> Search<'_> {
        Search {
            needle: self,
            text: Finder::new(&self.text),
            escaped: Finder::new(&self.escaped),
            lower: String::new(),
            ends: Vec::new(),
            value: String::new(),
        }
    }
}

/// A needle at work, with buffers that are used again for every column.
pub struct Search<'n> {
    needle: &'n Needle,
    text: Finder<'n>,
    escaped: Finder<'n>,
    /// All texts of a column, one after another.
    lower: String,
    /// Where each of them ends.
    ends: Vec<usize>,
    value: String,
}

impl Search<'_> {
    /// Calls `found` with the place of each text that has the needle, in order. All texts are searched as one: nearly always it is not
    /// in any, and then nothing is done text by text.
    pub fn find_in(&mut self, column: &str, texts: &StringArray, mut found: impl FnMut(usize)) {
        if self.needle.text.is_empty() {
            return (0..texts.len()).filter(|place| texts.is_valid(*place)).for_each(found);
        }
        self.read(texts);
        let is_json = JSON.contains(&column);
        let (finder, length) =
            if is_json { (&self.escaped, self.needle.escaped.len()) } else { (&self.text, self.needle.text.len()) };
        let mut from = 0;
        while let Some(at) = finder.find(&self.lower.as_bytes()[from..]).map(|at| from + at) {
            // The text in which the match ends.
            let first = self.ends.partition_point(|end| *end < at + length);
            let Some(end) = self.ends.get(first).copied() else { return };
            let begin = first.checked_sub(1).map_or(0, |before| self.ends[before]);
            if at < begin {
                // Half in the text before.
                from = at + 1;
                continue;
            }
            let mut is_in_value = || self.needle.is_in_value(&self.lower[begin..end], texts.value(first), &mut self.value);
            if texts.is_valid(first) && (!is_json || is_in_value()) {
                found(first);
            }
            from = end;
        }
    }

    /// Replaces what the buffers hold.
    fn read(&mut self, texts: &StringArray) {
        let offsets = texts.value_offsets();
        // Offsets are never negative: Arrow checks it.
        let place = |offset: &i32| offset.unsigned_abs() as usize;
        let (begin, end) = (offsets.first().map_or(0, place), offsets.last().map_or(0, place));
        self.lower.clear();
        self.ends.clear();
        match std::str::from_utf8(&texts.value_data()[begin..end]) {
            Ok(all) if all.is_ascii() => {
                self.lower.push_str(all);
                self.lower.make_ascii_lowercase();
                self.ends.extend(offsets.iter().skip(1).map(|end| place(end) - begin));
            }
            _ => {
                for text in texts {
                    lower_case_onto(text.unwrap_or_default(), &mut self.lower);
                    self.ends.push(self.lower.len());
                }
            }
        }
    }
}
/// The values of a canonical JSON text without escapes: all that is no name of a member.
fn plain_values(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(['{', '}', '[', ']', ',', ':']);
            let Some(string) = rest.strip_prefix('"') else {
                let end = rest.find([',', '}', ']']).unwrap_or(rest.len());
                let (value, after) = rest.split_at(end);
                rest = after;
                return (!value.is_empty()).then_some(if value == "null" { "" } else { value });
            };
            let (value, after) = string.split_once('"')?;
            rest = after;
            if !after.starts_with(':') {
                return Some(value);
            }
        }
    })
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
    lower_case_onto(text, lower);
}

fn lower_case_onto(text: &str, lower: &mut String) {
    if text.is_ascii() {
        let begin = lower.len();
        lower.push_str(text);
        lower[begin..].make_ascii_lowercase();
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(needle: &str, column: &str, texts: &StringArray) -> Vec<usize> {
        let mut places = Vec::new();
        Needle::new(needle).search().find_in(column, texts, |place| places.push(place));
        places
    }

    fn check(needle: &str, column: &str, text: &str, found: bool) {
        let texts = StringArray::from(vec!["x", text, ""]);
        assert_eq!(places(needle, column, &texts).contains(&1), found, "{needle:?} in {column} {text:?}");
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

    /// One text at a time, every JSON parsed.
    fn slowly(needle: &str, is_json: bool, text: &str) -> bool {
        let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
        let needle = lower(needle);
        if !is_json {
            return lower(text).contains(&needle);
        }
        any_value(&json::parse(text.as_bytes()).expect("canonical"), &mut |value| lower(value).contains(&needle))
    }

    fn json_text() -> impl Strategy<Value = String> {
        let text = || r#"[aKn"\\:,{}\n\x01 0-9äİ\u{212a}]{0,5}"#;
        let leaf = prop_oneof![
            text().prop_map(serde_json::Value::from),
            any::<i16>().prop_map(serde_json::Value::from),
            any::<bool>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
        ];
        let value = leaf.prop_recursive(2, 8, 3, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
                proptest::collection::btree_map(text(), inner, 0..3).prop_map(|map| map.into_iter().collect()),
            ]
        });
        value.prop_map(|value| json::parse(value.to_string().as_bytes()).expect("json").canonical())
    }

    proptest! {
        #[test]
        fn all_texts_at_once_are_searched_like_each_alone(
            needle in r#"[aKkn"\\:,{}\n\x01 0-9tuelİ\u{212a}]{1,3}"#,
            plain in proptest::collection::vec(proptest::option::of("[aKkn0-9:,äİ\u{212a}]{0,4}"), 0..8),
            json in proptest::collection::vec(proptest::option::of(json_text()), 0..8),
            cut in 0_usize..4,
        ) {
            for (column, texts) in [(ACTION, &plain), (METADATA, &json)] {
                let array = StringArray::from(texts.clone());
                let cut = cut.min(texts.len());
                let is_in = |place: &usize| texts[cut + place].as_deref().is_some_and(|text| slowly(&needle, column == METADATA, text));
                let expected: Vec<_> = (0..texts.len() - cut).filter(is_in).collect();
                prop_assert_eq!(places(&needle, column, &array.slice(cut, texts.len() - cut)), expected);
            }
        }
    }
}
