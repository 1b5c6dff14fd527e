//! The service around a service. Looks at heads only, and passes every body on as it is.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::entry::Begun;
use super::{RequestDetails, RequestLog};

/// Nobody waited for the answer: what the web server nginx logs then.
const CLIENT_WENT_AWAY: u16 = 499;
/// The service failed below HTTP.
const NO_ANSWER: u16 = 500;

/// A service whose requests are recorded.
#[derive(Clone)]
pub struct RecordRequests<S> {
    inner: S,
    log: RequestLog,
}

/// The answer of a service whose requests are recorded.
pub struct Recorded<F> {
    answer: Pin<Box<F>>,
    open: Open,
}

/// Records the request when it is dropped, should nobody have done so before: then the client went away.
struct Open {
    begun: Option<Begun>,
    log: RequestLog,
}

impl<S> Layer<S> for RequestLog {
    type Service = RecordRequests<S>;

    fn layer(&self, inner: S) -> RecordRequests<S> {
        RecordRequests { inner, log: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for RecordRequests<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Recorded<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let begun = self.log.inner.rules.begin(&parts);
        let open = Open { begun: Some(begun), log: self.log.clone() };
        Recorded { answer: Box::pin(self.inner.call(Request::from_parts(parts, body))), open }
    }
}

impl<F, R, E> Future for Recorded<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.answer.as_mut().poll(context);
        match &answer {
            Poll::Pending => {}
            Poll::Ready(Ok(response)) => {
                self.open.close(response.status().as_u16(), response.extensions().get::<RequestDetails>());
            }
            Poll::Ready(Err(_)) => self.open.close(NO_ANSWER, None),
        }
        answer
    }
}

impl Open {
    fn close(&mut self, status_code: u16, answered: Option<&RequestDetails>) {
        if let Some(entry) = self.begun.take().and_then(|begun| begun.end(status_code, answered)) {
            self.log.record(entry);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close(CLIENT_WENT_AWAY, None);
    }
}
