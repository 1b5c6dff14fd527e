//! Actions and the schemas of their events.

use annals_core::event::FieldErrors;
use annals_core::ids::{ActionId, SchemaId};
use annals_core::limits::ACTION_CHARS_MAX;
use annals_core::wire::{self, InvalidBody, Timestamp, ValidationFailed};
use annals_engine::Engine;
use annals_engine::tenants::{Action, NewSchema, Schema, TargetSchema};
use axum::extract::State;

use super::answer::Answer;
use super::auth::EnvironmentCaller;
use super::documented::{BodyRefusals, EnvironmentOnly, IdempotencyHeader, NotFound, Refusals, WrongParameters};
use super::idempotency::{Keeper, Once};
use super::path::PathText;
use super::problem::Problem;
use super::query::{ListParameters, list};

/// List actions
///
/// Each with its newest schema.
#[utoipa::path(
    get, path = "/audit_logs/actions", operation_id = "list_audit_log_actions", tag = "audit-logs",
    params(ListParameters<ActionId>),
    responses((status = 200, description = "A page of actions", body = wire::List<wire::Action>), Refusals, EnvironmentOnly, WrongParameters)
)]
pub async fn list_actions(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    ListParameters(query): ListParameters<ActionId>,
) -> Result<Answer, Problem> {
    let page = engine.tenants().actions(&caller.environment, &query).await?;
    Ok(Answer::ok(&list(page, action_to_wire)))
}

/// List an action's schemas
///
/// Every version.
#[utoipa::path(
    get, path = "/audit_logs/actions/{action}/schemas", operation_id = "list_audit_log_schemas", tag = "audit-logs",
    params(("action" = String, Path, description = "Name of the action"), ListParameters<SchemaId>),
    responses(
        (status = 200, description = "A page of schemas", body = wire::List<wire::Schema>),
        Refusals, EnvironmentOnly, NotFound, WrongParameters
    )
)]
pub async fn list_schemas(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    PathText(action): PathText,
    ListParameters(query): ListParameters<SchemaId>,
) -> Result<Answer, Problem> {
    let page = engine.tenants().schemas(&caller.environment, &action, &query).await.map_err(Problem::action(&action))?;
    Ok(Answer::ok(&list(page, schema_to_wire)))
}

/// Create a schema
///
/// The next version of the action's schema; the action is made when it is new. Schemas never change.
#[utoipa::path(
    post, path = "/audit_logs/actions/{action}/schemas", operation_id = "create_audit_log_schema", tag = "audit-logs",
    params(
        ("action" = String, Path, min_length = 1, max_length = 256, description = "Name of the action. Names that begin with `annals.` are the server's own."),
        IdempotencyHeader
    ),
    request_body = wire::CreateSchema,
    responses((status = 201, description = "Created", body = wire::Schema), Refusals, EnvironmentOnly, BodyRefusals)
)]
pub async fn create_schema(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    ActionName(action): ActionName,
    once: Once<wire::CreateSchema>,
) -> Result<Answer, Problem> {
    let to_answer = |created: &Schema| Answer::created(&schema_to_wire(created.clone()));
    let create = move |new, keeper: Keeper<_>| async move {
        let created = engine.tenants().create_schema(&caller.environment, &action, from_wire(new), &*keeper).await;
        created.map_err(Problem::action(&action))
    };
    once.answer(&caller.scope, to_answer, create).await
}

/// A name that an action may have: the same rule as for the action of an event.
pub struct ActionName(String);

impl axum::extract::FromRequestParts<super::App> for ActionName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, app: &super::App) -> Result<Self, Problem> {
        let PathText(name) = PathText::from_request_parts(parts, app).await?;
        let mut errors = FieldErrors::default();
        if name.chars().count() > ACTION_CHARS_MAX {
            errors.add("action", format!("action must be at most {ACTION_CHARS_MAX} characters"));
        }
        if name.starts_with("annals.") {
            errors.add("action", "action must not start with annals., which is the server's own");
        }
        errors.into_result().map(|()| Self(name)).map_err(|errors| InvalidBody::Fields(ValidationFailed::new(errors)).into())
    }
}

fn from_wire(new: wire::CreateSchema) -> NewSchema {
    let target = |target: wire::SchemaTarget| TargetSchema { kind: target.kind, metadata: target.metadata };
    NewSchema {
        actor_metadata: new.actor.map(|actor| actor.metadata),
        targets: new.targets.into_iter().map(target).collect(),
        metadata: new.metadata,
    }
}

fn schema_to_wire(schema: Schema) -> wire::Schema {
    let target = |target: TargetSchema| wire::SchemaTarget { kind: target.kind, metadata: target.metadata };
    wire::Schema {
        object: Default::default(),
        version: schema.version,
        actor: schema.body.actor_metadata.map(|metadata| wire::ActorRules { metadata }),
        targets: schema.body.targets.into_iter().map(target).collect(),
        metadata: schema.body.metadata,
        created_at: Timestamp(schema.created_at),
    }
}

fn action_to_wire(action: Action) -> wire::Action {
    wire::Action {
        object: Default::default(),
        name: action.name,
        schema: schema_to_wire(action.schema),
        created_at: Timestamp(action.created_at),
        updated_at: Timestamp(action.updated_at),
    }
}
