//! Recording audit events without waiting for the network.
//!
//! An [`Emitter`] takes events at once and sends them in the background: in batches, compressed, in the order in which they were
//! emitted, again and again until the server has answered for each. What happens while the server is away is a decision that
//! somebody must make, so it is a [`Mode`]:
//!
//! | | while the server is away | if the process is killed | `emit` waits for |
//! |---|---|---|---|
//! | [`Mode::FailOpen`] | events wait in memory, then they are dropped, counted, logged | what waits is lost | nothing |
//! | [`Mode::FailClosed`] | events wait in memory, then `emit` fails | what waits is lost | nothing; [`emit_and_wait`](Emitter::emit_and_wait) for the server |
//! | [`Mode::Spool`] | events wait on disk, then `emit` fails | nothing that `emit` acknowledged is lost | the disk |
//!
//! ```no_run
//! use annals_client::emitter::{Emitter, Mode, Spool};
//! use annals_client::wire::{Actor, AuditEvent, Target};
//! use annals_client::{Client, now};
//! use std::time::Duration;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let emitter = Emitter::builder(Client::from_env()?)
//!     .mode(Mode::Spool(Spool::at("/var/lib/billing/audit-spool")))
//!     .build()?;
//!
//! let event = AuditEvent::new("invoice.deleted", now(), Actor::new("user", "user_1"))
//!     .target(Target::new("invoice", "inv_7"))
//!     .location("203.0.113.7");
//! emitter.emit(event.of("org_01EHWNCE74X7JSDV0X3SZ3KJNY")).await?; // on disk: `kill -9` and power cuts do not lose it
//!
//! emitter.shutdown(Duration::from_secs(10)).await; // what is left is sent by the next emitter on the spool
//! # Ok(())
//! # }
//! ```
//!
//! # Exactly once
//!
//! Every event gets its idempotency key when it is emitted, and keeps it in the spool, over restarts and kills. An event is sent
//! until the server has answered for it, and one batch at a time is on its way. So the only events that could become two are
//! those of one batch whose answer was lost; the server recognises them by their keys, **for 24 hours** after it stored them.
//!
//! An event that was never sent may wait as long as it likes: no attempt, no copy. Before the first attempt of a batch the spool
//! notes, durably, what is about to be sent and when, and takes the note back when it is certain that nothing was stored (no
//! connection, 401, 403, 404, 429 …). If the outcome of an attempt is still unknown more than 20 hours later (the answer was
//! lost, and then the server could not be asked again for that long; the four hours are for clocks that disagree), the batch
//! is sent again nevertheless, because a missing audit event is worse than a doubled one. That is not hidden: the keys are
//! reported as [`Trouble::PerhapsTwice`], logged as an error, and counted in [`Stats::perhaps_twice`].
//!
//! So: **no acknowledged event is lost, and none is there twice unless it was reported as perhaps there twice.** This needs a
//! spool that is used by one emitter at a time (a lock sees to that), a disk that keeps what it has synced, and a wall clock
//! that is not set back by hours during such an outage.
//!
//! # What the server does not want
//!
//! An event that the server refuses (it breaks its schema, its organization does not exist) does not hold up the others. It is
//! logged with its content, reported as [`Trouble::Refused`], counted, and with a spool kept in `refused.ndjson` with the reason.
//! When the server refuses whole requests (401, 403, 404: a wrong key, a wrong address), events are kept, and the pauses between
//! the attempts grow to five minutes.

mod batch_route;
mod builder;
mod courier;
mod drain;
mod exchange;
mod outbox;
mod outcome;
mod pauses;
mod place;
mod queue;
mod requests_route;
mod route;
mod shared;
mod spool;
mod stats;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use builder::{EmitterBuildError, EmitterBuilder, Mode};
pub use outbox::Emit;
pub use outcome::{Emitted, NotEmitted, NotStored, Refused, Trouble};
pub use spool::{Spool, SpoolSync};
pub use stats::Stats;

pub(crate) use builder::Settings;
pub(crate) use outbox::Outbox;
pub(crate) use place::BatchLimits;
pub(crate) use queue::QueueLimits;
pub(crate) use requests_route::RequestsRoute;

