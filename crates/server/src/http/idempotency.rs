//! Idempotent POST requests (wire contract §0.6): the same key and body within 24 hours gets the first answer again.
//!
//! Audit events do not come here: the commit log remembers their keys. Only successes are kept, so a retry after a failure executes.

use std::future::Future;

use annals_core::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use annals_core::wire::FromBody;
use annals_engine::answers::Begun;
use annals_engine::tenants::Scope;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use super::App;
use super::answer::Answer;
use super::body::{RawBody, parse};
use super::problem::Problem;

const HEADER: &str = "idempotency-key";

/// The header's value; an empty one counts as absent.
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        let key = value.to_str().map_err(|_| Problem::wrong_parameter(HEADER, "must be printable ASCII"))?.trim();
        if key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
            return Err(Problem::wrong_parameter(HEADER, format_args!("must be at most {IDEMPOTENCY_KEY_BYTES_MAX} characters")));
        }
        Ok(Self((!key.is_empty()).then(|| key.to_owned())))
    }
}

impl IdempotencyKey {
    /// The key of one item of the request, unless it has its own: in an array with `/` and the item's index after it.
    pub fn of_item(&self, index: usize, is_array: bool) -> Option<String> {
        let Self(key) = self;
        key.as_ref().map(|key| if is_array { format!("{key}/{index}") } else { key.clone() })
    }
}

/// A request that is executed once per key.
pub struct Once<T> {
    app: App,
    key: Option<String>,
    /// Method and path: the same key elsewhere is another key.
    request: String,
    digest: [u8; 32],
    value: T,
}

impl<T: FromBody> FromRequest<App> for Once<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, app).await?;
        let name = format!("{} {}", parts.method, parts.uri.path());
        let RawBody(bytes) = RawBody::from_request(Request::from_parts(parts, body), app).await?;
        let value = parse(&bytes)?;
        Ok(Self { app: app.clone(), key, request: name, digest: Sha256::digest(&bytes).into(), value })
    }
}

impl<T> Once<T> {
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Executes, or gives the stored answer.
    pub async fn answer<F, Fut>(self, scope: &Scope, execute: F) -> Result<Answer, Problem>
    where
        F: FnOnce(T) -> Fut,
        Fut: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        let Some(key) = self.key else { return execute(self.value).await };
        let begun = self.app.engine().answers().begin(scope, &self.request, &key, self.digest).await;
        let in_flight = match begun.map_err(Problem::answer(&key))? {
            Begun::Replay(stored) => {
                let status = StatusCode::from_u16(stored.status).map_err(Problem::internal)?;
                return Ok(Answer { status, body: stored.body.into() });
            }
            Begun::First(in_flight) => in_flight,
        };
        let executing = execute(self.value);
        // A task of its own: when the client hangs up in the middle, the answer must still be stored, or its retry would execute again.
        let task = self.app.background().spawn(async move {
            let answer = executing.await?;
            in_flight.finish(answer.status.as_u16(), answer.body.to_vec()).await?;
            Ok(answer)
        });
        task.await.unwrap_or_else(|ended| Err(Problem::internal(ended)))
    }
}
