//! `POST /audit_logs/events`: the path that everything else makes way for.

use annals_core::event::NewEvent;
use annals_core::wire;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::App;
use super::answer::JSON;
use super::auth::Caller;
use super::body::RawBody;
use super::documented::{EventRefusals, IdempotencyHeader};
use super::idempotency::IdempotencyKey;
use super::problem::Problem;

/// The event is durable.
pub struct Recorded;

impl IntoResponse for Recorded {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, JSON)], Bytes::from_static(b"{\"success\":true}")).into_response()
    }
}

/// Record an event
///
/// Answers when the event is durable. With an idempotency key, the same event is recorded once within 24 hours, however often it is sent.
#[utoipa::path(
    post, path = "/audit_logs/events", operation_id = "create_audit_log_event", tag = "audit-logs",
    params(IdempotencyHeader),
    request_body = wire::CreateAuditEvent,
    responses((status = 200, description = "Recorded", body = wire::AuditEventCreated), EventRefusals)
)]
pub async fn create(
    State(app): State<App>,
    Caller(scope): Caller,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Recorded, Problem> {
    let event = NewEvent::parse(if body.is_empty() { b"{}" } else { &body })?;
    let organization = event.organization.clone();
    let receipt = app.engine().append(&scope, event, key.as_deref()).await;
    receipt.map(|_| Recorded).map_err(Problem::append(&organization, key.as_deref()))
}
