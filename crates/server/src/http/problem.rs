//! The one map from errors to statuses (wire contract §10), and the refusals that HTTP itself makes. Nothing else picks a status of 400
//! or above.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use annals_core::event::{FieldErrors, Rejected};
use annals_core::json::JsonError;
use annals_core::limits::GROUP_RECORDS_MAX;
use annals_core::wire::{
    BatchAnswer, ErrorMessage, FieldProblem, InvalidAuditEvent, InvalidBody, RefusedItem, ShownId, ValidationFailed,
};
use annals_engine::answers::AnswerError;
use annals_engine::api_requests::{EntriesError, RequestsError};
use annals_engine::append::AppendError;
use annals_engine::audit_events::AuditEventsError;
use annals_engine::exports::{DownloadError, ExportError};
use annals_engine::feed::{FeedError, PublishError};
use annals_engine::tenants::{ApiKeyError, Forbidden, OrganizationError, SchemaError};
use annals_engine::{PurgeError, StoreError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use super::answer::{JSON, json_bytes};
use super::recording::Refused;

/// A refused or failed request, ready to be sent.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    body: Bytes,
    retry_after: Option<Duration>,
    cause: Option<Cause>,
    refused: Option<Refused>,
}

/// What the log says about a failure that the client only sees as a number.
#[derive(Debug, Clone)]
pub struct Cause(Arc<str>);

/// What a 404 is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    Organization,
    Export,
    ApiKey,
    ApiRequest,
    Action,
    AuditEvent,
}

/// For failures that pass by themselves.
const RETRY_SOON: Duration = Duration::from_secs(1);
/// For readers that stay, until others have left.
const RETRY_TAIL: Duration = Duration::from_secs(10);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

