//! Events that are stored, and events that are refused.

use serde_json::{Value, json};
use workos::audit_logs::CreateEventParams;
use workos::{ApiError, AuditLogEvent, AuditLogEventCreateResponse, AuditLogEventIngestion, Client, RequestOptions};

use crate::NO_ORGANIZATION;
use crate::check::{Checked, holds, refused, same};
use crate::events::{Journey, many_members, members};

type Answer = Result<AuditLogEventCreateResponse, workos::Error>;

pub async fn recorded_events(client: &Client, organization: &str, second: &str, sent: &Journey) -> Checked {
    same("event: answer", record(client, organization, &sent.long_ago.event, None).await?.success, true)?;
    let (repeated, others) = sent.in_range().split_last().map(|(last, others)| (*last, others.to_vec())).expect("nine events");
    for event in others {
        record(client, organization, &event.event, None).await?;
    }
    same("event: first time with a key", record(client, organization, &repeated.event, Some("once")).await?.success, true)?;
    same("event: the same key and body again", record(client, organization, &repeated.event, Some("once")).await?.success, true)?;
    let other = AuditLogEvent { action: "document.shared".to_owned(), ..repeated.event.clone() };
    let reused = refused("event: the same key with another body", 400, record(client, organization, &other, Some("once")).await)?;
    holds("event: the refusal names the key", reused.message.contains("(once)"), &reused.message)?;
    record(client, second, &sent.only_required.event, None).await?;
    Ok(())
}

pub async fn refused_events(client: &Client, organization: &str, sent: &Journey) -> Checked {
    let refuse = async |name: &str, status, event: &AuditLogEvent| {
        refused(&format!("event: {name}"), status, record(client, organization, event, None).await)
    };
    let base = &sent.only_required.event;

    let no_date =
        refuse("a time that is none", 422, &AuditLogEvent { occurred_at: "yesterday".to_owned(), ..base.clone() }).await?;
    let fault = body(&no_date)["errors"][0]["field"].clone();
    holds(
        "event: the refusal names the member",
        fault.as_str().is_some_and(|field| field.contains("occurred_at")),
        &no_date.raw_body,
    )?;
    let with = |metadata| AuditLogEvent { metadata: Some(metadata), ..base.clone() };
    refuse("51 metadata keys", 422, &with(many_members(51))).await?;
    refuse("a metadata key of 41 characters", 422, &with(members(json!({ "k".repeat(41): "v" })))).await?;
    refuse("a metadata value of 501 characters", 422, &with(members(json!({ "key": "v".repeat(501) })))).await?;
    refuse("a metadata key with a dot", 422, &with(members(json!({ "a.b": "v" })))).await?;

    let wrong = AuditLogEvent { metadata: Some(members(json!({ "channel": 7 }))), ..sent.every_field.event.clone() };
    let wrong = refuse("metadata against the schema", 400, &wrong).await?;
    same(
        "event: the schema refusal has its code and names the place",
        (wrong.code.as_deref(), body(&wrong)["errors"][0]["instancePath"].clone()),
        (Some("invalid_audit_log_event"), json!("/metadata/channel")),
    )?;
    let mut missing = sent.every_field.event.clone();
    missing.targets.remove(0);
    let missing = refuse("a declared target type is missing", 400, &missing).await?;
    let place = body(&missing)["errors"][0]["instancePath"].clone();
    holds(
        "event: a missing target names the targets",
        place.as_str().is_some_and(|place| place.starts_with("/targets")),
        &place,
    )?;

    let unknown = refuse("unknown action", 400, &AuditLogEvent { action: "never.declared".to_owned(), ..base.clone() }).await?;
    let text = "Invalid Audit Log event: event 'never.declared', version '1' has not been configured in this environment";
    same("event: unknown action has the documented text", unknown.message.as_str(), text)?;
    let version = refuse("unknown version", 400, &AuditLogEvent { version: Some(9), ..base.clone() }).await?;
    let text = "Invalid Audit Log event: event 'user.signed_in', version '9' has not been configured in this environment";
    same("event: unknown version has the documented text", version.message.as_str(), text)?;
    let nobody = refused("event: unknown organization", 404, record(client, NO_ORGANIZATION, base, None).await)?;
    same("event: unknown organization has its code", nobody.code.as_deref(), Some("entity_not_found"))
}

pub async fn record(client: &Client, organization: &str, event: &AuditLogEvent, key: Option<&str>) -> Answer {
    let body = AuditLogEventIngestion { organization_id: organization.to_owned(), event: event.clone() };
    let options = key.map(|key| RequestOptions::new().idempotency_key(key));
    client.audit_logs().create_event_with_options(CreateEventParams::new(body), options.as_ref()).await
}

fn body(error: &ApiError) -> Value {
    serde_json::from_slice(&error.raw_body).unwrap_or_default()
}
