//! The one writer of a shard. Steps 1 to 9 of the commit log.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use annals_core::ids::{CommitNumber, OrganizationId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::batch::Batch;
use super::blob::{AuditRecord, Body, Encoder, KeyMark, OtherRecord, Record};
use super::keys::{KeyIndexError, Merged, Seconds, Seen};
use super::mark::Mark;
use super::state::{LogState, key_entry, seconds};
use super::tail::{Tail, TailCommit, place};
use super::{Append, Appended, Health, NewRecord, NotAppended, Probe, RetireError, Work, recover};
use crate::clock::Clock;
use crate::crash_point;
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
    mark: Mark,
}

/// A commit ready to be stored.
struct Sealed {
    body: Body,
    stored: StoredCommit,
}

impl Committer {
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        fence: Fence,
        state: LogState,
        tail: Arc<Tail>,
        health: Arc<Mutex<Health>>,
        mark: Mark,
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
            mark,
        })
    }

    pub async fn run(mut self, mut queue: mpsc::Receiver<Work>) {
        while let Some(work) = self.next_work(&mut queue).await {
            let mut next = Some(work);
            while let Some(work) = next.take() {
                match work {
                    Work::Append(first) => {
                        let (mut batch, other) = Batch::gather(first, &mut queue);
                        crash_point::pass("commit.gathered");
                        let probes = std::mem::take(&mut batch.probes);
                        self.commit(batch).await;
                        probes.into_iter().for_each(|probe| self.answer(probe));
                        self.bound_keys().await;
                        next = other;
                    }
                    Work::Retire { through, done } => {
                        // The flush job may have been dropped meanwhile; it starts again from the store.
                        let _ = done.send(self.retire(through).await);
                    }
                    Work::Probe(probe) => self.answer(probe),
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
        let refuse = |reason| NotAppended { reason, retry_after: Duration::from_secs(1) };
        if let Err(reason) = self.ready().await {
            return batch.waiting.refuse(refuse(reason));
        }
        let started = Instant::now();
        let seen = match self.seen(&batch.appends) {
            Ok(seen) => seen,
            Err(error) => {
                tracing::error!(%error, "idempotency keys cannot be looked up");
                return batch.waiting.refuse(refuse("idempotency keys cannot be looked up"));
            }
        };
        crash_point::pass("commit.keys_answered");
        let Batch { appends, waiting, all_or_none, .. } = batch;
        if all_or_none && seen.contains(&Seen::OtherBody) {
            return waiting.tell(left_out(&appends, &seen));
        }
        let (records, outcomes) = self.assign(appends, &seen);
        if records.0.is_empty() {
            return waiting.tell(outcomes);
        }
        crash_point::pass("commit.assigned");
        let events = records.0.len();
        match self.store(records).await {
            Ok(()) => {
                metrics::histogram!("annals_commit_seconds").record(started.elapsed().as_secs_f64());
                metrics::counter!("annals_records_committed_total").increment(events as u64);
                metrics::counter!("annals_commits_total").increment(1);
                // 6. Acknowledge: the commit is durable and readers see it.
                waiting.tell(outcomes);
                crash_point::pass("commit.acknowledged");
            }
            Err(reason) => waiting.refuse(refuse(reason)),
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

    /// Each key by itself: what is known, and not what else is asked.
    fn answer(&self, Probe { marks, seen }: Probe) {
        let now = self.clock.now().max(self.state.received_at);
        let known = |mark: KeyMark| {
            let known = self.state.keys.probe_batch(&[key_entry(mark, now)], seconds(now));
            known.ok().and_then(|known| known.first().copied()).unwrap_or(Seen::Never)
        };
        // Who asked may have gone.
        let _ = seen.send(marks.into_iter().map(known).collect());
    }

    /// Step 2: which keys are known. A record without a key is always new.
    fn seen(&self, appends: &[Append]) -> Result<Vec<Seen>, KeyIndexError> {
        let now = self.clock.now().max(self.state.received_at);
        let entries: Vec<_> = appends.iter().filter_map(|append| append.key).map(|mark| key_entry(mark, now)).collect();
        let mut known = self.state.keys.probe_batch(&entries, seconds(now))?.into_iter();
        let of = |append: &Append| append.key.and_then(|_| known.next()).unwrap_or(Seen::Never);
        Ok(appends.iter().map(of).collect())
    }

    /// Step 3: number, received time, ids and seqs. With what each append will be told once the commit is durable.
    fn assign(&self, appends: Vec<Append>, seen: &[Seen]) -> (Unnumbered, Vec<Appended>) {
        let received_at = self.clock.now().max(self.state.received_at);
        let number = self.state.last.next().unwrap_or(self.state.last);
        let mut heads: HashMap<OrganizationId, u64> = HashMap::new();
        let mut records = Vec::with_capacity(appends.len());
        let mut outcomes = Vec::with_capacity(appends.len());
        for (append, seen) in appends.into_iter().zip(seen) {
            if let Some(known) = known(*seen) {
                outcomes.push(known);
                continue;
            }
            let Append { environment, record, key } = append;
            outcomes.push(Appended::Stored(place(self.state.shard, number, received_at, records.len())));
            records.push(match record {
                NewRecord::AuditEvent { organization, event } => {
                    let head = heads.entry(organization).or_insert_with(|| self.state.head(organization));
                    let seq = *head;
                    *head += 1;
                    Record::AuditEvent(AuditRecord { environment, organization, seq, key, event: event.into_event() })
                }
                NewRecord::FeedEvent(content) => Record::FeedEvent(OtherRecord { environment, key, content }),
                NewRecord::ApiRequest(content) => Record::ApiRequest(OtherRecord { environment, key, content }),
            });
        }
        (Unnumbered(records, number, received_at), outcomes)
    }

    /// Steps 4 and 5. An error is what to tell the clients.
    async fn store(&mut self, Unnumbered(records, number, received_at): Unnumbered) -> Result<(), &'static str> {
        if number == self.state.last {
            return Err("the shard is full");
        }
        let body = Body { shard: self.state.shard, number, received_at, records };
        let blob = self.encoder.encode(&body).map_err(|error| {
            tracing::error!(%error, "a commit cannot be encoded");
            "the records cannot be encoded"
        })?;
        metrics::counter!("annals_commit_bytes_total").increment(blob.len() as u64);
        let commit = Sealed { body, stored: StoredCommit { number, blob } };
        // 4. Store. If the process dies inside, start-up finds the row or does not.
        match self.store.commit(self.fence, &commit.stored).await {
            Ok(()) => {
                crash_point::pass("commit.stored");
                self.publish(commit.body);
                crash_point::pass("commit.applied");
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
        self.mark.note(body.number);
        self.state.apply(&body);
        self.tail.push(TailCommit::new(body));
        self.show_tail();
    }

    fn show_tail(&self) {
        let size = self.tail.size();
        metrics::gauge!("annals_tail_records").set(size.records as f64);
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
        crash_point::pass("retire.sealed");
        // 8. Release. Dies the process here, the rows are gone and the lake has them.
        match self.store.release(self.fence, through, &self.state.raised_heads()).await {
            Err(error @ StoreError::Fenced) => {
                self.stop(&error);
                return Err(error.into());
            }
            released => released?,
        }
        crash_point::pass("retire.released");
        self.state.heads_saved();
        // 9. Forget.
        let released = self.tail.release(through);
        // Not here: commits would wait for tens of thousands of records to be freed.
        drop(tokio::task::spawn_blocking(move || drop(released)));
        self.show_tail();
        crash_point::pass("retire.forgotten");
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

/// What is told about a group of which nothing is stored. What repeats another record of the group is left out with it.
fn left_out(appends: &[Append], seen: &[Seen]) -> Vec<Appended> {
    let mut keys = HashSet::new();
    let outcome = |(append, seen): (&Append, &Seen)| match (known(*seen), append.key) {
        (None, key) => {
            keys.extend(key.map(|mark| mark.key));
            Appended::LeftOut
        }
        (Some(Appended::Replayed), Some(mark)) if keys.contains(&mark.key) => Appended::LeftOut,
        (Some(known), _) => known,
    };
    appends.iter().zip(seen).map(outcome).collect()
}

/// What is told about a key that was seen before; a new one is stored.
fn known(seen: Seen) -> Option<Appended> {
    match seen {
        Seen::SameBody => Some(Appended::Replayed),
        Seen::OtherBody => Some(Appended::KeyReused),
        Seen::Never => None,
    }
}
