//! Generated events as the test sends them, and the cells in which it expects them back.

use std::collections::BTreeMap;

use serde_json::Value;

/// One line of `annals bench generate`.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Line {
    pub organization: String,
    pub idempotency_key: String,
    pub event: Value,
}

/// The columns of an export that a client determines.
pub const COLUMNS: [&str; 11] = [
    "action",
    "version",
    "occurred_at",
    "actor_id",
    "actor_type",
    "actor_name",
    "actor_metadata",
    "targets",
    "context_location",
    "context_user_agent",
    "metadata",
];

/// Written from the wire contract, apart from the product's own code: what a sent event must look like in a file.
pub fn expected_cells(event: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let map = |value: &Value| match value.as_object() {
        Some(map) if !map.is_empty() => sorted(value),
        _ => String::new(),
    };
    let version = event["version"].as_u64().filter(|version| *version > 0);
    vec![
        text(&event["action"]),
        version.map(|version| version.to_string()).unwrap_or_default(),
        milliseconds(event["occurred_at"].as_str().expect("a time")),
        text(&event["actor"]["id"]),
        text(&event["actor"]["type"]),
        text(&event["actor"]["name"]),
        map(&event["actor"]["metadata"]),
        sorted(&event["targets"]),
        text(&event["context"]["location"]),
        text(&event["context"]["user_agent"]),
        map(&event["metadata"]),
    ]
    .into_iter()
    .map(guarded)
    .collect()
}

/// Spreadsheets would run such a cell as a formula.
fn guarded(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

/// Members sorted; null, empty maps, empty lists and empty names dropped.
fn sorted(value: &Value) -> String {
    fn clean(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let kept = map.iter().map(|(name, value)| (name.clone(), clean(value))).filter(|(name, value)| {
                    !(value.is_null()
                        || *value == serde_json::json!({})
                        || *value == serde_json::json!([])
                        || (name == "name" && value == ""))
                });
                let sorted: BTreeMap<String, Value> = kept.collect();
                sorted.into_iter().collect::<serde_json::Map<_, _>>().into()
            }
            Value::Array(items) => items.iter().map(clean).collect(),
            Value::Number(number) => match number.as_f64() {
                Some(float) if float.fract() == 0.0 => Value::from(float as i64),
                _ => value.clone(),
            },
            other => other.clone(),
        }
    }
    clean(value).to_string()
}

/// UTC with three fractional digits, from any form that the generator sends.
fn milliseconds(text: &str) -> String {
    let time: annals_core::time::Micros = text.parse().unwrap_or_else(|_| panic!("{text} is not a time"));
    time.wire()
}
