//! What is left of a request's body when the answer is known before the body was read: a wrong key, an unknown route.
//!
//! An answer on top of unread bytes breaks the connection, and with it often the answer: the client is still sending. So a small rest is
//! read and thrown away, and after a large one the client is told that the connection ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use annals_core::limits::BODY_BYTES_MAX;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use hyper::body::{Body as _, Frame, SizeHint};

/// How long a client may take to send what nobody wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keeps hold of a body that a handler may drop.
pub struct Leftover(Arc<Mutex<Body>>);

/// The body as the handler gets it.
struct Lent(Arc<Mutex<Body>>);

impl Leftover {
    pub fn of(request: Request) -> (Request, Self) {
        let (head, body) = request.into_parts();
        let body = Arc::new(Mutex::new(body));
        (Request::from_parts(head, Body::new(Lent(Arc::clone(&body)))), Self(body))
    }

    /// Reads the rest. Whether it came to the end.
    pub async fn drain(self) -> bool {
        if with(&self.0, |body| body.is_end_stream()) {
            return true;
        }
        tokio::time::timeout(PATIENCE, self.read_on()).await.unwrap_or(false)
    }

    async fn read_on(&self) -> bool {
        let mut read = 0;
        while read <= BODY_BYTES_MAX {
            match std::future::poll_fn(|context| with(&self.0, |body| Pin::new(body).poll_frame(context))).await {
                None => return true,
                Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) => return false,
            }
        }
        false
    }
}

// Never contended: the handler has finished before the rest is read.
fn with<T>(body: &Mutex<Body>, use_it: impl FnOnce(&mut Body) -> T) -> T {
    use_it(&mut body.lock().unwrap_or_else(PoisonError::into_inner))
}

impl hyper::body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        with(&self.0, |body| Pin::new(body).poll_frame(context))
    }
    fn is_end_stream(&self) -> bool {
        with(&self.0, |body| body.is_end_stream())
    }
    fn size_hint(&self) -> SizeHint {
        with(&self.0, |body| body.size_hint())
    }
}
