//! The older Audit Trail API (wire contract §7). Servers read its events with [`crate::event::TrailEvent`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::MetadataValue;
use super::time::{Moment, Timestamp};
use crate::event::{ActionType, CommittedEvent, TrailMark};
use crate::ids::{AuditEventId, EnvironmentId, TrailActionId};

/// The body of `POST /events`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = CreateAuditTrailEvent)]
pub struct CreateTrailEvent {
    /// Id, external id or domain of an organization; otherwise one with this name and external id is made.
    #[schema(min_length = 1, max_length = 128, example = "foo-corp.com")]
    pub group: String,
    #[schema(min_length = 1, max_length = 256, example = "user.searched_directories")]
    pub action: String,
    /// Create, read, update or delete, in either case.
    #[schema(pattern = "^[CRUDcrud]$", example = "R")]
    pub action_type: String,
    #[schema(max_length = 1024, example = "Foo Bar")]
    pub actor_name: String,
    #[schema(max_length = 1024, example = "user_01DEQWZNQT8Y47HDPSJKQS1J3F")]
    pub actor_id: String,
    #[schema(max_length = 1024, example = "Directory")]
    pub target_name: String,
    #[schema(max_length = 1024, example = "directory_1")]
    pub target_id: String,
    #[schema(max_length = 4096, example = "1.1.1.1")]
    pub location: String,
    #[schema(inline)]
    pub occurred_at: Moment,
    /// At most 50 keys of at most 40 characters; texts of at most 500 characters, numbers and booleans.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Option<Object>, required = false, example = json!({"a": "b"}))]
    pub metadata: BTreeMap<String, MetadataValue>,
}

super::constant!(EventTag, "event");
super::constant!(EventActionTag, "event_action");

/// One event as the older API shows it. Some members stand twice, because clients differ in which spelling they read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditTrailEvent)]
pub struct TrailEvent {
    #[schema(inline)]
    pub object: EventTag,
    #[schema(value_type = String, example = "evt_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub id: AuditEventId,
    /// As it was sent.
    #[schema(example = "foo-corp.com")]
    pub group: String,
    #[schema(example = "1.1.1.1")]
    pub location: String,
    /// Always null: places are not looked up.
    #[schema(required)]
    pub latitude: Option<String>,
    #[schema(required)]
    pub longitude: Option<String>,
    #[serde(rename = "type")]
    #[schema(example = "r")]
    pub kind: String,
    #[schema(example = "r")]
    pub event_type: String,
    pub actor_name: String,
    pub actor_id: String,
    pub target_name: String,
    pub target_id: String,
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    #[schema(inline)]
    pub occurred_at: Timestamp,
    pub action: TrailAction,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditTrailAction)]
pub struct TrailAction {
    #[schema(inline)]
    pub object: EventActionTag,
    #[schema(value_type = String, example = "evt_action_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub id: TrailActionId,
    #[schema(example = "user.searched_directories")]
    pub name: String,
    #[schema(example = "project_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub client_id: String,
    #[schema(example = "project_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub project_id: String,
    #[schema(value_type = String, example = "environment_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub environment_id: EnvironmentId,
}

impl TrailEvent {
    /// `None` for an event that did not come over the older API.
    #[must_use]
    pub fn of(committed: &CommittedEvent) -> Option<Self> {
        let event = &committed.event;
        let TrailMark { action_type, group } = TrailMark::of(event)?;
        let kind = ActionType::letter(action_type).to_owned();
        let target = event.targets.first();
        Some(Self {
            object: EventTag::Is,
            id: committed.id,
            group,
            location: event.context.location.clone().unwrap_or_default(),
            latitude: None,
            longitude: None,
            event_type: kind.clone(),
            kind,
            actor_name: event.actor.name.clone().unwrap_or_default(),
            actor_id: event.actor.id.clone(),
            target_name: target.and_then(|target| target.name.clone()).unwrap_or_default(),
            target_id: target.map(|target| target.id.clone()).unwrap_or_default(),
            metadata: event.metadata.as_ref().map_or_else(|| serde_json::json!({}), |metadata| metadata.to_value()),
            occurred_at: Timestamp(event.occurred_at),
            action: TrailAction::new(committed.environment, &event.action),
        })
    }
}

impl TrailAction {
    fn new(environment: EnvironmentId, name: &str) -> Self {
        // One project for each environment: clients want an id, and there is nothing else that it could name.
        let project = environment.to_string().replacen(EnvironmentId::PREFIX, "project", 1);
        Self {
            object: EventActionTag::Is,
            id: action_id(name),
            name: name.to_owned(),
            client_id: project.clone(),
            project_id: project,
            environment_id: environment,
        }
    }
}

/// The same action has the same id everywhere and always: it is made from the name, because actions of the older API are stored nowhere.
fn action_id(name: &str) -> TrailActionId {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha256::digest(name)[..16]);
    TrailActionId::from_bytes(first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::TrailEvent as Sent;
    use crate::ids::OrganizationId;
    use crate::time::Micros;

    fn shown(sent: serde_json::Value) -> serde_json::Value {
        let event = Sent::parse(sent.to_string().as_bytes()).unwrap_or_else(|error| panic!("{sent}: {error:?}"));
        let committed = CommittedEvent {
            id: AuditEventId::from_parts(1, 1),
            environment: EnvironmentId::from_parts(2, 2),
            organization: OrganizationId::from_parts(3, 3),
            seq: 0,
            received_at: Micros::saturating(0),
            event: event.into_marked().into_valid().into_event(),
        };
        serde_json::to_value(TrailEvent::of(&committed)).expect("text keys")
    }

    #[test]
    fn what_was_sent_comes_back_in_both_spellings() {
        let sent = json!({
            "group": "Foo-Corp.com", "action": "user.searched_directories", "action_type": "R", "actor_name": "Foo", "actor_id": "u",
            "target_name": "Bar", "target_id": "t", "location": "1.1.1.1", "occurred_at": "2020-01-01T00:00:00.123456Z",
            "metadata": {"n": 1, "text": "x"}
        });
        let expected = json!({
            "object": "event", "id": "evt_00000000010000000000000001", "group": "Foo-Corp.com", "location": "1.1.1.1",
            "latitude": null, "longitude": null, "type": "r", "event_type": "r", "actor_name": "Foo", "actor_id": "u",
            "target_name": "Bar", "target_id": "t", "metadata": {"n": 1, "text": "x"}, "occurred_at": "2020-01-01T00:00:00.123Z",
            "action": {
                "object": "event_action", "id": "evt_action_1RZXRAPSYGZE774N34WF79XMVN", "name": "user.searched_directories",
                "client_id": "project_00000000020000000000000002", "project_id": "project_00000000020000000000000002",
                "environment_id": "environment_00000000020000000000000002"
            }
        });
        assert_eq!(shown(sent), expected);
    }

    #[test]
    fn empty_texts_come_back_empty() {
        let shown = shown(json!({
            "group": "g", "action": "a", "action_type": "d", "actor_name": "", "actor_id": "", "target_name": "", "target_id": "",
            "location": "", "occurred_at": "2020-01-01"
        }));
        for name in ["actor_name", "actor_id", "target_name", "target_id", "location"] {
            assert_eq!(shown[name], "", "{name}");
        }
        assert_eq!((&shown["metadata"], &shown["type"]), (&json!({}), &json!("d")));
    }
}
