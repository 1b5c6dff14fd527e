//! What happens around every request: its id, its measurement, its time limit, and an answer also when a handler panics.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use super::leftover::Leftover;
use super::limits::{Held, Keeper};
use super::metrics::{Metrics, Running};
use super::problem::{Cause, Problem};
use super::recording::Recorder;
use super::request_id::{RequestIds, X_REQUEST_ID};

#[derive(Clone)]
pub struct Envelope {
    inner: Arc<Inner>,
}

struct Inner {
    request_ids: RequestIds,
    metrics: Metrics,
    request_timeout: Duration,
    /// Absent: no request gets an entry in the API-request log.
    recorder: Option<Recorder>,
    start: Instant,
    /// Whole seconds after `start`.
    last_warning: AtomicU64,
}

impl Envelope {
    pub fn new(metrics: Metrics, request_timeout: Duration, recorder: Option<Recorder>) -> Self {
        let inner = Inner {
            request_ids: RequestIds::new(),
            metrics,
            request_timeout,
            recorder,
            start: Instant::now(),
            last_warning: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    fn log(&self, request_id: &str, running: &Running, status: StatusCode, cause: Option<&Cause>) {
        let (method, route, status_code) = (running.method(), running.route(), status.as_u16());
        match cause {
            None => tracing::debug!(request_id, method, route, status = status_code, "answered"),
            // Overload refuses thousands of requests a second: writing a line for each would make it worse.
            Some(cause) if status == StatusCode::SERVICE_UNAVAILABLE => {
                if self.may_warn() {
                    tracing::warn!(request_id, method, route, status = status_code, %cause, "request refused");
                }
            }
            Some(cause) => tracing::error!(request_id, method, route, status = status_code, %cause, "request failed"),
        }
    }

    /// At most once a second.
    fn may_warn(&self) -> bool {
        let now = self.inner.start.elapsed().as_secs() + 1;
        self.inner.last_warning.swap(now, Ordering::Relaxed) != now
    }
}

pub async fn envelope(State(envelope): State<Envelope>, request: Request, next: Next) -> Response {
    let id = envelope.inner.request_ids.next();
    let running = envelope.inner.metrics.begin(&request);
    let (request, leftover) = Leftover::of(request);
    let mut response = envelope.inner.run(request, next, running.route()).await;
    let status = response.status();
    let cause = response.extensions_mut().remove::<Cause>();
    envelope.log(id.to_str().unwrap_or_default(), &running, status, cause.as_ref());
    response.headers_mut().insert(X_REQUEST_ID, id);
    if !leftover.drain().await {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    running.end(status);
    response
}

impl Inner {
    /// The answer, after its entry in the API-request log if it gets one.
    async fn run(&self, request: Request, next: Next, route: &str) -> Response {
        let Some(recorder) = &self.recorder else { return settle(request, next, self.request_timeout).await };
        if let Some(operation) = recorder.operation(&request, route) {
            // Boxed, so that requests without an entry do not carry the room for one.
            return Box::pin(recorder.answer(operation, request, next, self.request_timeout)).await;
        }
        let mut response = settle(request, next, self.request_timeout).await;
        if response.status() == StatusCode::UNAUTHORIZED {
            Box::pin(recorder.refusal(&mut response)).await;
        }
        response
    }
}

/// An answer in any case: also when the handler panics, or does not end in time.
pub(super) async fn settle(mut request: Request, next: Next, within: Duration) -> Response {
    let held = Held::default();
    request.extensions_mut().insert(held.clone());
    let keeper = Keeper::of(held);
    let response = match tokio::time::timeout(within, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => Problem::panicked(panic_text(&*panic)).into_response(),
        Err(_) => Problem::out_of_time().into_response(),
    };
    keeper.finish();
    response
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// Clients whose base URL ends in a slash send `//organizations` (wire contract §0.1).
pub fn collapse_leading_slashes<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let Some(target) = request.uri().path_and_query().map(axum::http::uri::PathAndQuery::as_str) else { return request };
    if !target.starts_with("//") {
        return request;
    }
    let collapsed = format!("/{}", target.trim_start_matches('/'));
    if let Ok(uri) = collapsed.parse() {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use axum::{Router, middleware};
    use tower::ServiceExt;

    use super::*;

    async fn check(path: &str, status: u16, message: &str) {
        let envelope_of_test = Envelope::new(Metrics::of_this_process(), Duration::from_millis(50), None);
        let routes = Router::new()
            .route("/panics", get(async || -> StatusCode { panic!("on purpose") }))
            .route("/hangs", get(async || std::future::pending::<StatusCode>().await))
            .layer(middleware::from_fn_with_state(envelope_of_test, envelope));
        let response = routes.oneshot(Request::builder().uri(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert!(
            response.headers().contains_key(X_REQUEST_ID)
                && response.headers()["content-type"] == "application/json; charset=utf-8",
            "{path}"
        );
        assert_eq!(response.headers().contains_key("retry-after"), status == 503, "{path}");
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(body["message"].as_str().unwrap().starts_with(message), "{path}: {body}");
    }

    #[tokio::test]
    async fn handlers_that_panic_or_hang_are_answered() {
        check("/panics", 500, "Internal server error").await;
        check("/hangs", 503, "The request took too long.").await;
    }

    #[test]
    fn only_leading_slashes_collapse() {
        for (sent, routed) in [
            ("//organizations", "/organizations"),
            ("////organizations?a=//b", "/organizations?a=//b"),
            ("/organizations//x", "/organizations//x"),
            ("//", "/"),
            ("/", "/"),
        ] {
            let uri = axum::http::Uri::try_from(sent).unwrap();
            let request = axum::http::Request::builder().uri(uri).body(Body::empty()).unwrap();
            assert_eq!(collapse_leading_slashes(request).uri().to_string(), routed, "{sent}");
        }
    }
}
