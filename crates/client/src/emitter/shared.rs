//! What the callers' side and the background threads of one emitter tell each other.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use annals_core::time::Micros;
use tokio::sync::{Notify, oneshot, watch};

use super::lock;
use super::outcome::{NotEmitted, NotStored, Trouble};
use super::place::Place;
use super::stats::{Counters, add};

pub(crate) type Stored = oneshot::Sender<Result<(), NotStored>>;
pub(crate) type OnTrouble = Arc<dyn Fn(&Trouble) + Send + Sync>;
/// The wall clock: times of records outlive the process.
pub(crate) type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// Losses are said at most this often; all are counted.
const LOSS_WARNING_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct Shared {
    pub counters: Counters,
    /// Events on disk that are not settled.
    pub spooled: AtomicU64,
    /// Something is there to be sent, or somebody is in a hurry.
    pub arrived: Notify,
    pub clock: Clock,
    on_trouble: Option<OnTrouble>,
    waiters: Mutex<BTreeMap<Place, Stored>>,
    /// Up to here nothing waits for a batch to fill.
    hurry: Mutex<Place>,
    settled: watch::Sender<Place>,
    /// When the background gives up what is left. `None`: it goes on.
    give_up_at: watch::Sender<Option<Instant>>,
    threads: watch::Sender<usize>,
    abandoned: AtomicBool,
    loss_said_at: Mutex<Option<Instant>>,
}

impl Shared {
    pub fn new(clock: Clock, on_trouble: Option<OnTrouble>) -> Self {
        Self {
            counters: Counters::default(),
            spooled: AtomicU64::new(0),
            arrived: Notify::new(),
            clock,
            on_trouble,
            waiters: Mutex::default(),
            hurry: Mutex::default(),
            settled: watch::Sender::new(Place::default()),
            give_up_at: watch::Sender::new(None),
            threads: watch::Sender::new(0),
            abandoned: AtomicBool::new(false),
            loss_said_at: Mutex::default(),
        }
    }

    pub fn now(&self) -> Micros {
        (self.clock)()
    }

    /// `stored` hears of the event at `place`. Comes before anybody can send the event.
    pub fn wait_for(&self, place: Place, stored: Stored) {
        lock(&self.waiters).insert(place, stored);
        if self.abandoned.load(Relaxed) {
            self.abandon();
        }
        self.hurry(place);
    }

    pub fn hurry(&self, place: Place) {
        let mut hurry = lock(&self.hurry);
        *hurry = (*hurry).max(place);
        self.arrived.notify_one();
    }

    pub fn is_in_hurry(&self) -> bool {
        *lock(&self.hurry) > *self.settled.borrow()
    }

    pub fn tell(&self, place: Place, outcome: Result<(), NotStored>) {
        if let Some(stored) = lock(&self.waiters).remove(&place) {
            // Nobody may be waiting any more.
            let _ = stored.send(outcome);
        }
    }

    /// Everybody who waits is left alone, now and later.
    pub fn abandon(&self) {
        self.abandoned.store(true, Relaxed);
        for (_, stored) in std::mem::take(&mut *lock(&self.waiters)) {
            let _ = stored.send(Err(NotStored::Abandoned));
        }
    }

    pub fn settled_until(&self, place: Place) {
        self.settled.send_if_modified(|settled| {
            let further = place > *settled;
            *settled = (*settled).max(place);
            further
        });
    }

    /// Returns `false` when the background ended before.
    pub async fn settles(&self, place: Place) -> bool {
        let mut settled = self.settled.subscribe();
        tokio::select! {
            settled = settled.wait_for(|settled| *settled >= place) => settled.is_ok(),
            () = self.ends() => *self.settled.borrow() >= place,
        }
    }

    /// The earliest of all wishes counts.
    pub fn give_up(&self, at: Instant) {
        self.give_up_at.send_modify(|given| *given = Some(given.map_or(at, |given| given.min(at))));
        self.arrived.notify_one();
    }

    pub fn gives_up_at(&self) -> Option<Instant> {
        *self.give_up_at.borrow()
    }

    /// Resolves when it is time to give up.
    pub async fn time_is_up(&self) {
        let mut wishes = self.give_up_at.subscribe();
        loop {
            let at = *wishes.borrow_and_update();
            let changed = wishes.changed();
            match at {
                None => drop(changed.await),
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => return,
                    _ = changed => {}
                },
            }
        }
    }

    /// Kept by a background thread while it lives.
    pub fn thread(self: &Arc<Self>) -> ThreadLife {
        self.threads.send_modify(|threads| *threads += 1);
        ThreadLife(Arc::clone(self))
    }

    /// Resolves when no background thread is left.
    pub async fn ends(&self) {
        // Fails only when the sender is gone, which is in `self`.
        let _ = self.threads.subscribe().wait_for(|threads| *threads == 0).await;
    }

    /// Counts a record that nobody will send.
    pub fn lost(&self, reason: &NotEmitted) {
        add(&self.counters.dropped, 1);
        let mut said_at = lock(&self.loss_said_at);
        if said_at.is_none_or(|at| at.elapsed() >= LOSS_WARNING_EVERY) {
            *said_at = Some(Instant::now());
            let dropped = self.counters.dropped.load(Relaxed);
            tracing::warn!(%reason, dropped, "a record is lost; further ones are counted");
        }
    }

    /// For operators. A callback that panics must not end the background.
    pub fn report(&self, trouble: &Trouble) {
        if let Some(on_trouble) = &self.on_trouble
            && catch_unwind(AssertUnwindSafe(|| on_trouble(trouble))).is_err()
        {
            tracing::error!("the emitter's on_trouble callback panicked");
        }
    }
}

pub(crate) struct ThreadLife(Arc<Shared>);

impl Drop for ThreadLife {
    fn drop(&mut self) {
        self.0.threads.send_modify(|threads| *threads -= 1);
    }
}
