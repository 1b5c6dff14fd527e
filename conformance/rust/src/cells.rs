//! The CSV cells that an event must come back as, computed from what was given to the SDK.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use workos::{AuditLogEvent, AuditLogEventActorMetadataOneOf as Member};

pub const HEADER: [&str; 13] = [
    "id",
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
    "created_at",
];

/// Everything but `id` and `created_at`, which only the server knows.
pub fn cells_of(event: &AuditLogEvent, occurred_at: &str) -> Vec<(&'static str, String)> {
    let targets = event.targets.iter().map(|target| {
        let mut members = json!({ "id": target.id, "type": target.type_ });
        // An empty name is how some clients write "no name".
        if let Some(name) = target.name.as_deref().filter(|name| !name.is_empty()) {
            members["name"] = json!(name);
        }
        if let Some(metadata) = target.metadata.as_ref().filter(|metadata| !metadata.is_empty()) {
            members["metadata"] = object(metadata);
        }
        members
    });
    vec![
        ("action", event.action.clone()),
        ("version", event.version.map(|version| version.to_string()).unwrap_or_default()),
        ("occurred_at", occurred_at.to_owned()),
        ("actor_id", guarded(&event.actor.id)),
        ("actor_type", guarded(&event.actor.type_)),
        ("actor_name", guarded(event.actor.name.as_deref().unwrap_or_default())),
        ("actor_metadata", cell(event.actor.metadata.as_ref())),
        ("targets", canonical(&Value::Array(targets.collect()))),
        ("context_location", guarded(&event.context.location)),
        ("context_user_agent", guarded(event.context.user_agent.as_deref().unwrap_or_default())),
        ("metadata", cell(event.metadata.as_ref())),
    ]
}

fn cell(metadata: Option<&HashMap<String, Member>>) -> String {
    match metadata {
        Some(metadata) if !metadata.is_empty() => canonical(&object(metadata)),
        _ => String::new(),
    }
}

/// The SDK sends every number as a float; a whole one has no fraction in canonical text.
fn object(metadata: &HashMap<String, Member>) -> Value {
    let value = |member: &Member| match member {
        Member::String(text) => json!(text),
        Member::F64(number) if number.fract() == 0.0 => json!(*number as i64),
        Member::F64(number) => json!(number),
        Member::Bool(flag) => json!(flag),
    };
    metadata.iter().map(|(key, member)| (key.clone(), value(member))).collect()
}

/// RFC 8785 for what this journey sends: sorted ASCII keys, no spaces.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            let members: Vec<_> = sorted.iter().map(|(key, member)| format!("{}:{}", json!(key), canonical(member))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

/// A spreadsheet would run a cell that starts like a formula, so the export quotes it.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
