//! The API-request log (wire contract §8): entries that applications send, and entries of requests to this server.

mod cursor;
mod query;

use annals_core::ids::ApiRequestId;
use annals_core::record::{ApiRequest, NewApiRequest, RequestActor, RequestActorKind, RequestFacts, RequestTarget};
use annals_core::wire::{self, ApiRequestActorType, Timestamp};
use annals_engine::Engine;
use annals_engine::api_requests::{Entry, Place, Receipt, RequestsPage, Side};
use axum::extract::State;

use super::answer::Answer;
use super::auth::{Caller, EnvironmentCaller};
use super::body::JsonBody;
use super::documented::{ApiRequestParameters, BodyRefusals, EnvironmentOnly, IdempotencyHeader, NotFound, Refusals, WrongQuery};
use super::idempotency::IdempotencyKey;
use super::list_digest::ListDigest;
use super::path::PathId;
use super::problem::Problem;
use query::Asked;

/// List API requests
///
/// Newest first, unless `sort` says otherwise. A key of an organization sees the entries of its organization.
#[utoipa::path(
    get, path = "/v1/audit_logs", operation_id = "list_api_requests", tag = "api-requests",
    params(ApiRequestParameters),
    responses((status = 200, description = "A page of entries", body = wire::ApiRequests), Refusals, NotFound, WrongQuery)
)]
pub async fn list(State(engine): State<Engine>, Caller(scope): Caller, asked: Asked) -> Result<Answer, Problem> {
    let (query, list) = asked.by(&scope)?;
    let page = engine.api_requests().list(&scope, &query).await.map_err(Problem::api_request(&""))?;
    Ok(Answer::ok(&page_to_wire(page, list)))
}

/// Read an API request
#[utoipa::path(
    get, path = "/v1/audit_logs/{id}", operation_id = "get_api_request", tag = "api-requests",
    params(("id" = String, Path, description = "Id of the entry")),
    responses((status = 200, description = "The entry", body = wire::ApiRequest), Refusals, NotFound)
)]
pub async fn get(
    State(engine): State<Engine>,
    Caller(scope): Caller,
    PathId(id): PathId<ApiRequestId>,
) -> Result<Answer, Problem> {
    let request = engine.api_requests().get(&scope, id).await.map_err(Problem::api_request(&id))?;
    Ok(Answer::ok(&to_wire(request)))
}

/// Record API requests
///
/// One entry or an array of up to 1000, all or none. Answers when they are durable. An entry with an idempotency key is kept once within
/// 24 hours; the header's key counts for the entries without their own, in an array with `/` and the index after it.
#[utoipa::path(
    post, path = "/v1/audit_logs", operation_id = "create_api_requests", tag = "api-requests",
    params(IdempotencyHeader),
    request_body = wire::OneOrMany<wire::CreateApiRequest>,
    responses(
        (status = 200, description = "Stored before, with the same idempotency key", body = wire::Receipt),
        (status = 201, description = "Stored", body = wire::Published),
        Refusals, EnvironmentOnly, NotFound, BodyRefusals
    )
)]
pub async fn publish(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    key: IdempotencyKey,
    JsonBody(sent): JsonBody<wire::OneOrMany<wire::CreateApiRequest>>,
) -> Result<Answer, Problem> {
    let (sent, array) = sent.into_vec();
    let entries = sent.into_iter().enumerate().map(|(index, entry)| from_wire(entry, || key.of_item(index, array))).collect();
    let receipts = engine.api_requests().publish(&caller.scope, entries).await.map_err(Problem::entries)?;
    Ok(Answer::published(receipts.into_iter().map(receipt).collect(), array))
}

fn receipt(receipt: Receipt) -> wire::Receipt {
    match receipt {
        Receipt::Stored(id) => wire::Receipt::Stored { id: id.to_string() },
        Receipt::Replayed => wire::Receipt::Replayed,
    }
}

fn from_wire(sent: wire::CreateApiRequest, key: impl FnOnce() -> Option<String>) -> Entry {
    let kind = match sent.actor.kind {
        ApiRequestActorType::User => RequestActorKind::User,
        ApiRequestActorType::ApiKey => RequestActorKind::ApiKey,
    };
    let request = RequestFacts {
        action: sent.action,
        actor: RequestActor { id: sent.actor.id, kind, name: sent.actor.name },
        client_ip: sent.client_ip,
        method: sent.method,
        path: sent.path,
        status_code: sent.status_code,
        user_agent: sent.user_agent,
        target: sent.target.map(|target| RequestTarget { id: target.id, kind: target.kind }),
    };
    let created_at = sent.created_at.map(|at| at.0);
    Entry {
        organization: sent.organization_id,
        request: NewApiRequest { organization: None, created_at, request },
        idempotency_key: sent.idempotency_key.or_else(key),
    }
}

fn page_to_wire(page: RequestsPage, list: ListDigest) -> wire::ApiRequests {
    let beside = |side, item: Option<&ApiRequest>| item.map(|item| cursor::print(list, side, &Place::of(item)));
    let pagination = wire::Pagination {
        next_cursor: if page.has_after { beside(Side::After, page.items.last()) } else { None },
        previous_cursor: if page.has_before { beside(Side::Before, page.items.first()) } else { None },
        total_count: page.total,
    };
    wire::ApiRequests { items: page.items.into_iter().map(to_wire).collect(), pagination }
}

fn to_wire(entry: ApiRequest) -> wire::ApiRequest {
    let RequestFacts { action, actor, client_ip, method, path, status_code, user_agent, target } = entry.request;
    let kind = match actor.kind {
        RequestActorKind::User => ApiRequestActorType::User,
        RequestActorKind::ApiKey => ApiRequestActorType::ApiKey,
    };
    wire::ApiRequest {
        id: entry.id.to_string(),
        action,
        actor: wire::ApiRequestActor { id: actor.id, name: actor.name, kind },
        client_ip,
        created_at: Timestamp(entry.created_at),
        method,
        path,
        status_code,
        user_agent: user_agent.unwrap_or_default(),
        target: target.map(|target| wire::ApiRequestTarget { id: target.id, kind: target.kind }),
        organization_id: entry.organization.map(|id| id.to_string()),
    }
}
