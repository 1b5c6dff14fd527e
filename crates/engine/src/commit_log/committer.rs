//! The one writer of a shard. Steps 1 to 9 of the commit log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use annals_core::ids::{CommitNumber, OrganizationId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::batch::Batch;
use super::blob::{AuditRecord, Body, Encoder, Record};
use super::keys::{KeyIndexError, Merged, Seconds, Seen};
use super::state::{LogState, key_entry, seconds};
use super::tail::{Tail, TailCommit, event_id};
use super::{Appended, Health, NotAppended, RetireError, Waiting, Work, recover};
use crate::clock::Clock;
use crate::store::{Fence, Store, StoreError, StoredCommit};

/// How often a commit's outcome is looked for before its requests are told to come back.
const SETTLE_ATTEMPTS: u32 = 3;
const SETTLE_PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked for afterwards.
const SETTLE_AGAIN: Duration = Duration::from_secs(1);
/// Before keys are sealed again after a failure.
const SEAL_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Committer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    fence: Fence,
    state: LogState,
    encoder: Encoder,
    tail: Arc<Tail>,
    health: Arc<Mutex<Health>>,
    /// A commit that may be stored or not. Nothing is committed before that is known.
    unsettled: Option<Sealed>,
    merging: Option<JoinHandle<Result<Merged, KeyIndexError>>>,
    seal_failed_at: Option<Instant>,
}

/// A commit ready to be stored.
struct Sealed {
    body: Body,
    stored: StoredCommit,
}

/// What each request of a batch will be told once the commit is durable.
struct Outcomes(Vec<(Waiting2, Appended)>);

/// A request whose event was moved into the commit.
type Waiting2 = (tokio::sync::oneshot::Sender<Result<Appended, NotAppended>>, tokio::sync::OwnedSemaphorePermit);

