//! JSON as hostile input and as canonical output.
//!
//! Reading refuses duplicate member names and deep nesting. Numbers beyond ±(2^53−1) are read, so that whoever keeps them can refuse
//! them by the field's name.
//! Writing follows RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 units, ECMAScript numbers, no spaces.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::limits::JSON_DEPTH_MAX;

/// 2^53 − 1: every integer up to here has one exact double.
const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// A JSON value that borrows its strings where the input has no escapes.
///
/// Invariants when it was made by [`parse`]: no object has two members of one name; every number is finite; nesting is at
/// most [`JSON_DEPTH_MAX`].
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number(f64),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The text is not JSON, or not JSON that we hold.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(#[from] serde_json::Error);

/// # Errors
/// Not JSON, a duplicate member, a number that no double holds, nested too deep, or text after the value.
pub fn parse(text: &[u8]) -> Result<Json<'_>, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Seed { depth: 1 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

impl<'a> Json<'a> {
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }
    /// A member of an object by name; `null` counts as absent.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v).filter(|v| !v.is_null()),
            _ => None,
        }
    }
    /// Whether every number in it is within ±(2^53−1): beyond, integers have no exact double.
    #[must_use]
    pub fn has_exact_numbers(&self) -> bool {
        match self {
            Json::Number(value) => value.abs() <= INTEGER_MAX,
            Json::Array(items) => items.iter().all(Json::has_exact_numbers),
            Json::Object(members) => members.iter().all(|(_, value)| value.has_exact_numbers()),
            _ => true,
        }
    }
    /// What kind of value it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
    /// Drops null members, empty objects and empty arrays, at every depth of objects. Elements of arrays keep their places.
    pub fn normalise(&mut self) {
        match self {
            Json::Object(members) => {
                for (_, value) in members.iter_mut() {
                    value.normalise();
                }
                members.retain(|(_, value)| !value.is_empty());
            }
            Json::Array(items) => items.iter_mut().for_each(Json::normalise),
            _ => {}
        }
    }
    fn is_empty(&self) -> bool {
        match self {
            Json::Null => true,
            Json::Array(items) => items.is_empty(),
            Json::Object(members) => members.is_empty(),
            _ => false,
        }
    }
    /// Appends the RFC 8785 text.
    pub fn write_canonical(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(value) => out.push_str(ryu_js::Buffer::new().format_finite(*value)),
            Json::String(text) => write_string(text, out),
            Json::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_canonical(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(a, _), (b, _)| utf16_order(a, b));
                out.push('{');
                for (i, (name, value)) in sorted.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_string(name, out);
                    out.push(':');
                    value.write_canonical(out);
                }
                out.push('}');
            }
        }
    }
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out
    }
}

/// RFC 8785 §3.2.3: names order by UTF-16 code units, which differs from UTF-8 order beyond the basic plane.
#[must_use]
pub fn utf16_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Appends a quoted string with the escapes of RFC 8785 §3.2.2.2.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    for (i, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain_from..i]);
        plain_from = i + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0C => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            other => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(other >> 4)]));
                out.push(char::from(HEX[usize::from(other & 15)]));
            }
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

struct Seed {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Json<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Seed {
    fn deeper<E: de::Error>(&self) -> Result<usize, E> {
        if self.depth >= JSON_DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {JSON_DEPTH_MAX} levels")));
        }
        Ok(self.depth + 1)
    }
    fn number<'de>(value: f64) -> Json<'de> {
        // RFC 8785 prints negative zero as 0, so there is only one zero.
        Json::Number(if value == 0.0 { 0.0 } else { value })
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Json<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Self::number(value as f64))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Self::number(value as f64))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Self::number(value))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let depth = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed { depth })? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let depth = self.deeper()?;
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        // A wide object is checked with a set: comparing every pair would let one body cost minutes.
        let mut names = std::collections::HashSet::new();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let wide = members.len() >= 16;
            if wide && names.is_empty() {
                names.extend(members.iter().map(|(n, _)| n.clone()));
            }
            let known = if wide { !names.insert(name.clone()) } else { members.iter().any(|(n, _)| *n == name) };
            if known {
                return Err(de::Error::custom(format!("duplicate member {:?}", name.chars().take(64).collect::<String>())));
            }
            let value = map.next_value_seed(Seed { depth })?;
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn canonical_text_follows_rfc_8785() {
        // The examples of RFC 8785 §3.2.2 and §3.2.3, within the range of numbers that we hold.
        let text = r#"{"numbers":[333333333.33333329,4.50,2e-3,0.000000000000000000000000001,-0],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        assert_eq!(
            parse(text.as_bytes()).expect("valid").canonical(),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,4.5,0.002,1e-27,0],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        let names = "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
        assert_eq!(
            parse(names.as_bytes()).expect("valid").canonical(),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn what_the_normal_form_cannot_hold_is_refused() {
        let deep = "[".repeat(JSON_DEPTH_MAX + 1) + &"]".repeat(JSON_DEPTH_MAX + 1);
        let wide = format!("{{{},\"k3\":1}}", (0..40).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(","));
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            "1e999",
            "NaN",
            "Infinity",
            "1 2",
            "",
            r#""\ud800""#,
            "{",
            "[1,]",
            "'a'",
            &deep,
            &wide,
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text} must not parse");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse(b"9007199254740991").is_ok());
    }

    #[test]
    fn null_and_empty_members_are_dropped() {
        let mut value = parse(br#"{"a":null,"b":{},"c":[],"d":{"e":{"f":null}},"g":[null,{}],"h":""}"#).expect("valid");
        value.normalise();
        assert_eq!(value.canonical(), r#"{"g":[null,{}],"h":""}"#);
    }

    fn any_json() -> impl Strategy<Value = Json<'static>> {
        let number = prop_oneof![(-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(|n| n as f64), -1e9..1e9_f64];
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            number.prop_map(|n| Json::Number(if n == 0.0 { 0.0 } else { n })),
            any::<String>().prop_map(|text| Json::String(Cow::Owned(text))),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..20)
                    .prop_map(|map| Json::Object(map.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect())),
            ]
        })
    }

    proptest! {
        /// The canonical text is JSON that says the same, and its own canonical form; an ordinary reader agrees.
        #[test]
        fn canonical_text_is_a_fixed_point(value in any_json()) {
            let text = value.canonical();
            let read = parse(text.as_bytes()).expect("canonical text is JSON");
            prop_assert_eq!(read.canonical(), text.clone());
            let by_serde: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let again = by_serde.to_string();
            prop_assert_eq!(parse(again.as_bytes()).expect("JSON").canonical(), text);
        }

        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\[\]{}",:0-9a-z\\ue.+-]{0,60}"#) {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