use crate::Client;
use crate::wire::BatchItem;

/// One event as JSON. The server takes 64 KiB; what is between is refused by it, with a reason.
const JSON_BYTES_MAX: usize = 1024 * 1024;

/// Takes audit events and sends them in the background. Cheap to clone; the clones share everything. When the last one is
/// dropped, a spool keeps what was not sent, and memory gets five seconds to send it: call [`shutdown`](Self::shutdown).
///
/// See [the module](self) for its promises.
#[derive(Clone)]
pub struct Emitter {
    inner: Arc<Inner>,
}

struct Inner {
    outbox: Outbox,
    keys: Keys,
}

impl Emitter {
    /// ```no_run
    /// # use annals_client::{Client, emitter::{Emitter, Mode}};
    /// # fn build(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let emitter = Emitter::builder(client).mode(Mode::FailClosed).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn builder(client: Client) -> EmitterBuilder {
        EmitterBuilder::new(client)
    }

    fn new(outbox: Outbox) -> Result<Self, EmitterBuildError> {
        Ok(Self { inner: Arc::new(Inner { outbox, keys: Keys::draw()? }) })
    }

    /// Takes the event, now, and gives it its place in the order: not only when the result is awaited. Never waits for the
    /// network, and never blocks. The result resolves at once, in [`Mode::Spool`] when the event is on disk.
    ///
    /// Takes a [`CreateAuditEvent`](crate::wire::CreateAuditEvent), or a [`BatchItem`] with an idempotency key of the caller's
    /// own, which then must be a new one for each event.
    ///
    /// # Errors
    /// The event was not taken, except in [`Mode::FailOpen`], which says [`Emitted::Dropped`].
    pub fn emit(&self, event: impl Into<BatchItem>) -> Emit {
        self.inner.outbox.push(self.json(event.into()), None)
    }

    /// Emits the event and waits until the server has it, however long that takes: `tokio::time::timeout` ends the waiting, not
    /// the sending. Such events do not wait for a batch to fill.
    ///
    /// # Errors
    /// The event was not taken, or the server refused it, or the emitter was closed first.
    pub async fn emit_and_wait(&self, event: impl Into<BatchItem>) -> Result<(), NotStored> {
        let (stored, outcome) = tokio::sync::oneshot::channel();
        match self.inner.outbox.push(self.json(event.into()), Some(stored)).await? {
            Emitted::Dropped(reason) => Err(reason.into()),
            Emitted::Queued | Emitted::Spooled => outcome.await.unwrap_or(Err(NotStored::Abandoned)),
        }
    }

    /// Waits until the server has answered for everything that was emitted before, however long that takes. `false` when the
    /// emitter was closed first.
    pub async fn flush(&self) -> bool {
        self.inner.outbox.flush().await
    }

    /// Takes no more events, sends what is there until `deadline`, and ends the background threads. A spool may be opened again
    /// afterwards. The statistics say what was left: in [`Stats::spooled`], or lost, in [`Stats::dropped`].
    pub async fn shutdown(&self, deadline: Duration) -> Stats {
        self.inner.outbox.shutdown(deadline).await
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.outbox.stats()
    }

    fn json(&self, mut item: BatchItem) -> Result<Vec<u8>, serde_json::Error> {
        if item.idempotency_key.as_deref().is_none_or(str::is_empty) {
            item.idempotency_key = Some(self.inner.keys.next());
        }
        serde_json::to_vec(&item)
    }
}

/// Idempotency keys: 128 random bits drawn once, and a number. No two emitters draw alike.
pub(crate) struct Keys {
    drawn: u128,
    given: AtomicU64,
}

impl Keys {
    pub fn draw() -> Result<Self, EmitterBuildError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| EmitterBuildError::Random(error.to_string()))?;
        Ok(Self { drawn: u128::from_le_bytes(bytes), given: AtomicU64::new(0) })
    }

    pub fn next(&self) -> String {
        format!("emit-{:032x}-{}", self.drawn, self.given.fetch_add(1, Relaxed))
    }
}

/// No lock here is held over a call that could leave things half done, so one that was poisoned is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
