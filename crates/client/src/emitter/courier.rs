//! The background: takes batches in order, one at a time, and sends each until the server has answered for every event.
//!
//! Before the first attempt of a batch the spool gets word of it (a [`Doubt`]), so that a later process knows which events may
//! be stored already, and since when. The word is taken back when it is certain that nothing was stored. An attempt with an
//! unknown outcome is followed by another one with the same keys: within 24 hours the server tells the two apart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::drain::Drain;
use super::outcome::{NotStored, Refused, Trouble};
use super::pauses::Pauses;
use super::place::{Batch, BatchLimits, Doubt, Place, Record};
use super::route::{Certainty, Failure, Later, Route, SplitReason, Verdict};
use super::shared::Shared;
use super::stats::add;

/// The server keeps keys for 24 hours by its own clock. The rest is for clocks that disagree and requests that linger.
const KEYS_TRUSTED_FOR: Duration = Duration::from_secs(20 * 3600);

pub(crate) struct Courier {
    drain: Drain,
    route: Box<dyn Route>,
    shared: Arc<Shared>,
    limits: BatchLimits,
    /// Batches that are not full begin at least this far apart.
    linger: Duration,
    pauses: Pauses,
    /// Up to here it was said which events may be there twice.
    said_late: Place,
}

/// What one attempt has brought.
struct Sent {
    /// Events from the first on that are settled.
    done: usize,
    /// About those that are not.
    doubt: Option<Doubt>,
    too_many: bool,
    later: Option<Later>,
}

/// Whether the courier goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    TimeIsUp,
}

impl Courier {
    pub fn new(drain: Drain, route: Box<dyn Route>, shared: Arc<Shared>, limits: BatchLimits, linger: Duration) -> Self {
        Self { drain, route, shared, limits, linger, pauses: Pauses::default(), said_late: Place::default() }
    }

