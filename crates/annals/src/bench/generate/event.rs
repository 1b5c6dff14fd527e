//! An event as an application sends it, in the member order of the client libraries. Knows no organization.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    pub action: &'static str,
    pub occurred_at: String,
    pub actor: Entity,
    pub targets: Vec<Entity>,
    pub context: Context,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// An actor or a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entity {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Context {
    pub location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'static str>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(pub Vec<(&'static str, Value)>);

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Text(Cow<'static, str>),
    Count(u64),
    Ratio(f64),
    Flag(bool),
}

impl Metadata {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

/// Bytes of JSON around the parts whose length varies. A test holds them to what the serializer writes.
pub mod json_bytes {
    use super::{Entity, Event, Value};

    /// `{"action":"","occurred_at":"","actor":,"targets":[],"context":{"location":""}}`
    pub const EVENT: usize = 78;
    /// `{"id":"","type":""}`
    pub const ENTITY: usize = 19;
    /// `,"name":""`
    pub const NAME: usize = 10;
    /// `,"user_agent":""`
    pub const USER_AGENT: usize = 16;
    /// `,"metadata":{}` less the comma that the first entry does not have
    pub const METADATA: usize = 13;

    /// Of an event that has no names, no user agent and no metadata, whatever this one has.
    pub fn without_options(event: &Event) -> usize {
        let entity = |entity: &Entity| ENTITY + entity.id.len() + entity.kind.len();
        let commas = event.targets.len() - 1;
        let entities = entity(&event.actor) + event.targets.iter().map(entity).sum::<usize>() + commas;
        EVENT + event.action.len() + event.occurred_at.len() + event.context.location.len() + entities
    }

    /// With the comma before it.
    pub fn entry(key: &str, value: &Value) -> usize {
        let value = match value {
            Value::Text(text) => text.len() + 2,
            Value::Count(count) => count.checked_ilog10().unwrap_or(0) as usize + 1,
            // 0.01 to 0.99; a zero at the end is not written.
            Value::Ratio(ratio) => {
                if ((ratio * 100.0).round() as u64).is_multiple_of(10) {
                    3
                } else {
                    4
                }
            }
            Value::Flag(flag) => {
                if *flag {
                    4
                } else {
                    5
                }
            }
        };
        key.len() + 4 + value
    }
}
