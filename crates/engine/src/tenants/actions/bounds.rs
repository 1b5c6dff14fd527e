//! How large a metadata schema may be, before it is compiled.
//!
//! A schema comes from outside and runs on every event. JSON Schema can fetch addresses, loop, and grow without bound by references;
//! metadata is a flat map, which needs none of that. So references must point into the schema itself, and the schema with all
//! references followed must be small and shallow. A loop is endlessly deep, so it needs no rule of its own.

use serde_json::{Map, Value};

/// The text of one action's schemas together.
pub(super) const BYTES_MAX: usize = 64 * 1024;
/// Values, each counted as often as references lead to it.
const VALUES_MAX: u32 = 10_000;
/// Some keywords check their subschemas twice, which doubles the work with every level; a level of schemas is two levels of JSON.
const DEPTH_MAX: u32 = 16;
/// Regular expressions of one metadata schema.
const PATTERNS_MAX: u32 = 50;

/// Older drafts name schemas by `id`, which would change where a reference points.
const DRAFTS: [&str; 4] = [
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
];

/// They change where references point.
const REFUSED: [&str; 7] = ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$schema"];

/// # Errors
/// What is wrong with it, for the client.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let Value::Object(root) = schema else { return Err("must be a JSON Schema object".to_owned()) };
    if let Some(draft) = root.get("$schema") {
        let known = draft.as_str().is_some_and(|draft| DRAFTS.contains(&draft.trim_end_matches('#')));
        known.then_some(()).ok_or("$schema must be draft 6, 7, 2019-09 or 2020-12")?;
    }
    let mut walk = Walk { root: schema, values_left: VALUES_MAX, patterns_left: PATTERNS_MAX };
    walk.members(root.iter().filter(|(name, _)| !matches!(name.as_str(), "$schema" | "$id")), 1)?;
    root.get("$ref").map_or(Ok(()), |reference| walk.follow(reference, 1))
}

struct Walk<'s> {
    root: &'s Value,
    values_left: u32,
    patterns_left: u32,
}

impl<'s> Walk<'s> {
    fn value(&mut self, value: &'s Value, depth: u32) -> Result<(), String> {
        self.values_left = self.values_left.checked_sub(1).ok_or("is too large")?;
        if depth > DEPTH_MAX {
            return Err(format!("must not be nested deeper than {DEPTH_MAX} levels, references included"));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.value(item, depth + 1)),
            Value::Object(members) => self.object(members, depth),
            _ => Ok(()),
        }
    }

    fn object(&mut self, members: &'s Map<String, Value>, depth: u32) -> Result<(), String> {
        // A property of that name has a schema, which is no text.
        if let Some(refused) = REFUSED.iter().find(|name| members.get(**name).is_some_and(|value| !value.is_object())) {
            return Err(format!("must not use {refused}"));
        }
        self.members(members.iter(), depth)?;
        members.get("$ref").map_or(Ok(()), |reference| self.follow(reference, depth))
    }

    fn members(&mut self, mut members: impl Iterator<Item = (&'s String, &'s Value)>, depth: u32) -> Result<(), String> {
        members.try_for_each(|(name, value)| {
            let patterns = match (name.as_str(), value) {
                ("pattern", Value::String(_)) => 1,
                ("patternProperties", Value::Object(patterns)) => u32::try_from(patterns.len()).unwrap_or(u32::MAX),
                _ => 0,
            };
            self.patterns_left = self.patterns_left.checked_sub(patterns).ok_or("has too many regular expressions")?;
            self.value(value, depth + 1)
        })
    }

    fn follow(&mut self, reference: &Value, depth: u32) -> Result<(), String> {
        let Value::String(reference) = reference else { return Ok(()) };
        let pointer = reference.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
        let target = pointer.and_then(|pointer| self.root.pointer(pointer));
        self.value(target.ok_or_else(|| format!("$ref must point into the same schema: {reference}"))?, depth + 1)
    }
}
