//! Actions and schema versions.

use std::collections::HashMap;

use futures::TryStreamExt;
use serde_json::{Value, json};
use workos::audit_logs::{CreateSchemaParams, ListActionSchemasParams, ListActionsParams};
use workos::{AuditLogSchemaActorInput, AuditLogSchemaInput, AuditLogSchemaTargetInput, Client};

use crate::check::{Checked, refused, same};

pub async fn checked(client: &Client) -> Checked {
    let api = client.audit_logs();
    let metadata = object(json!({
        "type": "object",
        "properties": { "channel": { "type": "string" }, "count": { "type": "number" }, "urgent": { "type": "boolean" } },
    }));
    let one = AuditLogSchemaInput {
        // The short form and a JSON schema mean the same.
        actor: Some(AuditLogSchemaActorInput { metadata: object(json!({ "role": "string" })) }),
        targets: vec![target("document", Some(json!({ "type": "object", "properties": { "pages": { "type": "number" } } })))],
        metadata: Some(metadata.clone()),
    };
    let one = api.create_schema("document.shared", CreateSchemaParams::new(one)).await?;
    same(
        "schema: version 1",
        (one.object.as_str(), one.version, one.targets[0].type_.as_str()),
        ("audit_log_schema", 1, "document"),
    )?;
    same("schema: the JSON schema comes back as it was sent", one.metadata.as_ref(), Some(&metadata))?;
    let role = object(json!({ "type": "object", "properties": { "role": { "type": "string" } } }));
    same("schema: the short form comes back as a JSON schema", one.actor.as_ref().map(|actor| &actor.metadata), Some(&role))?;

    let two = api.create_schema("document.shared", plain(&["document", "folder"])).await?;
    same("schema: the same action again is version 2", (two.version, two.metadata.as_ref()), (2, None::<&HashMap<_, _>>))?;
    let other = api.create_schema("user.signed_in", plain(&["user"])).await?;
    same("schema: another action starts at 1", other.version, 1)?;

    let paged = ListActionSchemasParams { limit: Some(1), ..ListActionSchemasParams::default() };
    let listed: Vec<_> = api.list_action_schemas_auto_paging("document.shared", paged).try_collect().await?;
    same("schema: list is newest first and exact", json!(listed), json!([two, one]))?;
    let paged = ListActionsParams { limit: Some(1), ..ListActionsParams::default() };
    let actions: Vec<_> = api.list_actions_auto_paging(paged).try_collect().await?;
    let actions: Vec<_> = actions.iter().map(|action| json!([action.object, action.name, action.schema])).collect();
    same(
        "action: list has both, newest first, with their latest schema",
        actions,
        vec![json!(["audit_log_action", "user.signed_in", other]), json!(["audit_log_action", "document.shared", two])],
    )?;
    refused("schema: no targets", 422, api.create_schema("document.shared", plain(&[])).await)?;
    let unknown = api.list_action_schemas("never.declared", ListActionSchemasParams::default()).await;
    refused("schema: unknown action", 404, unknown)?;
    Ok(())
}

fn plain(targets: &[&str]) -> CreateSchemaParams {
    let targets = targets.iter().map(|kind| target(kind, None)).collect();
    CreateSchemaParams::new(AuditLogSchemaInput { actor: None, targets, metadata: None })
}

fn target(kind: &str, metadata: Option<Value>) -> AuditLogSchemaTargetInput {
    AuditLogSchemaTargetInput { type_: kind.to_owned(), metadata: metadata.map(object) }
}

fn object(value: Value) -> HashMap<String, Value> {
    serde_json::from_value(value).expect("only objects are given")
}