impl Committer {
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        fence: Fence,
        state: LogState,
        tail: Arc<Tail>,
        health: Arc<Mutex<Health>>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            store,
            clock,
            fence,
            state,
            encoder: Encoder::new()?,
            tail,
            health,
            unsettled: None,
            merging: None,
            seal_failed_at: None,
        })
    }

    pub async fn run(mut self, mut queue: mpsc::Receiver<Work>) {
        while let Some(work) = self.next_work(&mut queue).await {
            let mut next = Some(work);
            while let Some(work) = next.take() {
                match work {
                    Work::Append(first) => {
                        let (batch, other) = Batch::gather(first, &mut queue);
                        self.commit(batch).await;
                        self.bound_keys().await;
                        next = other;
                    }
                    Work::Retire { through, done } => {
                        // The flush job may have been dropped meanwhile; it starts again from the store.
                        let _ = done.send(self.retire(through).await);
                    }
                    Work::Probe { mark, seen } => {
                        let now = self.clock.now().max(self.state.received_at);
                        let known = self.state.keys.probe_batch(&[key_entry(mark, now)], seconds(now));
                        let _ = seen.send(known.ok().and_then(|known| known.first().copied()).unwrap_or(Seen::Never));
                    }
                    // What is in the queue is still taken; later senders are refused.
                    Work::Drain => queue.close(),
                }
            }
        }
    }

    /// While a commit's outcome is open it is looked for again and again, also when nobody sends anything.
    async fn next_work(&mut self, queue: &mut mpsc::Receiver<Work>) -> Option<Work> {
        while self.unsettled.is_some() {
            match tokio::time::timeout(SETTLE_AGAIN, queue.recv()).await {
                Ok(work) => return work,
                // An error leaves it open.
                Err(_) => drop(self.ready().await),
            }
        }
        queue.recv().await
    }

    async fn commit(&mut self, batch: Batch) {
        if let Err(reason) = self.ready().await {
            return refuse(batch.waiting.into_iter().map(|waiting| waiting.outcome), reason);
        }
        let started = Instant::now();
        let seen = match self.seen(&batch) {
            Ok(seen) => seen,
            Err(error) => {
                tracing::error!(%error, "idempotency keys cannot be looked up");
                return refuse(batch.waiting.into_iter().map(|w| w.outcome), "idempotency keys cannot be looked up");
            }
        };
        let (records, outcomes) = self.assign(batch, &seen);
        if records.0.is_empty() {
            return outcomes.acknowledge();
        }
        let events = records.0.len();
        match self.store(records).await {
            Ok(()) => {
                metrics::histogram!("annals_commit_seconds").record(started.elapsed().as_secs_f64());
                metrics::counter!("annals_events_committed_total").increment(events as u64);
                metrics::counter!("annals_commits_total").increment(1);
                // 6. Acknowledge: the commit is durable and readers see it.
                outcomes.acknowledge();
            }
            Err(reason) => refuse(outcomes.0.into_iter().map(|((outcome, _), _)| outcome), reason),
        }
    }

    /// Finds out about the last commit first, when that is still open.
    async fn ready(&mut self) -> Result<(), &'static str> {
        if let Health::Stopped(_) = &*self.health.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err("this process no longer records events");
        }
        match self.unsettled.take() {
            None => Ok(()),
            Some(commit) => self.settle(commit, 1).await.map(|_stored| ()),
        }
    }

    /// Step 2: which keys are known. An event without a key is always new.
    fn seen(&self, batch: &Batch) -> Result<Vec<Seen>, KeyIndexError> {
        let now = self.clock.now().max(self.state.received_at);
        let keyed = || batch.waiting.iter().filter_map(|waiting| waiting.append.key);
        let entries: Vec<_> = keyed().map(|mark| key_entry(mark, now)).collect();
        let mut known = self.state.keys.probe_batch(&entries, seconds(now))?.into_iter();
        let of = |waiting: &Waiting, known: &mut std::vec::IntoIter<Seen>| match waiting.append.key {
            Some(_) => known.next().unwrap_or(Seen::Never),
            None => Seen::Never,
        };
        Ok(batch.waiting.iter().map(|waiting| of(waiting, &mut known)).collect())
    }

    /// Step 3: number, received time, ids and seqs.
    fn assign(&self, batch: Batch, seen: &[Seen]) -> (Unnumbered, Outcomes) {
        let received_at = self.clock.now().max(self.state.received_at);
        let number = self.state.last.next().unwrap_or(self.state.last);
        let mut heads: HashMap<OrganizationId, u64> = HashMap::new();
        let mut records = Vec::with_capacity(batch.waiting.len());
        let mut outcomes = Vec::with_capacity(batch.waiting.len());
        for (waiting, seen) in batch.waiting.into_iter().zip(seen) {
            let Waiting { append, outcome, _bytes: permit } = waiting;
            let told = match seen {
                Seen::SameBody => Appended::Replayed,
                Seen::OtherBody => Appended::KeyReused,
                Seen::Never => {
                    let head = heads.entry(append.organization).or_insert_with(|| self.state.head(append.organization));
                    let id = event_id(self.state.shard, number, received_at, records.len());
                    records.push(Record::AuditEvent(AuditRecord {
                        environment: append.environment,
                        organization: append.organization,
                        seq: *head,
                        key: append.key,
                        event: append.event.into_event(),
                    }));
                    *head += 1;
                    Appended::Stored(id)
                }
            };
            outcomes.push(((outcome, permit), told));
        }
        (Unnumbered(records, number, received_at), Outcomes(outcomes))
    }

    /// Steps 4 and 5. An error is what to tell the clients.
    async fn store(&mut self, Unnumbered(records, number, received_at): Unnumbered) -> Result<(), &'static str> {
        if number == self.state.last {
            return Err("the shard is full");
        }
        let body = Body { shard: self.state.shard, number, received_at, records };
        let blob = self.encoder.encode(&body).map_err(|error| {
            tracing::error!(%error, "a commit cannot be encoded");
            "the events cannot be encoded"
        })?;
        metrics::counter!("annals_commit_bytes_total").increment(blob.len() as u64);
        let commit = Sealed { body, stored: StoredCommit { number, blob } };
        // 4. Store. If the process dies inside, start-up finds the row or does not.
        match self.store.commit(self.fence, &commit.stored).await {
            Ok(()) => {
                self.publish(commit.body);
                Ok(())
            }
            Err(StoreError::Unavailable(error)) => {
                tracing::warn!(%error, %number, "a commit's outcome is not known");
                match self.settle(commit, SETTLE_ATTEMPTS).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err("the event could not be stored"),
                    Err(reason) => Err(reason),
                }
            }
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// 5. Apply: from here on readers see it.
    fn publish(&mut self, body: Body) {
        self.state.apply(&body);
        self.tail.push(TailCommit::new(body));
        let size = self.tail.size();
        metrics::gauge!("annals_tail_events").set(size.events as f64);
        metrics::gauge!("annals_tail_bytes").set(size.bytes as f64);
    }

    /// Whether the commit was stored; it is published if so. An error is what to tell clients until that is known.
    async fn settle(&mut self, commit: Sealed, attempts: u32) -> Result<bool, &'static str> {
        for attempt in 0..attempts {
            if attempt > 0 {
                tokio::time::sleep(SETTLE_PAUSE).await;
            }
            match recover::settle(&*self.store, &self.state, &commit.stored).await {
                Ok((fence, stored)) => {
                    self.fence = fence;
                    if stored {
                        self.publish(commit.body);
                    }
                    self.set_health(Health::Good);
                    return Ok(stored);
                }
                Err(StoreError::Unavailable(error)) => self.set_health(Health::Unsettled(error.to_string())),
                Err(error) => return Err(self.stop(&error)),
            }
        }
        self.unsettled = Some(commit);
        Err("the store is unavailable")
    }

    /// Steps 7 to 9.
    async fn retire(&mut self, through: CommitNumber) -> Result<(), RetireError> {
        // A commit whose outcome is open has raised the epoch: only settling it tells the fence to go on with.
        self.ready().await.map_err(RetireError::NotReady)?;
        // Before the seal: too many runs would refuse it.
        self.tidy_keys().await;
        // 7. Seal. Dies the process here, the keys are inserted again from the log.
        self.state.keys.seal(through.get())?;
        // 8. Release. Dies the process here, the rows are gone and the lake has them.
        match self.store.release(self.fence, through, &self.state.raised_heads()).await {
            Err(error @ StoreError::Fenced) => {
                self.stop(&error);
                return Err(error.into());
            }
            released => released?,
        }
        self.state.heads_saved();
        // 9. Forget.
        self.tail.release(through);
        Ok(())
    }

    /// While the lake is out of reach nothing is retired, but keys still must not fill the memory.
    async fn bound_keys(&mut self) {
        if !self.state.keys.wants_seal() || self.seal_failed_at.is_some_and(|failed| failed.elapsed() < SEAL_PAUSE) {
            return;
        }
        self.tidy_keys().await;
        let sealed = self.state.keys.seal(self.state.last.get());
        self.seal_failed_at = sealed.is_err().then(Instant::now);
        if let Err(error) = sealed {
            tracing::error!(%error, "idempotency keys cannot be sealed; they stay in memory");
        }
    }

    /// Drops old runs of keys and merges small ones. A failure costs space and time, never a record.
    async fn tidy_keys(&mut self) {
        let now = seconds(self.clock.now().max(self.state.received_at));
        if let Err(error) = self.state.keys.expire(now) {
            tracing::warn!(%error, "old idempotency keys stay for now");
        }
        if let Err(error) = self.merge_keys(now).await {
            tracing::warn!(%error, "idempotency keys are not merged for now");
        }
    }

    /// One merge of key runs at a time, on another thread: merging millions of keys takes seconds.
    async fn merge_keys(&mut self, now: Seconds) -> Result<(), KeyIndexError> {
        if let Some(merging) = self.merging.take_if(|merging| merging.is_finished()) {
            match merging.await {
                Ok(merged) => self.state.keys.finish_merge(merged?)?,
                Err(error) => tracing::error!(%error, "a merge of idempotency keys ended by a panic"),
            }
        }
        if self.merging.is_none() {
            self.merging = self.state.keys.plan_merge(now).map(|merge| tokio::task::spawn_blocking(move || merge.write()));
        }
        Ok(())
    }

    fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    fn stop(&self, error: &StoreError) -> &'static str {
        tracing::error!(%error, "this process no longer records events");
        self.set_health(Health::Stopped(error.to_string()));
        "this process no longer records events"
    }
}

/// Records of a commit with its number and received time, not yet encoded.
struct Unnumbered(Vec<Record>, CommitNumber, annals_core::time::Micros);

impl Outcomes {
    fn acknowledge(self) {
        for ((outcome, _permit), told) in self.0 {
            // A client that went away does not take its event back.
            let _ = outcome.send(Ok(told));
        }
    }
}

fn refuse(waiting: impl Iterator<Item = tokio::sync::oneshot::Sender<Result<Appended, NotAppended>>>, reason: &'static str) {
    metrics::counter!("annals_appends_refused_total").increment(1);
    for outcome in waiting {
        let _ = outcome.send(Err(NotAppended { reason, retry_after: Duration::from_secs(1) }));
    }
}
