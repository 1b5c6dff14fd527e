//! What happens around every request: its id, its measurement, its time limit, and an answer also when a handler panics.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use super::App;
use super::problem::{Cause, Problem};
use super::request_id::X_REQUEST_ID;

pub async fn envelope(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = app.request_ids().next();
    let running = app.metrics().begin(&request);
    let answered = tokio::time::timeout(app.config().request_timeout, AssertUnwindSafe(next.run(request)).catch_unwind());
    let mut response = match answered.await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => Problem::panicked(panic_text(&*panic)).into_response(),
        Err(_) => Problem::out_of_time().into_response(),
    };
    let status = response.status();
    if let Some(cause) = response.extensions_mut().remove::<Cause>() {
        let (method, route) = (running.method(), running.route());
        tracing::error!(request_id = id.to_str().unwrap_or_default(), method, route, status = status.as_u16(), %cause, "request failed");
    }
    response.headers_mut().insert(X_REQUEST_ID, id);
    running.end(status);
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
    use axum::body::Body;

    use super::*;

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
