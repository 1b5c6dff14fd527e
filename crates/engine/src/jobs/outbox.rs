//! Moves events of the server's own changes from the store's outbox into the commit log, in order, each exactly once.
//!
//! The steps, with what is true if the process dies right after each:
//!
//! 1. **Read** the oldest events. *Nothing happened.*
//! 2. **Append** them, each with an idempotency mark that is made from its place in the outbox. *They are in the feed, and still in the
//!    outbox: the next start appends them again, and the commit log answers "replayed".*
//! 3. **Clear** what is in the commit log. *Done.*
//!
//! A failure repeats from step 1, so nothing overtakes. Marks count for as long as idempotency keys do, 24 hours: an event would come twice
//! only if the process died between the steps 2 and 3 and stayed down for longer.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Backoff, or_stop, pause};
use crate::commit_log::{Append, Appended, CommitLog, KeyMark, NewRecord, NotAppended, Together};
use crate::store::{OutboxEvent, Store, StoreError};

/// How often it looks without being woken: for changes of other nodes, and of requests whose clients left before the end.
const LOOK: Duration = Duration::from_secs(5);
const EVENTS_PER_STEP: u32 = 256;
/// Events of one step, unless a single one is larger.
const BYTES_PER_STEP: usize = 4 * 1024 * 1024;
/// Part of the digests, so that no key of a request can be one of these.
const REQUEST: &[u8] = b"outbox";

pub(crate) struct OutboxJob {
    pub store: Arc<dyn Store>,
    pub log: Arc<CommitLog>,
    /// Notified after changes.
    pub told: Arc<Notify>,
}

#[derive(Debug, thiserror::Error)]
enum MoveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] NotAppended),
    #[error("two events of the outbox have one mark")]
    Marks,
}

impl OutboxJob {
    pub async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::default();
        loop {
            // Not dropped in the middle when the server stops: a step is short, and finishing it saves the next start from repeating it.
            let go_on = match self.step().await {
                Ok(0) => {
                    backoff.reset();
                    or_stop(tokio::time::timeout(LOOK, self.told.notified()), &stop).await.is_some()
                }
                Ok(_) => {
                    backoff.reset();
                    !stop.is_cancelled()
                }
                Err(error) => {
                    tracing::warn!(%error, "events of changes wait in the outbox");
                    pause(backoff.next(), &stop).await
                }
            };
            if !go_on {
                return;
            }
        }
    }

    /// How many events were moved.
    async fn step(&self) -> Result<usize, MoveError> {
        // 1.
        let mut events = self.store.outbox(EVENTS_PER_STEP).await?;
        events.truncate(fitting(&events));
        let Some(last) = events.last().map(|event| event.place) else { return Ok(0) };
        // 2.
        let count = events.len();
        let outcomes = self.log.append_all(events.into_iter().map(append).collect(), Together::Each).await?;
        if outcomes.iter().any(|outcome| !matches!(outcome, Appended::Stored(_) | Appended::Replayed)) {
            return Err(MoveError::Marks);
        }
        // 3.
        self.store.clear_outbox(last).await?;
        Ok(count)
    }
}

/// The events that one step takes: at least one.
fn fitting(events: &[OutboxEvent]) -> usize {
    let mut bytes = 0;
    let fits = |waiting: &&OutboxEvent| {
        bytes += waiting.event.bytes();
        bytes <= BYTES_PER_STEP
    };
    events.iter().take_while(fits).count().max(1)
}

fn append(waiting: OutboxEvent) -> Append {
    let key = Some(mark(&waiting));
    Append { environment: waiting.environment, record: NewRecord::FeedEvent(waiting.event), key }
}

/// The place alone would do, as long as nobody puts back an old database beside newer runs of keys: so the content is part of it.
fn mark(waiting: &OutboxEvent) -> KeyMark {
    let digest = Sha256::new()
        .chain_update(REQUEST)
        .chain_update(waiting.place.to_be_bytes())
        .chain_update(waiting.environment.to_bytes())
        .chain_update(waiting.event.name.as_str())
        .chain_update([0])
        .chain_update(waiting.event.data.as_str())
        .finalize();
    let (mut key, mut body) = ([0; 16], [0; 12]);
    key.copy_from_slice(&digest[..16]);
    body.copy_from_slice(&digest[16..28]);
    KeyMark { key, body }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
