//! An audit event as it is read: `GET /v1/audit_log_events` and everything that hands events on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};

use super::time::Moment;
use crate::event::{self, CommittedEvent, Members, MetadataText};

super::constant!(AuditLogEventTag, "audit_log_event");

/// A recorded event with its place in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RecordedAuditLogEvent)]
pub struct AuditLogEvent {
    #[schema(inline)]
    pub object: AuditLogEventTag,
    /// Orders by the time when events were recorded.
    #[schema(example = "evt_01KY6ZKXZ0NB26R4EP0000001E")]
    pub id: String,
    #[schema(example = "org_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub organization_id: String,
    /// The event's place among those of its organization: 0, 1, 2 …
    pub seq: u64,
    #[schema(example = "user.signed_in")]
    pub action: String,
    /// Version of the action's schema.
    pub version: u32,
    #[schema(schema_with = moment)]
    pub occurred_at: Moment,
    /// When the server recorded it.
    #[schema(schema_with = moment)]
    pub received_at: Moment,
    pub actor: AuditLogEventParty,
    pub targets: Vec<AuditLogEventParty>,
    pub context: AuditLogEventContext,
    pub metadata: BTreeMap<String, Value>,
}

/// An actor or a target. Members beyond these four come back as they were sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RecordedAuditLogEventParty)]
pub struct AuditLogEventParty {
    #[schema(example = "user_TF4C5938")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(example = "user")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Support")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Value>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Where and with what it was done. Members beyond these two come back as they were sent; those that begin with `annals.` are the
/// server's own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = RecordedAuditLogEventContext)]
pub struct AuditLogEventContext {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "123.123.123.123")]
    pub location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Chrome/104.0.0.0")]
    pub user_agent: Option<String>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl AuditLogEvent {
    #[must_use]
    pub fn of(committed: &CommittedEvent) -> Self {
        let event = &committed.event;
        Self {
            object: AuditLogEventTag::Is,
            id: committed.id.to_string(),
            organization_id: committed.organization.to_string(),
            seq: committed.seq,
            action: event.action.clone(),
            // Absent means 1.
            version: event.version.unwrap_or(1),
            occurred_at: Moment(event.occurred_at),
            received_at: Moment(committed.received_at),
            actor: AuditLogEventParty::of(&event.actor),
            targets: event.targets.iter().map(AuditLogEventParty::of).collect(),
            context: AuditLogEventContext {
                location: event.context.location.clone(),
                user_agent: event.context.user_agent.clone(),
                extra: members(&event.context.extra),
            },
            metadata: metadata(event.metadata.as_ref()),
        }
    }
}

impl AuditLogEventParty {
    fn of(party: &event::Party) -> Self {
        Self {
            id: party.id.clone(),
            kind: party.kind.clone(),
            name: party.name.clone(),
            metadata: metadata(party.metadata.as_ref()),
            extra: members(&party.extra),
        }
    }
}

// Both texts are canonical JSON by the invariants of their types.
fn metadata(text: Option<&MetadataText>) -> BTreeMap<String, Value> {
    text.and_then(|text| serde_json::from_str(text.as_str()).ok()).unwrap_or_default()
}

fn members(members: &Members) -> BTreeMap<String, Value> {
    members.iter().map(|(name, text)| (name.clone(), serde_json::from_str(text).unwrap_or_default())).collect()
}

/// Six digits: what is kept.
pub(super) fn moment() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"))
        .examples(["2026-01-15T12:00:00.000000Z"])
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NewEvent;
    use crate::ids::{AuditEventId, EnvironmentId, OrganizationId};
    use crate::time::Micros;

    fn committed(event: &str) -> CommittedEvent {
        struct Anything;
        impl crate::event::EventRules for Anything {
            fn violations(&self, _: &crate::event::NormalEvent) -> Vec<crate::event::Violation> {
                Vec::new()
            }
        }
        let body = format!(r#"{{"organization_id":"org_1","event":{event}}}"#);
        let event = NewEvent::parse(body.as_bytes()).expect("valid").check(&Anything).expect("allowed").into_event();
        CommittedEvent {
            id: AuditEventId::from_parts(1, 2),
            environment: EnvironmentId::from_parts(1, 1),
            organization: OrganizationId::from_parts(1, 3),
            seq: 17,
            received_at: Micros::saturating(1_784_801_472_000_001),
            event,
        }
    }

    #[test]
    fn an_event_is_written_in_the_documented_order_and_read_again() {
        let committed = committed(
            r#"{"action":"a.b","version":2,"occurred_at":"2026-01-02","actor":{"zone":{"a":[1,null]},"id":"u","type":"user","metadata":{"n":5}},
                "targets":[{"id":"t","type":"team","name":"T","size":1.5}],"context":{"location":"","region":"eu"},"metadata":{"k":"v","b":true}}"#,
        );
        let event = AuditLogEvent::of(&committed);
        let text = serde_json::to_string(&event).expect("text keys");
        assert_eq!(
            text,
            format!(
                concat!(
                    r#"{{"object":"audit_log_event","id":"{}","organization_id":"{}","seq":17,"action":"a.b","version":2,"#,
                    r#""occurred_at":"2026-01-02T00:00:00.000000Z","received_at":"2026-07-23T10:11:12.000001Z","#,
                    r#""actor":{{"id":"u","type":"user","metadata":{{"n":5}},"zone":{{"a":[1,null]}}}},"#,
                    r#""targets":[{{"id":"t","type":"team","name":"T","size":1.5}}],"context":{{"location":"","region":"eu"}},"#,
                    r#""metadata":{{"b":true,"k":"v"}}}}"#
                ),
                committed.id, committed.organization
            )
        );
        assert_eq!(serde_json::from_str::<AuditLogEvent>(&text).expect("our own text"), event);
    }

    #[test]
    fn what_is_absent_is_left_out_except_metadata_and_version() {
        let committed = committed(
            r#"{"action":"a","occurred_at":"2026-01-02","actor":{"id":"u","type":"user"},"targets":[],"context":{"location":"x"}}"#,
        );
        let event = serde_json::to_value(AuditLogEvent::of(&committed)).expect("text keys");
        assert_eq!(event["actor"], serde_json::json!({"id": "u", "type": "user"}));
        assert_eq!((&event["metadata"], &event["version"]), (&serde_json::json!({}), &serde_json::json!(1)));
        assert_eq!(serde_json::from_value::<AuditLogEvent>(event).expect("our own").targets, []);
    }
}
