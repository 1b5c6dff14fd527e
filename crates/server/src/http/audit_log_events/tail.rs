//! Audit events while they are recorded, as server-sent events.
//!
//! A reader pulls: events are read from the log when the connection takes them, so a slow reader costs a page of memory and no more.
//! The id of every event is a place in the log: a reader that comes back with the last one misses nothing and sees nothing twice.

use std::pin::pin;
use std::time::Duration;

use annals_core::event::CommittedEvent;
use annals_core::ids::AuditEventId;
use annals_core::secret::ApiKeySecret;
use annals_core::wire;
use annals_engine::audit_events::{AuditEventsError, Follow};
use annals_engine::tenants::{Scope, Turn};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::documented::{LongUrl, UnknownEvent};
use super::filter::EventFilter;
use crate::http::App;
use crate::http::auth::{Caller, bearer};
use crate::http::documented::{NotFound, Refusals, WrongParameters};
use crate::http::problem::Problem;
use crate::http::query::Parameters;

/// A comment is sent after so long without an event, so that both sides notice when the other has gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the key is checked again, beside after every page that was read.
const KEY_CHECK: Duration = Duration::from_secs(15);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that collect an answer before they hand it on would hold events back.
const UNBUFFERED: (HeaderName, HeaderValue) = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// The last event that the reader saw, if it comes back. The header is what browsers send by themselves.
pub struct LastEventId(Option<AuditEventId>);

/// The caller's key itself, to be checked again.
pub struct Key(ApiKeySecret);

/// Follow audit events
///
/// Server-sent events: each has the event's id, the name `audit_log_event`, and the event as JSON on one line. Begins now, or after the event
/// in `Last-Event-ID`: nothing is lost or repeated when a connection breaks. Ends when the key expires or the server stops.
#[utoipa::path(
    get, path = "/v1/audit_log_events/tail", operation_id = "follow_audit_log_events", tag = "audit-logs",
    params(EventFilter, LastEventId),
    responses(
        (status = 200, description = "Events, for as long as both sides like", body = String, content_type = "text/event-stream"),
        Refusals, UnknownEvent, NotFound, LongUrl, WrongParameters
    )
)]
pub async fn tail(
    State(app): State<App>,
    Caller(scope): Caller,
    Key(key): Key,
    EventFilter(filter): EventFilter,
    LastEventId(after): LastEventId,
) -> Result<Response, Problem> {
    let seat = app.tail_seat(&scope)?;
    let organization = filter.organization_shown();
    let follow = app.engine().audit_events().follow(&scope, filter, after).await.map_err(|error| match error {
        AuditEventsError::NotFound => Problem::unknown_event_id(),
        error => Problem::audit_events(&organization)(error),
    })?;
    let stop = app.stopping();
    let tail =
        Tail { app, scope, key, follow, page: Vec::new().into_iter(), check_at: Instant::now() + KEY_CHECK, stop, _seat: seat };
    // The first comment shows the reader that it is connected.
    let begin = stream::iter([Ok(Event::default().comment("following"))]);
    let events = futures::StreamExt::chain(begin, stream::unfold(tail, Tail::next));
    Ok(([UNBUFFERED], Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response())
}

/// One reader.
struct Tail {
    app: App,
    scope: Scope,
    key: ApiKeySecret,
    follow: Follow,
    /// Read and not yet taken by the connection.
    page: std::vec::IntoIter<CommittedEvent>,
    check_at: Instant,
    stop: CancellationToken,
    _seat: Turn,
}

impl Tail {
    /// `None` ends the answer: the reader comes back with the last id that it has.
    async fn next(mut self) -> Option<(Result<Event, axum::Error>, Self)> {
        loop {
            let Self { app, scope, key, follow, page, check_at, stop, .. } = &mut self;
            if Instant::now() >= *check_at {
                if !is_good(app, key, scope).await {
                    return None;
                }
                *check_at = Instant::now() + KEY_CHECK;
            }
            if let Some(event) = page.next() {
                return Some((to_sse(&event), self));
            }
            let reading =
                stop.run_until_cancelled(while_good(follow.next(), (*check_at, KEY_CHECK), || is_good(app, key, scope)));
            match reading.await?? {
                Ok(events) => {
                    *page = events.into_iter();
                    *check_at = Instant::now();
                }
                Err(error) => {
                    tracing::warn!(%error, "a tail ends");
                    return None;
                }
            }
        }
    }
}

/// Cheap: the engine remembers keys for moments.
async fn is_good(app: &App, key: &ApiKeySecret, scope: &Scope) -> bool {
    matches!(app.engine().tenants().authenticate(key.expose()).await, Ok(Some(found)) if found == *scope)
}

/// Brings `reading` to its end, or to `None` when a check says no; the first is due at a time, the next ones every so often. Reading years
/// of history for a rare event takes longer than the time between two checks: a check must not begin it anew.
async fn while_good<T, C>(
    reading: impl Future<Output = T>,
    (mut check_at, every): (Instant, Duration),
    check: impl Fn() -> C,
) -> Option<T>
where
    C: Future<Output = bool>,
{
    let mut reading = pin!(reading);
    loop {
        match timeout_at(check_at, reading.as_mut()).await {
            Ok(read) => return Some(read),
            Err(_) if check().await => check_at = Instant::now() + every,
            Err(_) => return None,
        }
    }
}

fn to_sse(event: &CommittedEvent) -> Result<Event, axum::Error> {
    Event::default().id(event.id.to_string()).event("audit_log_event").json_data(wire::AuditLogEvent::of(event))
}

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let of_header = parts.headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty());
        let of_header = of_header.map(|value| value.to_str().map_err(|_| Problem::unknown_event_id())).transpose()?;
        let parameters = Parameters::of(parts);
        let text = of_header.or_else(|| parameters.get("last_event_id"));
        text.map(str::parse).transpose().map(Self).map_err(|_| Problem::unknown_event_id())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        bearer(parts).and_then(ApiKeySecret::from_text).map(Self).ok_or_else(Problem::unauthorized)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_read_that_takes_longer_than_checks_are_apart_comes_to_its_end() {
        let every = Duration::from_millis(20);
        let read = async |checks_passed: u32| {
            let checks = Cell::new(0);
            let check = || std::future::ready(checks.replace(checks.get() + 1) < checks_passed);
            let reading = async {
                tokio::time::sleep(every * 4).await;
                "read"
            };
            let read = while_good(reading, (Instant::now() + every, every), check).await;
            assert!(checks.get() > 0);
            read
        };
        assert_eq!(read(u32::MAX).await, Some("read"));
        assert_eq!(read(0).await, None);
    }
}