    /// Until it is time to give up, or everything is sent after that time was set.
    pub async fn run(mut self) {
        let mut began = None;
        while self.wait(began).await == Flow::On {
            began = Some(Instant::now());
            let flow = match self.drain.take(self.limits) {
                Ok(batch) => self.deliver(batch).await,
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read, will try again");
                    self.pause(None, true).await
                }
            };
            if flow == Flow::TimeIsUp {
                break;
            }
        }
    }

    /// Until there is a batch to send: a full one, or one that has waited long enough, or somebody is in a hurry.
    async fn wait(&mut self, began: Option<Instant>) -> Flow {
        loop {
            let give_up_at = self.shared.gives_up_at();
            let is_empty = self.drain.is_empty();
            if give_up_at.is_some_and(|at| is_empty || at <= Instant::now()) {
                return Flow::TimeIsUp;
            }
            if is_empty {
                self.drain.save();
                self.shared.arrived.notified().await;
                continue;
            }
            let due = began.map_or_else(Instant::now, |began| began + self.linger);
            let must_go = give_up_at.is_some() || self.shared.is_in_hurry() || self.drain.is_batch_full(self.limits);
            if must_go || due <= Instant::now() {
                return Flow::On;
            }
            tokio::select! {
                () = self.shared.arrived.notified() => {}
                () = tokio::time::sleep_until(due.into()) => {}
            }
        }
    }

    async fn deliver(&mut self, batch: Batch) -> Flow {
        let mut doubt = batch.doubt;
        let mut rest = self.without_old(&batch.records);
        let mut at_once = usize::MAX;
        while let Some(first) = rest.first() {
            doubt = doubt.filter(|doubt| first.end <= doubt.until);
            // Events of which nothing was sent yet are not mixed with those in doubt.
            let in_doubt = doubt.map_or(usize::MAX, |doubt| rest.partition_point(|record| record.end <= doubt.until));
            let now = &rest[..at_once.min(in_doubt).min(rest.len())];
            let sent = match self.attempt(now, doubt).await {
                Some(sent) => sent,
                None => return Flow::TimeIsUp,
            };
            rest = &rest[sent.done..];
            doubt = sent.doubt;
            if sent.too_many {
                at_once = (now.len() / 2).max(1);
            }
            if sent.done > 0 {
                self.pauses.reset();
            }
            if let Some(later) = sent.later
                && self.failed(later, doubt).await == Flow::TimeIsUp
            {
                return Flow::TimeIsUp;
            }
        }
        // Damage at the end of the batch is behind us too.
        self.drain.settle(batch.end, 0, &[]);
        self.shared.settled_until(batch.end);
        Flow::On
    }

    /// Sends the events once. `before` is the doubt about them before that. `None`: the time is up, and the doubt stays.
    async fn attempt(&mut self, events: &[Record], before: Option<Doubt>) -> Option<Sent> {
        if let Some(doubt) = before {
            self.say_if_late(doubt, events);
        }
        let until = events.last().map(|record| record.end).unwrap_or_default();
        let doubt = before.unwrap_or_else(|| Doubt { until, since: self.shared.now() });
        if let Err(error) = self.drain.mark(Some(doubt)) {
            // Without the word, a restart could send these events again after their keys are gone, and say nothing.
            let why = format!("nothing is sent while the spool's position cannot be written: {error}");
            let later = Later { certainty: Certainty::NotStored, after: None, why, needs_repair: false };
            return Some(Sent { done: 0, doubt: before, too_many: false, later: Some(later) });
        }
        let items: Vec<Bytes> = events.iter().map(|record| record.json.clone()).collect();
        let answer = tokio::select! {
            answer = self.route.deliver(&items) => answer,
            () = self.shared.time_is_up() => return None,
        };
        let mut too_many = false;
        let (done, later) = match (answer, events) {
            (Ok(verdicts), _) => self.settle(events, verdicts),
            (Err(Failure::Split(reason)), [only]) => self.settle(events, vec![Verdict::Refused(alone(only, reason))]),
            (Err(Failure::Split(_)), _) => {
                too_many = true;
                (0, None)
            }
            (Err(Failure::Later(later)), _) => (0, Some(later)),
        };
        let unknown = later.as_ref().is_some_and(|later| later.certainty == Certainty::Unknown);
        Some(Sent { done, doubt: if unknown { Some(doubt) } else { before }, too_many, later })
    }

    /// The events that are done, from the first on; and why the others are not.
    fn settle(&mut self, sent: &[Record], verdicts: Vec<Verdict>) -> (usize, Option<Later>) {
        let (mut refused, mut outcomes, mut later) = (Vec::new(), Vec::with_capacity(sent.len()), None);
        for verdict in verdicts {
            outcomes.push(match verdict {
                Verdict::Stored => Ok(()),
                Verdict::Refused(reason) => {
                    let reason = Arc::new(reason);
                    refused.push(Arc::clone(&reason));
                    Err(NotStored::Refused(reason))
                }
                // Those behind it may be stored. They are sent again with it, and the server knows their keys.
                Verdict::Later(why) => {
                    later = Some(Later { certainty: Certainty::Unknown, after: None, why, needs_repair: false });
                    break;
                }
            });
        }
        let done = &sent[..outcomes.len().min(sent.len())];
        if let Some(end) = done.last().map(|record| record.end) {
            self.drain.settle(end, done.len(), &refused);
            add(&self.shared.counters.sent, done.len() - refused.len());
            self.tell_refused(&refused);
            for (record, outcome) in done.iter().zip(outcomes) {
                self.shared.tell(record.end, outcome);
            }
            self.shared.settled_until(end);
        }
        (done.len(), later)
    }

    fn tell_refused(&self, refused: &[Arc<Refused>]) {
        add(&self.shared.counters.refused, refused.len());
        for refused in refused {
            let item = String::from_utf8_lossy(&refused.item);
            tracing::error!(status = refused.http_status, message = refused.message, %item, "a record is refused");
            self.shared.report(&Trouble::Refused(Arc::clone(refused)));
        }
    }

    /// Events at the beginning that have waited too long are settled as refused.
    fn without_old<'a>(&mut self, records: &'a [Record]) -> &'a [Record] {
        let Some(age_max) = self.drain.age_max() else { return records };
        let oldest = self.shared.now().saturating_sub(age_max);
        let old = records.partition_point(|record| record.emitted_at < oldest);
        let too_old = |record: &Record| {
            let message = format!("not sent within {} seconds after {}", age_max.as_secs(), record.emitted_at);
            let reason = SplitReason { http_status: 408, message, code: Some("too_old".to_owned()), errors: None };
            Verdict::Refused(alone(record, reason))
        };
        let verdicts = records[..old].iter().map(too_old).collect();
        self.settle(&records[..old], verdicts);
        &records[old..]
    }

    /// Says which events may be there twice once the server can no longer tell; once for each place.
    fn say_if_late(&mut self, doubt: Doubt, records: &[Record]) {
        // An event was not on its way before it was there.
        let since = records.first().map_or(doubt.since, |record| record.emitted_at.max(doubt.since));
        let end = records.last().map(|record| record.end).unwrap_or_default();
        if end <= self.said_late || self.shared.now().saturating_sub(KEYS_TRUSTED_FOR) <= since {
            return;
        }
        self.said_late = end;
        let idempotency_keys: Vec<_> = records.iter().filter_map(|record| key_of(&record.json)).collect();
        tracing::error!(
            events = records.len(),
            first_sent_at = %since,
            first_key = idempotency_keys.first(),
            last_key = idempotency_keys.last(),
            "events that were perhaps stored are sent again, and the server may no longer know their keys: they may be there twice"
        );
        add(&self.shared.counters.perhaps_twice, records.len());
        self.shared.report(&Trouble::PerhapsTwice { idempotency_keys, first_sent_at: since });
    }

    async fn failed(&mut self, later: Later, doubt: Option<Doubt>) -> Flow {
        add(&self.shared.counters.failed_requests, 1);
        if later.certainty == Certainty::NotStored
            && let Err(error) = self.drain.mark(doubt)
        {
            tracing::warn!(%error, "the spool's position cannot be written");
        }
        let (why, unknown) = (&later.why, later.certainty == Certainty::Unknown);
        if later.needs_repair {
            tracing::error!(why, "the server does not let the emitter in: events are kept until the settings are repaired");
        } else {
            tracing::warn!(why, unknown, "events could not be sent, will try again");
        }
        self.pause(later.after, later.needs_repair).await
    }

    async fn pause(&mut self, asked: Option<Duration>, needs_repair: bool) -> Flow {
        let pause = self.pauses.next(asked, needs_repair, rand::random());
        tokio::select! {
            () = tokio::time::sleep(pause) => Flow::On,
            () = self.shared.time_is_up() => Flow::TimeIsUp,
        }
    }
}

/// Also when the thread ends otherwise: nobody must wait for an answer that cannot come.
impl Drop for Courier {
    fn drop(&mut self) {
        self.drain.save();
        let lost = self.drain.abandon();
        if lost > 0 {
            add(&self.shared.counters.dropped, lost);
            tracing::warn!(events = lost, "the emitter ended with events in memory: they are lost");
        }
        self.shared.abandon();
    }
}

fn alone(record: &Record, reason: SplitReason) -> Refused {
    Refused {
        http_status: reason.http_status,
        message: reason.message,
        code: reason.code,
        errors: reason.errors,
        item: record.json.clone(),
    }
}

fn key_of(json: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Keyed {
        idempotency_key: String,
    }
    serde_json::from_slice(json).ok().map(|keyed: Keyed| keyed.idempotency_key)
}
