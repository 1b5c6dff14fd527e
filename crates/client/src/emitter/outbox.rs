//! One kind of record's way out of the process: taken without waiting, kept by the mode's rules, sent in the background.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::builder::{EmitterBuildError, Settings};
use super::courier::Courier;
use super::drain::Drain;
use super::outcome::{Emitted, NotEmitted};
use super::place::Place;
use super::queue::Queue;
use super::route::Route;
use super::shared::{Shared, Stored};
use super::spool::{self, Inbox};
use super::stats::Stats;
use super::{JSON_BYTES_MAX, Mode};

/// An emitter that is dropped with events in memory has this long to send them.
const LAST_CHANCE: Duration = Duration::from_secs(5);

pub(crate) struct Outbox {
    input: Input,
    shared: Arc<Shared>,
    /// Losing an event is no error.
    fail_open: bool,
}

enum Input {
    Memory(Arc<Queue>),
    Spool(Arc<Inbox>),
}

/// The event is taken when this exists; it resolves when the mode's promise holds. Dropping it takes nothing back.
#[derive(Debug)]
#[must_use = "the event is on its way, but only this says whether it was taken"]
pub struct Emit(State);

#[derive(Debug)]
enum State {
    Done(Result<Emitted, NotEmitted>),
    Spooling(oneshot::Receiver<Result<Emitted, NotEmitted>>),
}

impl Outbox {
    pub fn build(settings: Settings, route: Box<dyn Route>) -> Result<Self, EmitterBuildError> {
        let shared = Arc::new(Shared::new(settings.clock, settings.on_trouble));
        let (kind, fail_open) = (route.kind(), matches!(settings.mode, Mode::FailOpen));
        let (input, drain) = match &settings.mode {
            Mode::FailOpen | Mode::FailClosed => {
                let queue = Arc::new(Queue::new(settings.queue));
                (Input::Memory(Arc::clone(&queue)), Drain::Memory(queue))
            }
            Mode::Spool(spool) => {
                let opened = spool::open(spool, kind, &shared)?;
                (Input::Spool(opened.inbox), Drain::Spool { reader: Box::new(opened.reader), shared: Arc::clone(&shared) })
            }
        };
        let courier = Courier::new(drain, route, Arc::clone(&shared), settings.batch, settings.linger);
        let outbox = Self { input, shared, fail_open };
        outbox.send_with(courier, kind)?;
        Ok(outbox)
    }

    /// A thread with a runtime of its own: it also sends when the caller's runtime is busy, or when there is none.
    fn send_with(&self, courier: Courier, kind: &str) -> Result<(), EmitterBuildError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EmitterBuildError::Thread)?;
        let life = self.shared.thread();
        let run = move || {
            runtime.block_on(courier.run());
            drop(life);
        };
        std::thread::Builder::new().name(format!("annals-send-{kind}")).spawn(run).map_err(EmitterBuildError::Thread)?;
        Ok(())
    }

    pub fn push(&self, json: Result<Vec<u8>, serde_json::Error>, stored: Option<Stored>) -> Emit {
        let taken = match json {
            Err(error) => Err(NotEmitted::NotJson(Arc::new(error))),
            Ok(json) if json.len() > JSON_BYTES_MAX => Err(NotEmitted::TooLarge { bytes: json.len(), bytes_max: JSON_BYTES_MAX }),
            Ok(json) => self.take(json, stored),
        };
        Emit(match taken {
            Ok(state) => state,
            Err(reason) if self.fail_open => {
                self.shared.lost(&reason);
                State::Done(Ok(Emitted::Dropped(reason)))
            }
            Err(reason) => State::Done(Err(reason)),
        })
    }

    /// For records that nobody waits for. One that finds no room is counted as dropped, whatever the mode.
    pub fn push_and_forget(&self, json: Result<Vec<u8>, serde_json::Error>) {
        if let State::Done(Err(reason)) = self.push(json, None).0 {
            self.shared.lost(&reason);
        }
    }

    fn take(&self, json: Vec<u8>, stored: Option<Stored>) -> Result<State, NotEmitted> {
        let emitted_at = self.shared.now();
        match &self.input {
            Input::Memory(queue) => {
                let placed = |place| {
                    if let Some(stored) = stored {
                        self.shared.wait_for(place, stored)
                    }
                };
                queue.push(json, emitted_at, placed)?;
                self.shared.arrived.notify_one();
                Ok(State::Done(Ok(Emitted::Queued)))
            }
            Input::Spool(inbox) => {
                let (answer, receiver) = oneshot::channel();
                inbox.push(spool::WaitingEvent { json, emitted_at, answer, stored })?;
                Ok(State::Spooling(receiver))
            }
        }
    }

    pub fn stats(&self) -> Stats {
        let stats = self.shared.counters.stats();
        match &self.input {
            Input::Memory(queue) => Stats { queued: queue.waiting().0 as u64, ..stats },
            Input::Spool(inbox) => Stats {
                queued: inbox.waiting() as u64,
                spooled: self.shared.spooled.load(Relaxed),
                spooled_bytes: inbox.bytes_on_disk(),
                ..stats
            },
        }
    }

    /// Until the server has answered for everything that was pushed before. `false` when the background ended first.
    pub async fn flush(&self) -> bool {
        let Some(end) = self.end().await else { return false };
        self.shared.hurry(end);
        self.shared.settles(end).await
    }

    /// The place after everything that was pushed before.
    async fn end(&self) -> Option<Place> {
        match &self.input {
            Input::Memory(queue) => Some(queue.end()),
            Input::Spool(inbox) => inbox.barrier().await.ok(),
        }
    }

    /// Takes nothing more, sends until `deadline`, and waits for the threads to end.
    pub async fn shutdown(&self, deadline: Duration) -> Stats {
        let give_up_at = Instant::now() + deadline;
        // What is on its way into the spool is to be sent as well.
        self.end().await;
        self.close(give_up_at);
        self.shared.ends().await;
        self.stats()
    }

    fn close(&self, give_up_at: Instant) {
        match &self.input {
            Input::Memory(queue) => queue.close(),
            Input::Spool(inbox) => inbox.close(),
        }
        self.shared.give_up(give_up_at);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let chance = match &self.input {
            Input::Memory(_) => LAST_CHANCE,
            // The next emitter on the spool sends what is left.
            Input::Spool(_) => Duration::ZERO,
        };
        self.close(Instant::now() + chance);
    }
}

impl Future for Emit {
    type Output = Result<Emitted, NotEmitted>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.0 {
            State::Done(outcome) => outcome.clone(),
            State::Spooling(answer) => match Pin::new(answer).poll(context) {
                Poll::Pending => return Poll::Pending,
                // The writer is gone without a word only when its thread could not go on.
                Poll::Ready(answer) => answer.unwrap_or(Err(NotEmitted::Closed)),
            },
        };
        self.0 = State::Done(outcome.clone());
        Poll::Ready(outcome)
    }
}