impl Problem {
    fn new(status: StatusCode, body: &impl Serialize) -> Self {
        Self { status, body: json_bytes(body), retry_after: None, cause: None, refused: None }
    }
    fn message(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, &ErrorMessage::new(message))
    }
    fn coded(status: StatusCode, message: impl Into<Cow<'static, str>>, code: &'static str) -> Self {
        Self::new(status, &ErrorMessage::coded(message, code))
    }
    fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after.min(RETRY_AFTER_MAX)), ..self }
    }
    /// Whose key was refused, for the API-request log.
    pub fn of(self, refused: Refused) -> Self {
        Self { refused: Some(refused), ..self }
    }
    fn because(self, cause: impl fmt::Display) -> Self {
        Self { cause: Some(Cause(cause.to_string().into())), ..self }
    }

    // ---- refusals of HTTP itself ----

    pub fn unauthorized() -> Self {
        Self::message(StatusCode::UNAUTHORIZED, "Unauthorized")
    }
    pub fn no_route() -> Self {
        Self::message(StatusCode::NOT_FOUND, "Not Found")
    }
    pub fn method_not_allowed() -> Self {
        Self::message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
    }
    pub fn too_large() -> Self {
        Self::message(StatusCode::PAYLOAD_TOO_LARGE, "request entity too large")
    }
    pub fn unsupported_media_type(supported: &'static str) -> Self {
        Self::message(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("the request body must be {supported}"))
    }
    pub fn unsupported_encoding() -> Self {
        Self::message(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content encoding must be gzip, zstd or identity")
    }
    pub fn not_unpacked(error: impl fmt::Display) -> Self {
        Self::message(StatusCode::BAD_REQUEST, format!("the request body cannot be decompressed: {error}"))
    }
    pub fn too_many_items() -> Self {
        Self::message(StatusCode::PAYLOAD_TOO_LARGE, format!("a batch must have at most {GROUP_RECORDS_MAX} items"))
    }
    pub fn too_many_batches() -> Self {
        Self::unavailable("Too many batches at the same time.", RETRY_SOON, "no turn for a batch in time")
    }
    /// Of this caller.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        // Rounded up: whoever comes back a moment too early is refused once more.
        let whole = Duration::from_secs(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0));
        Self::coded(StatusCode::TOO_MANY_REQUESTS, "Too many requests.", "rate_limit_exceeded").retry_after(whole)
    }
    /// Of all callers together.
    pub fn busy(retry_after: Duration) -> Self {
        Self::unavailable("Too many requests at the same time.", retry_after, "no room for another request")
    }
    pub fn incomplete_body() -> Self {
        Self::coded(StatusCode::BAD_REQUEST, "the request body ended early", "incomplete_body")
    }
    /// 400, not 408: some clients send a 408 again at once, and a slow sender would only fill the server again.
    pub fn slow_body() -> Self {
        Self::coded(StatusCode::BAD_REQUEST, "the request body did not arrive in time", "incomplete_body")
    }
    pub fn wrong_parameter(name: &str, what: impl fmt::Display) -> Self {
        let errors = vec![FieldProblem { field: name.to_owned(), code: format!("{name} {what}") }];
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, &ValidationFailed { message: "Validation failed.".into(), errors })
    }
    /// The events of the feed must be named (wire contract §6).
    pub fn no_event_names() -> Self {
        let message = "One or more event names (e.g. dsync.user.created) must be provided using the events parameter.";
        Self::coded(StatusCode::BAD_REQUEST, message, "invalid_events_request")
    }
    /// A wrong parameter of `GET /v1/audit_logs` is a 400 (wire contract §8).
    pub fn invalid_parameter(name: &str, what: impl fmt::Display) -> Self {
        Self::coded(StatusCode::BAD_REQUEST, format!("{name} {what}"), "invalid_parameter")
    }
    pub fn invalid_cursor() -> Self {
        Self::coded(StatusCode::BAD_REQUEST, "cursor is not of a list with these filters and this sort", "invalid_cursor")
    }
    pub fn panicked(cause: impl fmt::Display) -> Self {
        Self::internal(format_args!("panicked: {cause}"))
    }
    pub fn out_of_time() -> Self {
        let message =
            "The request took too long. It may have been carried out; sending it again with the same idempotency key is safe.";
        Self::message(StatusCode::SERVICE_UNAVAILABLE, message).retry_after(RETRY_SOON).because("no answer in time")
    }
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error").because(cause)
    }
    pub fn unavailable(message: impl Into<Cow<'static, str>>, retry_after: Duration, cause: impl fmt::Display) -> Self {
        Self::message(StatusCode::SERVICE_UNAVAILABLE, message).retry_after(retry_after).because(cause)
    }
    /// `reason` is ours, and says no more than an operator tells a client.
    fn not_accepting(what: &str, retry_after: Duration, reason: &'static str) -> Self {
        Self::unavailable(format!("Not accepting {what} now: {reason}."), retry_after, reason)
    }

    /// # Errors
    /// Some part does not work. The client learns which one, the log learns why.
    pub fn not_ready<const N: usize>(parts: [(&'static str, Result<(), String>); N]) -> Result<(), Self> {
        let failing: Vec<_> = parts.into_iter().filter_map(|(name, state)| Some((name, state.err()?))).collect();
        if failing.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = failing.iter().map(|(name, _)| *name).collect();
        let reasons: Vec<_> = failing.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        Err(Self::unavailable(format!("not ready: {}", names.join(", ")), RETRY_SOON, reasons.join("; ")))
    }

    // ---- refusals that name what they are about ----

    pub fn not_found(entity: Entity, id: &dyn fmt::Display) -> Self {
        let id = ShownId(&id.to_string()).to_string();
        let body = ErrorMessage { entity_id: Some(id.clone()), ..ErrorMessage::coded(entity.not_found(&id), "entity_not_found") };
        Self::new(StatusCode::NOT_FOUND, &body)
    }
    pub fn organization(id: &dyn fmt::Display) -> impl FnOnce(OrganizationError) -> Self {
        move |error| match error {
            OrganizationError::NotFound => Self::not_found(Entity::Organization, id),
            OrganizationError::DomainTaken { domain } => {
                Self::message(StatusCode::CONFLICT, format!("An Organization with the domain {domain} already exists."))
            }
            OrganizationError::ExternalIdTaken => Self::unprocessed("external_id_already_used"),
            OrganizationError::StripeCustomerIdTaken => Self::unprocessed("stripe_customer_id_already_used"),
            OrganizationError::TooMuchMetadata => Self::unprocessed("invalid_metadata"),
            OrganizationError::Store(error) => error.into(),
        }
    }
    fn unprocessed(code: &'static str) -> Self {
        Self::coded(StatusCode::BAD_REQUEST, "Request could not be processed.", code)
    }
    /// Creating an export for an unknown organization is a 400 (wire contract §2).
    pub fn organization_of_export(id: &str) -> impl FnOnce(OrganizationError) -> Self {
        move |error| match error {
            OrganizationError::NotFound => {
                Self::message(StatusCode::BAD_REQUEST, Entity::Organization.not_found(&ShownId(id).to_string()))
            }
            other => Self::organization(&id)(other),
        }
    }
    pub fn api_key(id: &dyn fmt::Display) -> impl FnOnce(ApiKeyError) -> Self {
        move |error| match error {
            ApiKeyError::NotFound => Self::not_found(Entity::ApiKey, id),
            ApiKeyError::AlreadyExpired => {
                Self::coded(StatusCode::CONFLICT, "The API key has already expired.", "api_key_already_expired")
            }
            ApiKeyError::Store(error) => error.into(),
        }
    }
    pub fn action(name: &str) -> impl FnOnce(SchemaError) -> Self {
        move |error| match error {
            SchemaError::NotFound => Self::not_found(Entity::Action, &name),
            SchemaError::Invalid { field, reason } => Self::wrong_parameter(&field, reason),
            SchemaError::TooManyVersions => Self::wrong_parameter("action", "has the largest number of versions"),
            SchemaError::Store(error) => error.into(),
        }
    }
    pub fn export(id: &dyn fmt::Display) -> impl FnOnce(ExportError) -> Self {
        move |error| match error {
            ExportError::NotFound => Self::not_found(Entity::Export, id),
            ExportError::InvalidRange => {
                Self::coded(StatusCode::BAD_REQUEST, "Invalid date range", "invalid_audit_log_export_range_date")
            }
            ExportError::Full { retry_after } => Self::too_many_requests(retry_after),
            ExportError::Store(error) => error.into(),
        }
    }
    pub fn download(id: &dyn fmt::Display) -> impl FnOnce(DownloadError) -> Self {
        move |error| match error {
            DownloadError::Refused => {
                Self::message(StatusCode::FORBIDDEN, "The link has expired or was altered. Read the export again for a new one.")
            }
            DownloadError::Gone => Self::not_found(Entity::Export, id),
            DownloadError::Files(error) => Self::internal(error),
            DownloadError::Store(error) => error.into(),
        }
    }
    /// A link without a complete ticket is an altered link.
    pub fn altered_link() -> Self {
        Self::download(&"")(DownloadError::Refused)
    }
    /// `what` is the id that the request names: of the organization, or of the event.
    pub fn audit_events(what: &dyn fmt::Display) -> impl FnOnce(AuditEventsError) -> Self {
        move |error| match error {
            AuditEventsError::OrganizationNotFound => Self::not_found(Entity::Organization, what),
            AuditEventsError::NotFound => Self::not_found(Entity::AuditEvent, what),
            AuditEventsError::TooManyBuckets => Self::wrong_parameter("interval", format_args!("makes {error}")),
            AuditEventsError::TooManyGroups => Self::wrong_parameter("group_by", format_args!("makes {error}")),
            AuditEventsError::Unavailable(error) => Self::unavailable("Audit events cannot be read now.", RETRY_SOON, error),
            AuditEventsError::Damaged(error) => Self::internal(error),
            AuditEventsError::Store(error) => error.into(),
        }
    }
    pub fn purge(error: PurgeError) -> Self {
        match error {
            PurgeError::Lake(error) => Self::unavailable("The lake cannot be changed now.", RETRY_SOON, error),
            PurgeError::Flush(error) => Self::unavailable("The lake cannot be changed now.", RETRY_SOON, error),
            PurgeError::Unrecorded { retry_after, reason } => {
                Self::unavailable(format!("Some old events could not go: {reason}."), retry_after, reason)
            }
            PurgeError::Store(error) => error.into(),
        }
    }
    pub fn unknown_event_id() -> Self {
        Self::coded(StatusCode::BAD_REQUEST, "There is no event of this id to go on after.", "unknown_event_id")
    }
    pub fn too_many_tails() -> Self {
        Self::unavailable("Too many readers are following.", RETRY_TAIL, "tails")
    }
    pub fn append(organization: &str, key: Option<&str>) -> impl FnOnce(AppendError) -> Self {
        move |error| match error {
            AppendError::OrganizationNotFound => Self::not_found(Entity::Organization, &organization),
            AppendError::Forbidden(forbidden) => forbidden.into(),
            AppendError::NotConfigured { .. } => {
                Self::message(StatusCode::BAD_REQUEST, format!("Invalid Audit Log event: {error}"))
            }
            AppendError::Violations(violations) => Self::new(StatusCode::BAD_REQUEST, &InvalidAuditEvent::new(violations)),
            AppendError::TooMuch => Self::too_large(),
            AppendError::KeyReused => Self::key_reused(key.unwrap_or_default()),
            AppendError::Unavailable { retry_after, reason } => Self::not_accepting("events", retry_after, reason),
            AppendError::Store(error) => error.into(),
        }
    }
    pub fn api_request(id: &dyn fmt::Display) -> impl FnOnce(RequestsError) -> Self {
        move |error| match error {
            RequestsError::NotFound => Self::not_found(Entity::ApiRequest, id),
            RequestsError::OrganizationNotFound(id) => Self::not_found(Entity::Organization, &id),
            RequestsError::Unavailable(error) => Self::unavailable("API requests cannot be read now.", RETRY_SOON, error),
            RequestsError::Damaged(error) => Self::internal(error),
        }
    }
    pub fn entries(error: EntriesError) -> Self {
        match error {
            EntriesError::OrganizationNotFound { organization } => Self::not_found(Entity::Organization, &organization),
            EntriesError::KeyReused { key } => Self::key_reused(&key),
            EntriesError::Unavailable { retry_after, reason } => Self::not_accepting("entries", retry_after, reason),
            EntriesError::Store(error) => error.into(),
        }
    }
    /// Of one event, or of an array of them: then fields begin with the event's index.
    pub fn publish(is_array: bool) -> impl FnOnce(PublishError) -> Self {
        move |error| match error {
            PublishError::Forbidden(error) => error.into(),
            PublishError::OrganizationNotFound(id) => Self::not_found(Entity::Organization, &id),
            PublishError::Context { at, reason } => {
                let field = if is_array { format!("{at}.context") } else { "context".to_owned() };
                Self::wrong_parameter(&field, reason)
            }
            PublishError::KeyReused { key } => Self::key_reused(&key),
            PublishError::Unavailable { retry_after, reason } => Self::not_accepting("events", retry_after, reason),
            PublishError::Store(error) => error.into(),
        }
    }
    /// The older Audit Trail API writes its sentence without a full stop.
    pub fn trail(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Malformed(error) => error.into(),
            Rejected::Invalid(errors) => {
                let body = ValidationFailed { message: "Validation failed".into(), ..ValidationFailed::new(errors) };
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, &body)
            }
        }
    }
    pub fn append_trail(key: Option<&str>) -> impl FnOnce(AppendError) -> Self {
        move |error| match error {
            AppendError::OrganizationNotFound => {
                let mut errors = FieldErrors::default();
                errors.add("group", "group must be an organization's id, external id or domain");
                Self::trail(Rejected::Invalid(errors))
            }
            other => Self::append("", key)(other),
        }
    }
    /// An atomic batch with items that were refused.
    pub fn batch(answer: BatchAnswer) -> Self {
        let message = Some(format!("Nothing was stored: {} of {} items were refused.", answer.refused, answer.results.len()));
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, &BatchAnswer { message, ..answer })
    }
    /// The same refusal as one item of a batch.
    pub fn into_item(self) -> RefusedItem {
        let refused = serde_json::from_slice::<RefusedItem>(&self.body);
        // Every refusal of an event is an object with a message.
        let refused = refused.unwrap_or_else(|_| RefusedItem { message: "Refused.".to_owned(), ..RefusedItem::default() });
        RefusedItem { http_status: self.status.as_u16(), ..refused }
    }
    pub fn answer(key: &str) -> impl FnOnce(AnswerError) -> Self {
        move |error| match error {
            AnswerError::KeyReused => Self::key_reused(key),
            AnswerError::Unavailable { retry_after } => {
                Self::unavailable("The first request with this idempotency key has not finished.", retry_after, "answers")
            }
            AnswerError::Store(error) => error.into(),
        }
    }
    fn key_reused(key: &str) -> Self {
        let message = format!(
            "Another idempotency key ({key}) with different request parameters was found. Please use a different idempotency key."
        );
        Self::message(StatusCode::BAD_REQUEST, message)
    }
}

