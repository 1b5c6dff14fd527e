//! The older Audit Trail API (wire contract §7): `POST /events` and `GET /events`. Below `/legacy` stands the same API, for operators who
//! want certainty about which one answers.

use annals_core::event::TrailEvent;
use annals_core::wire::{self, AuditEventCreated, CreateTrailEvent, List};
use annals_engine::Page;
use annals_engine::append::UnknownGroup;
use annals_engine::tenants::Scope;
use axum::extract::State;

use super::App;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RawBody;
use super::documented::{IdempotencyHeader, Refusals, TrailRefusals, WrongParameters};
use super::idempotency::IdempotencyKey;
use super::problem::Problem;
use super::query::list;
use super::trail_query::TrailQuery;

/// Record an event of the older Audit Trail API
///
/// The group leads to an organization: by its id, its external id or one of its domains. When none is found, one is made with the group
/// as its name and external id, unless the server is told otherwise. The event becomes an audit event of that organization; no schema is
/// needed. With an idempotency key, the same event is recorded once within 24 hours.
#[utoipa::path(
    post, path = "/events", operation_id = "create_audit_trail_event", tag = "audit-trail",
    params(IdempotencyHeader),
    request_body = CreateTrailEvent,
    responses((status = 201, description = "Recorded", body = AuditEventCreated), TrailRefusals)
)]
pub async fn create(
    State(app): State<App>,
    Caller(scope): Caller,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Answer, Problem> {
    let event = TrailEvent::parse(if body.is_empty() { b"{}" } else { &body }).map_err(Problem::trail)?;
    let unknown = if app.config().audit_trail_create_organizations { UnknownGroup::Create } else { UnknownGroup::Refuse };
    let receipt = app.engine().append_trail(&scope, event, key.as_deref(), unknown).await;
    receipt.map(|_| Answer::created(&AuditEventCreated { success: true })).map_err(Problem::append_trail(key.as_deref()))
}

/// Record an event of the older Audit Trail API
///
/// The same as `POST /events`.
#[utoipa::path(
    post, path = "/legacy/events", operation_id = "create_legacy_audit_trail_event", tag = "audit-trail",
    params(IdempotencyHeader),
    request_body = CreateTrailEvent,
    responses((status = 201, description = "Recorded", body = AuditEventCreated), TrailRefusals)
)]
pub async fn create_legacy(app: State<App>, caller: Caller, key: IdempotencyKey, body: RawBody) -> Result<Answer, Problem> {
    create(app, caller, key, body).await
}

/// List events of the older Audit Trail API
///
/// Newest first; `before` walks to older events and `after` to newer ones, unless `order` says otherwise.
#[utoipa::path(
    get, path = "/legacy/events", operation_id = "list_legacy_audit_trail_events", tag = "audit-trail",
    params(TrailQuery),
    responses((status = 200, description = "A page of events", body = List<wire::TrailEvent>), Refusals, WrongParameters)
)]
pub async fn list_legacy(State(app): State<App>, Caller(scope): Caller, query: TrailQuery) -> Result<Answer, Problem> {
    page(&app, &scope, query).await.map(|page| Answer::ok(&page))
}

/// One page of what came over this API.
pub async fn page(app: &App, scope: &Scope, query: TrailQuery) -> Result<List<wire::TrailEvent>, Problem> {
    let page = app.engine().audit_events().list(scope, query.filter, &query.page).await;
    let Page { items, before, after } = page.map_err(Problem::audit_events(&""))?;
    let items = items.iter().filter_map(wire::TrailEvent::of).collect();
    Ok(list(Page { items, before, after }, |event| event))
}
