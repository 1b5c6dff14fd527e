//! How a program writes a record: the required parts as arguments, the others one after the other.

use std::collections::BTreeMap;

use super::{Actor, AuditEvent, BatchItem, Context, CreateAuditEvent, ImportedFrom, MetadataValue, Moment, PublishEvent, Target};
use crate::record::{EventName, ObjectText};
use crate::time::Micros;

impl AuditEvent {
    /// An event without targets, from nowhere.
    #[must_use]
    pub fn new(action: impl Into<String>, occurred_at: impl Into<Moment>, actor: Actor) -> Self {
        Self {
            action: action.into(),
            occurred_at: occurred_at.into(),
            actor,
            targets: Vec::new(),
            context: Context { location: String::new(), user_agent: None },
            metadata: BTreeMap::new(),
            version: None,
        }
    }
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }
    /// An IP address, or another place.
    #[must_use]
    pub fn location(mut self, location: impl Into<String>) -> Self {
        self.context.location = location.into();
        self
    }
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.context.user_agent = Some(user_agent.into());
        self
    }
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
    /// The version of the action's schema; 1 unless set, not the newest.
    #[must_use]
    pub fn version(self, version: u32) -> Self {
        Self { version: Some(version), ..self }
    }
    #[must_use]
    pub fn of(self, organization_id: impl Into<String>) -> CreateAuditEvent {
        CreateAuditEvent { organization_id: organization_id.into(), event: self }
    }
}

impl From<CreateAuditEvent> for BatchItem {
    fn from(new: CreateAuditEvent) -> Self {
        Self { organization_id: new.organization_id, event: new.event, idempotency_key: None, imported: None }
    }
}

impl BatchItem {
    #[must_use]
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        Self { idempotency_key: Some(key.into()), ..self }
    }
    /// Marks the event as one that `source` recorded, under `id` if it had one.
    #[must_use]
    pub fn imported(self, source: impl Into<String>, id: Option<String>) -> Self {
        Self { imported: Some(ImportedFrom { source: source.into(), id }), ..self }
    }
}

impl PublishEvent {
    #[must_use]
    pub fn new(event: EventName, data: ObjectText) -> Self {
        Self { event, data, organization_id: None, context: None, idempotency_key: None, mirrored_from: None }
    }
    /// The organization that it is about.
    #[must_use]
    pub fn of(self, organization_id: impl Into<String>) -> Self {
        Self { organization_id: Some(organization_id.into()), ..self }
    }
    #[must_use]
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        Self { idempotency_key: Some(key.into()), ..self }
    }
}

/// Actors and targets are written alike.
macro_rules! party {
    ($($name:ident),*) => {
        $(impl $name {
            /// `kind` such as `user`, and the id there.
            #[must_use]
            pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
                Self { id: id.into(), kind: kind.into(), name: None, metadata: BTreeMap::new() }
            }
            #[must_use]
            pub fn name(self, name: impl Into<String>) -> Self {
                Self { name: Some(name.into()), ..self }
            }
            #[must_use]
            pub fn metadata(mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
                self.metadata.insert(key.into(), value.into());
                self
            }
        })*
    };
}
party!(Actor, Target);

impl From<Micros> for Moment {
    fn from(time: Micros) -> Self {
        Self(time)
    }
}

/// To the microsecond; outside the years 0000 to 9999 the nearest instant inside.
impl From<std::time::SystemTime> for Moment {
    fn from(time: std::time::SystemTime) -> Self {
        let epoch = Micros::saturating(0);
        Self(match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => epoch.saturating_add(after),
            Err(before) => epoch.saturating_sub(before.duration()),
        })
    }
}

impl From<&str> for MetadataValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for MetadataValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<bool> for MetadataValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}
impl From<f64> for MetadataValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}
/// Every value is exact.
impl From<i32> for MetadataValue {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}
impl From<u32> for MetadataValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::event::NewEvent;

    #[test]
    fn what_is_composed_is_an_event() {
        let actor = Actor::new("user", "user_1").name("Jon").metadata("role", "admin");
        let event = AuditEvent::new("user.signed_in", UNIX_EPOCH + Duration::from_micros(1_500_000), actor)
            .target(Target::new("team", "team_1"))
            .location("203.0.113.7")
            .user_agent("curl")
            .metadata("mfa", true)
            .metadata("attempts", 2)
            .version(3);
        let body = serde_json::to_vec(&event.of("org_1")).expect("JSON");
        let text = r#"{"organization_id":"org_1","event":{"action":"user.signed_in","occurred_at":"1970-01-01T00:00:01.500000Z","actor":{"id":"user_1","type":"user","name":"Jon","metadata":{"role":"admin"}},"targets":[{"id":"team_1","type":"team"}],"context":{"location":"203.0.113.7","user_agent":"curl"},"metadata":{"attempts":2.0,"mfa":true},"version":3}}"#;
        assert_eq!(String::from_utf8_lossy(&body), text);
        let read = NewEvent::parse(&body).expect("an event that the server takes");
        assert_eq!(read.organization, "org_1");
        let again: CreateAuditEvent = serde_json::from_slice(&body).expect("readable");
        assert_eq!(serde_json::to_vec(&again).expect("JSON"), body);
    }
}
