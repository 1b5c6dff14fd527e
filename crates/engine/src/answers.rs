//! Idempotent answers of ordinary POST requests (wire contract §0.6), kept for 24 hours. Events have their own way: their keys are in
//! the commit log.
//!
//! Of several requests with one key one executes and the others wait for it. Its answer is stored in the transaction of its change, so
//! whenever the process dies, a retry either gets the answer or finds nothing done.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::store::{AnswerKey, Store, StoreError};
pub use crate::store::{Keep, KeptAnswer, StoredAnswer, unkept};
use crate::tenants::Scope;

/// How long an answer counts. Deleting it later is a chore.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a request waits for another one with its key. Less than clients wait for an answer.
const WAIT_MAX: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone)]
pub struct Answers {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    running: Running,
}

/// Keys whose first request has not finished. A channel closes when it has, which wakes those who wait.
type Running = Arc<Mutex<HashMap<AnswerKey, watch::Receiver<()>>>>;

/// What to do with a request that carries a key.
#[derive(Debug)]
pub enum Begun {
    /// Send this again.
    Replay(StoredAnswer),
    /// Execute it, and hand the change what [`InFlight::kept`] makes of its answer.
    First(InFlight),
}

/// The right to execute. Dropping it lets the next request with the key in, which executes if no answer was stored.
#[must_use = "dropping it frees the key"]
pub struct InFlight {
    clock: Arc<dyn Clock>,
    request_digest: [u8; 32],
    place: Place,
}

#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// 400: the key was used with another body.
    #[error("idempotency key reused with another body")]
    KeyReused,
    /// 503 with `Retry-After`: the first request with this key has not finished.
    #[error("the first request with this key is still running")]
    Unavailable { retry_after: Duration },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Answers {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, running: Running::default() }
    }

    /// `request` is method and path, such as `POST /organizations`; `request_digest` is SHA-256 of the body.
    ///
    /// # Errors
    /// The key belongs to another body, its first request runs for too long, or the store fails.
    pub async fn begin(&self, scope: &Scope, request: &str, key: &str, request_digest: [u8; 32]) -> Result<Begun, AnswerError> {
        let key = AnswerKey { environment: scope.environment_id(), digest: key_digest(scope, request, key) };
        self.begin_within(WAIT_MAX, key, request_digest).await
    }

    async fn begin_within(&self, wait_max: Duration, key: AnswerKey, request_digest: [u8; 32]) -> Result<Begun, AnswerError> {
        let waited = tokio::time::timeout(wait_max, Place::take(&self.running, &key)).await;
        let place = waited.map_err(|_| AnswerError::Unavailable { retry_after: RETRY_AFTER })?;
        let oldest = self.clock.now().saturating_sub(LIFETIME);
        match self.store.answer(&key).await?.filter(|answer| answer.at > oldest) {
            Some(answer) if answer.request_digest == request_digest => Ok(Begun::Replay(answer)),
            Some(_) => Err(AnswerError::KeyReused),
            None => Ok(Begun::First(InFlight { clock: Arc::clone(&self.clock), request_digest, place })),
        }
    }
}

impl InFlight {
    /// The answer as it is to be stored with the change, to be replayed for 24 hours.
    #[must_use]
    pub fn kept(&self, status: u16, body: Vec<u8>) -> KeptAnswer {
        let answer = StoredAnswer { request_digest: self.request_digest, status, body, at: self.clock.now() };
        KeptAnswer { key: self.place.key.clone(), answer }
    }
}

impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InFlight")
    }
}

/// The one place of a key among the running requests. Dropping it lets the next one in.
struct Place {
    running: Running,
    key: AnswerKey,
    /// Closes when this is dropped.
    _finished: watch::Sender<()>,
}

impl Place {
    /// Waits as long as another request has it.
    async fn take(running: &Running, key: &AnswerKey) -> Self {
        loop {
            let mut other = match running.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()) {
                Entry::Vacant(vacant) => {
                    let (finished, waiting) = watch::channel(());
                    vacant.insert(waiting);
                    return Self { running: Arc::clone(running), key: key.clone(), _finished: finished };
                }
                Entry::Occupied(occupied) => occupied.get().clone(),
            };
            // Nothing is ever sent: this ends by the channel's closing.
            let _ = other.changed().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Before the channel closes, so that whoever wakes up finds the place free.
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Keys of one owner never meet those of another: an organization's own key must not learn which keys others used.
fn key_digest(scope: &Scope, request: &str, key: &str) -> [u8; 32] {
    Sha256::new().chain_update(scope.owner_bytes()).chain_update(request).chain_update([0]).chain_update(key).finalize().into()
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
