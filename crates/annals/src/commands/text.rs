//! Text that was typed, and text that is shown.

use std::borrow::Cow;

use annals_client::wire::{MetadataValue, Moment};

/// Without control characters: the content of events is hostile, and a terminal obeys escape sequences. Tabs and line ends would break
/// columns.
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// The same JSON with the control characters escaped that JSON lets stand as they are.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    let obeyed = |character: char| ('\u{7f}'..='\u{9f}').contains(&character);
    if !json.contains(obeyed) {
        return json.into();
    }
    let escaped = |character: char| if obeyed(character) { format!("\\u{:04x}", u32::from(character)) } else { character.into() };
    json.chars().map(escaped).collect::<String>().into()
}

/// A point in time, in any form that the server takes.
pub fn moment(text: &str) -> Result<Moment, String> {
    text.parse().map(Moment).map_err(|error: annals_core::time::TimeError| error.to_string())
}

/// `key=value`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("must be key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// `true`, `false` and numbers are themselves, everything else is text. `"1"` with its quotes is text, too.
pub fn metadata_value(text: &str) -> MetadataValue {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Bool(flag)) => MetadataValue::Flag(flag),
        Ok(serde_json::Value::Number(number)) => {
            number.as_f64().map_or_else(|| MetadataValue::Text(text.to_owned()), MetadataValue::Number)
        }
        Ok(serde_json::Value::String(text)) => MetadataValue::Text(text),
        _ => MetadataValue::Text(text.to_owned()),
    }
}

/// `type:id` or `type:id:name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    pub kind: String,
    pub id: String,
    pub name: Option<String>,
}

impl std::str::FromStr for Party {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':').map(str::to_owned);
        match (parts.next(), parts.next()) {
            (Some(kind), Some(id)) if !kind.is_empty() && !id.is_empty() => {
                Ok(Self { kind, id, name: parts.next().filter(|name| !name.is_empty()) })
            }
            _ => Err("must be TYPE:ID or TYPE:ID:NAME, such as user:user_1:Support"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_events() {
        assert_eq!(plain_json("{\"a\": \"\u{9b}2J\u{7f}é\"}"), "{\"a\": \"\\u009b2J\\u007fé\"}");
        assert_eq!(printable("a\u{1b}[2Jb\tc\r\nd\u{9b}é"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}d\u{fffd}é");
    }

    #[test]
    fn parties_and_values_are_what_they_look_like() {
        let party = |text: &str| text.parse::<Party>().ok().map(|party| (party.kind, party.id, party.name));
        assert_eq!(party("user:u1"), Some(("user".into(), "u1".into(), None)));
        assert_eq!(party("user:u1:Ada: the first"), Some(("user".into(), "u1".into(), Some("Ada: the first".into()))));
        for wrong in ["", "user", "user:", ":u1"] {
            assert_eq!(party(wrong), None, "{wrong:?}");
        }
        for (text, value) in [
            ("true", MetadataValue::Flag(true)),
            ("1.5", MetadataValue::Number(1.5)),
            ("\"1.5\"", MetadataValue::Text("1.5".into())),
            ("pro", MetadataValue::Text("pro".into())),
            ("{}", MetadataValue::Text("{}".into())),
            ("", MetadataValue::Text(String::new())),
        ] {
            assert_eq!(metadata_value(text), value, "{text}");
        }
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(pair("=b").is_err() && pair("a").is_err());
    }
}
