//! Reading audit events: lists, single events, what is being recorded, and counts. Any key may; an organization's key sees its own
//! organization only. And purging old ones, which only an environment's key may.

mod cursor;
mod documented;
pub(super) mod filter;
mod purge;
mod stats;
mod tail;

use annals_core::ids::AuditEventId;
use annals_core::wire;
use annals_engine::{Engine, Order, Page};
use axum::extract::State;

use super::answer::Answer;
use super::auth::Caller;
use super::documented::{NotFound, Refusals, WrongParameters};
use super::list_digest::ListDigest;
use super::path::PathId;
use super::problem::Problem;
use cursor::PageParameters;
use documented::{InvalidCursor, LongUrl};
use filter::EventFilter;
pub use purge::{__path_purge, purge};
pub use stats::{__path_stats, stats};
pub use tail::{__path_tail, tail};

/// List audit events
///
/// In the order in which they were recorded, newest first. Kinds of filters combine with AND, entries of one list with OR.
#[utoipa::path(
    get, path = "/v1/audit_log_events", operation_id = "list_audit_log_events", tag = "audit-logs",
    params(EventFilter, PageParameters),
    responses(
        (status = 200, description = "A page of events", body = wire::List<wire::AuditLogEvent>),
        Refusals, InvalidCursor, NotFound, LongUrl, WrongParameters
    )
)]
pub async fn list_events(
    State(engine): State<Engine>,
    Caller(scope): Caller,
    EventFilter(filter): EventFilter,
    page: PageParameters,
) -> Result<Answer, Problem> {
    let (digest, organization) = (ListDigest::of(&scope, &(&filter, page.order == Order::Asc)), filter.organization_shown());
    let events = engine.audit_events().list(&scope, filter, &page.query(digest)?).await;
    let Page { items, before, after } = events.map_err(Problem::audit_events(&organization))?;
    let items: Vec<_> = items.iter().map(wire::AuditLogEvent::of).collect();
    Ok(Answer::ok(&wire::List::new(items, digest.cursors(before, after))))
}

/// Read an audit event
#[utoipa::path(
    get, path = "/v1/audit_log_events/{id}", operation_id = "get_audit_log_event", tag = "audit-logs",
    params(("id" = String, Path, description = "Id of the event")),
    responses((status = 200, description = "The event", body = wire::AuditLogEvent), Refusals, NotFound)
)]
pub async fn get_event(
    State(engine): State<Engine>,
    Caller(scope): Caller,
    PathId(id): PathId<AuditEventId>,
) -> Result<Answer, Problem> {
    let event = engine.audit_events().get(&scope, id).await.map_err(Problem::audit_events(&id))?;
    Ok(Answer::ok(&wire::AuditLogEvent::of(&event)))
}