impl Entity {
    fn not_found(self, id: &str) -> String {
        let what = match self {
            Self::Organization => "Organization",
            Self::Export => "Audit Log Export",
            Self::ApiKey => "API Key",
            Self::ApiRequest => "API Request",
            Self::Action => "Audit Log Action",
            Self::AuditEvent => "Audit Log Event",
        };
        format!("{what} not found: '{id}'.")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Fenced => Self::unavailable("Not available now.", RETRY_SOON, error),
            // Somebody else changed the same thing at the same time; the next try reads what they wrote.
            StoreError::Taken(_) => Self::unavailable("Somebody changed this at the same time.", RETRY_SOON, error),
            StoreError::Damaged { .. } => Self::internal(error),
        }
    }
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Unavailable(_) => Self::unavailable("Not available now.", RETRY_SOON, error),
            FeedError::Damaged(_) => Self::internal(error),
        }
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::message(StatusCode::BAD_REQUEST, format!("malformed JSON: {error}"))
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Malformed(error) => error.into(),
            Rejected::Invalid(errors) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, &ValidationFailed::new(errors)),
        }
    }
}

impl From<InvalidBody> for Problem {
    fn from(invalid: InvalidBody) -> Self {
        match invalid {
            InvalidBody::Fields(body) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, &body),
            InvalidBody::Coded(body) => Self::new(StatusCode::BAD_REQUEST, &body),
            InvalidBody::Messages(body) => Self::new(StatusCode::BAD_REQUEST, &body),
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(forbidden: Forbidden) -> Self {
        Self::message(StatusCode::FORBIDDEN, forbidden.to_string())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, JSON)], self.body).into_response();
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        if let Some(refused) = self.refused {
            response.extensions_mut().insert(refused);
        }
        response
    }
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
