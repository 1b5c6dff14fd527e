//! Keeping the API-request log of an application: a [`tower_layer::Layer`] around any HTTP service.
//!
//! ```no_run
//! use annals_client::Client;
//! use annals_client::layer::{RequestDetails, RequestLog};
//! use axum::extract::{ConnectInfo, MatchedPath};
//! use axum::{Extension, Router, routing::get};
//! use std::net::SocketAddr;
//! use std::time::Duration;
//!
//! async fn project() -> (Extension<RequestDetails>, &'static str) {
//!     // What only the handler knows goes into the response's extensions.
//!     (Extension(RequestDetails::new().organization("org_1").target("project", "p_7")), "…")
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let log = RequestLog::builder(Client::from_env()?)
//!     .route(|request| Some(request.extensions.get::<MatchedPath>()?.as_str().to_owned()))
//!     .client_ip(|request| Some(request.extensions.get::<ConnectInfo<SocketAddr>>()?.ip()))
//!     .describe(|request| match request.headers.get("x-user").and_then(|user| user.to_str().ok()) {
//!         Some(user) => RequestDetails::new().user(user),
//!         None => RequestDetails::new(),
//!     })
//!     .build()?;
//!
//! let app = Router::new().route("/projects/{id}", get(project)).layer(log.clone());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
//! log.shutdown(Duration::from_secs(10)).await;
//! # Ok(())
//! # }
//! ```
//!
//! Every request is one entry: method, path without the query, status, client address, user agent, the time at which it came,
//! who made it and what it was about. Nothing here delays or fails a request: entries leave by the same way as an
//! [`Emitter`](crate::Emitter)'s events, with the same [`Mode`](crate::emitter::Mode)s, and a request whose entry finds no room is served all
//! the same. What goes wrong is logged and counted in [`RequestLog::stats`].

mod builder;
mod details;
mod entry;
mod service;

use std::sync::Arc;
use std::time::Duration;

pub use builder::RequestLogBuilder;
pub use details::RequestDetails;
pub use service::{RecordRequests, Recorded};

use crate::Client;
use crate::emitter::{EmitterBuildError, Keys, Outbox, Stats};
use crate::wire::CreateApiRequest;
use entry::Rules;

/// Records the requests of the services around which it is laid. Cheap to clone; the clones share everything.
#[derive(Clone)]
pub struct RequestLog {
    inner: Arc<Inner>,
}

struct Inner {
    outbox: Outbox,
    keys: Keys,
    rules: Rules,
}

impl RequestLog {
    #[must_use]
    pub fn builder(client: Client) -> RequestLogBuilder {
        RequestLogBuilder::new(client)
    }

    fn new(outbox: Outbox, rules: Rules) -> Result<Self, EmitterBuildError> {
        Ok(Self { inner: Arc::new(Inner { outbox, keys: Keys::draw()?, rules }) })
    }

    /// Waits until the server has answered for every entry so far. `false` when the log was closed first.
    pub async fn flush(&self) -> bool {
        self.inner.outbox.flush().await
    }

    /// Takes no more entries, sends what is there until `deadline`, and ends the background threads.
    pub async fn shutdown(&self, deadline: Duration) -> Stats {
        self.inner.outbox.shutdown(deadline).await
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.outbox.stats()
    }

    fn record(&self, mut entry: CreateApiRequest) {
        entry.idempotency_key = Some(self.inner.keys.next());
        // In a spool it is on its way to the disk. Nobody waits for that: the request goes first.
        self.inner.outbox.push_and_forget(serde_json::to_vec(&entry));
    }
}

#[cfg(test)]
mod tests;
