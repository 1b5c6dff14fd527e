//! Idempotent POST requests (wire contract §0.6): the same key and body within 24 hours gets the first answer again.
//!
//! Audit events do not come here: the commit log remembers their keys. Only successes are kept, so a retry after a failure executes.

use std::future::Future;
use std::sync::Arc;

use annals_core::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use annals_core::wire::FromBody;
use annals_engine::answers::{Begun, KeptAnswer, unkept};
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

/// Makes the answer that a change stores, for as long as its request's key is taken.
pub type Keeper<C> = Box<dyn Fn(&C) -> Option<KeptAnswer> + Send + Sync>;

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

    /// Makes the change, whose answer is stored with it, or gives the stored answer.
    pub async fn answer<C, F, Fut>(self, scope: &Scope, to_answer: fn(&C) -> Answer, change: F) -> Result<Answer, Problem>
    where
        C: Send + 'static,
        F: FnOnce(T, Keeper<C>) -> Fut,
        Fut: Future<Output = Result<C, Problem>> + Send + 'static,
    {
        let Some(key) = self.key else {
            return Ok(to_answer(&change(self.value, Box::new(unkept)).await?));
        };
        let begun = self.app.engine().answers().begin(scope, &self.request, &key, self.digest).await;
        let in_flight = match begun.map_err(Problem::answer(&key))? {
            Begun::Replay(stored) => {
                let status = StatusCode::from_u16(stored.status).map_err(Problem::internal)?;
                return Ok(Answer { status, body: stored.body.into() });
            }
            Begun::First(in_flight) => Arc::new(in_flight),
        };
        let keeper = {
            let in_flight = Arc::clone(&in_flight);
            Box::new(move |changed: &C| {
                let answer = to_answer(changed);
                Some(in_flight.kept(answer.status.as_u16(), answer.body.to_vec()))
            })
        };
        let changing = change(self.value, keeper);
        // A task of its own: when the client hangs up in the middle, its retry must wait until it is known what became of the change.
        let task = self.app.background().spawn(async move {
            let changed = changing.await;
            drop(in_flight);
            changed
        });
        Ok(to_answer(&task.await.unwrap_or_else(|ended| Err(Problem::internal(ended)))?))
    }
}
