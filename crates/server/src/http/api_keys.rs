//! API keys of organizations, and the check of a key that somebody presented to the application.

use annals_core::ids::{ApiKeyId, OrganizationId};
use annals_core::wire;
use annals_engine::Engine;
use annals_engine::tenants::{ApiKey, KeyOwner, NewApiKey};
use axum::extract::State;
use axum::http::StatusCode;

use super::answer::Answer;
use super::auth::EnvironmentCaller;
use super::body::JsonBody;
use super::documented::{BodyRefusals, Conflict, EnvironmentOnly, IdempotencyHeader, NotFound, Refusals, WrongParameters};
use super::idempotency::{Keeper, Once};
use super::path::PathId;
use super::problem::Problem;
use super::query::{ListParameters, list};
use super::recording::Note;

/// List an organization's API keys
#[utoipa::path(
    get, path = "/organizations/{id}/api_keys", operation_id = "list_api_keys", tag = "api-keys",
    params(("id" = String, Path, description = "Id of the organization"), ListParameters<ApiKeyId>),
    responses(
        (status = 200, description = "A page of API keys", body = wire::List<wire::ApiKey>),
        Refusals, EnvironmentOnly, NotFound, WrongParameters
    )
)]
pub async fn list_keys(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    PathId(id): PathId<OrganizationId>,
    ListParameters(query): ListParameters<ApiKeyId>,
) -> Result<Answer, Problem> {
    let page = engine.tenants().api_keys(&caller.environment, id, &query).await.map_err(Problem::organization(&id))?;
    Ok(Answer::ok(&list(page, |key| key.to_wire(id))))
}

/// Create an API key for an organization
///
/// The key's value is shown in this answer only. Nothing that could show it again is stored, so an idempotency key has no effect here: a
/// request that is sent twice makes two keys.
#[utoipa::path(
    post, path = "/organizations/{id}/api_keys", operation_id = "create_api_key", tag = "api-keys",
    params(("id" = String, Path, description = "Id of the organization")),
    request_body = wire::CreateApiKey,
    responses((status = 201, description = "Created", body = wire::CreatedApiKey), Refusals, EnvironmentOnly, NotFound, BodyRefusals)
)]
pub async fn create(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    PathId(id): PathId<OrganizationId>,
    JsonBody(new): JsonBody<wire::CreateApiKey>,
) -> Result<Answer, Problem> {
    let expires_at = new.expires_at.map(|moment| moment.0);
    if expires_at.is_some_and(|at| at <= engine.clock().now()) {
        return Err(Problem::wrong_parameter("expires_at", "must be in the future"));
    }
    let new = NewApiKey { name: new.name, permissions: new.permissions.unwrap_or_default(), expires_at };
    let (key, secret) =
        engine.tenants().create_api_key(&caller.environment, id, new).await.map_err(Problem::organization(&id))?;
    Ok(Answer::created(&wire::CreatedApiKey { key: key.to_wire(id), value: secret.expose().to_owned() }))
}

/// Validate an API key
///
/// `null` when the value is no key of an organization of this environment, or not any more.
#[utoipa::path(
    post, path = "/api_keys/validations", operation_id = "validate_api_key", tag = "api-keys",
    request_body = wire::ValidateApiKey,
    responses((status = 200, description = "The key, or null", body = wire::ApiKeyValidation), Refusals, EnvironmentOnly, BodyRefusals)
)]
pub async fn validate(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    JsonBody(presented): JsonBody<wire::ValidateApiKey>,
) -> Result<Answer, Problem> {
    let key = engine.tenants().validate_api_key(&caller.environment, &presented.value).await?;
    Ok(Answer::ok(&wire::ApiKeyValidation { api_key: key.as_ref().and_then(to_wire) }))
}

/// Expire an API key
///
/// Now, or at the given time.
#[utoipa::path(
    post, path = "/api_keys/{id}/expire", operation_id = "expire_api_key", tag = "api-keys",
    params(("id" = String, Path, description = "Id of the API key"), IdempotencyHeader),
    request_body = Option<wire::ExpireApiKey>,
    responses((status = 200, description = "The key", body = wire::ApiKey), Refusals, EnvironmentOnly, NotFound, BodyRefusals, Conflict)
)]
pub async fn expire(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    PathId(id): PathId<ApiKeyId>,
    note: Note,
    once: Once<wire::ExpireApiKey>,
) -> Result<Answer, Problem> {
    let to_answer = |key: &ApiKey| Answer::ok(&to_wire(key));
    let expire = move |expire: wire::ExpireApiKey, keeper: Keeper<_>| async move {
        let at = expire.expires_at.map(|moment| moment.0);
        let expired = engine.tenants().expire_api_key(&caller.environment, id, at, &*keeper).await;
        let key = expired.map_err(Problem::api_key(&id))?;
        note_owner(&note, &key);
        Ok(key)
    };
    once.answer(&caller.scope, to_answer, expire).await
}

/// Delete an API key
#[utoipa::path(
    delete, path = "/api_keys/{id}", operation_id = "delete_api_key", tag = "api-keys",
    params(("id" = String, Path, description = "Id of the API key")),
    responses((status = 204, description = "Deleted"), Refusals, EnvironmentOnly, NotFound)
)]
pub async fn delete(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    PathId(id): PathId<ApiKeyId>,
    note: Note,
) -> Result<StatusCode, Problem> {
    let deleted = engine.tenants().delete_api_key(&caller.environment, id).await.map_err(Problem::api_key(&id))?;
    note_owner(&note, &deleted);
    Ok(StatusCode::NO_CONTENT)
}

/// `None`: a key of the environment. It has no owner that the wire can name, and the engine neither validates nor changes it for anybody.
fn to_wire(key: &ApiKey) -> Option<wire::ApiKey> {
    match key.owner {
        KeyOwner::Organization(owner) => Some(key.to_wire(owner)),
        KeyOwner::Environment => None,
    }
}

fn note_owner(note: &Note, key: &ApiKey) {
    if let KeyOwner::Organization(owner) = key.owner {
        note.organization(owner);
    }
}
