//! Settings of an emitter.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use annals_core::time::Micros;

use super::batch_route::BatchRoute;
use super::outbox::Outbox;
use super::outcome::Trouble;
use super::place::BatchLimits;
use super::queue::QueueLimits;
use super::shared::{Clock, OnTrouble};
use super::spool::Spool;
use super::{Emitter, JSON_BYTES_MAX};
use crate::Client;

/// What happens to events that cannot be sent at once.
#[derive(Debug, Clone)]
pub enum Mode {
    /// The application is more important than its log. Events wait in memory; those that find no room are dropped, counted and
    /// logged, and `emit` says so without an error. What is in memory is lost with the process.
    FailOpen,
    /// No log, no action. Events wait in memory; `emit` fails when there is no room. What is in memory is lost with the process,
    /// so an action that must not go unrecorded waits for [`emit_and_wait`](super::Emitter::emit_and_wait).
    FailClosed,
    /// Events are on disk before `emit` is done, and are sent when the server is there: in a second or in a week.
    Spool(Spool),
}

/// Why there is no emitter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitterBuildError {
    #[error("the spool {path} cannot be used: {source}", path = path.display())]
    Spool { path: PathBuf, source: io::Error },
    /// Another process, or another emitter in this one. Give each its own folder.
    #[error("the spool {path} is in use by another emitter", path = path.display())]
    SpoolInUse { path: PathBuf },
    #[error("the spool {path} holds {kind}, which go elsewhere", path = path.display())]
    OtherKind { path: PathBuf, kind: String },
    #[error("a background thread cannot be started: {0}")]
    Thread(#[source] io::Error),
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub mode: Mode,
    pub queue: QueueLimits,
    pub batch: BatchLimits,
    pub linger: Duration,
    pub on_trouble: Option<OnTrouble>,
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::FailOpen,
            queue: QueueLimits { events_max: 10_000, bytes_max: 32 * 1024 * 1024 },
            batch: BatchLimits { events_max: 500, bytes_max: 1024 * 1024 },
            linger: Duration::from_millis(200),
            on_trouble: None,
            clock: Arc::new(wall_clock),
        }
    }
}

fn wall_clock() -> Micros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros::saturating(0).saturating_add(since_epoch)
}

/// Settings of an [`Emitter`]. Only the mode is a decision; the other settings have defaults that fit most.
pub struct EmitterBuilder {
    client: Client,
    settings: Settings,
}

impl EmitterBuilder {
    pub(super) fn new(client: Client) -> Self {
        Self { client, settings: Settings::default() }
    }

    /// [`Mode::FailOpen`] unless set.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Events and bytes that may wait in memory: 10,000 and 32 MiB unless set. The bytes count as JSON.
    #[must_use]
    pub fn queue(mut self, events_max: usize, bytes_max: usize) -> Self {
        self.settings.queue = QueueLimits { events_max, bytes_max };
        self
    }

    /// Events and bytes of one request: 500 and 1 MiB unless set, at most 10,000 and 8 MiB.
    #[must_use]
    pub fn batch(mut self, events_max: usize, bytes_max: usize) -> Self {
        let bytes_max = bytes_max.clamp(1, BATCH_BYTES_LARGEST);
        self.settings.batch = BatchLimits { events_max: events_max.clamp(1, BATCH_EVENTS_LARGEST), bytes_max };
        self
    }

    /// While a batch is not full, a request begins at most this often: 200 ms unless set. A lone event after a quiet while does
    /// not wait.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger;
        self
    }

    /// Hears of refused events, damage in the spool, and events that may be there twice. Called from a background thread, which
    /// waits for it. All of these are logged and counted without it.
    #[must_use]
    pub fn on_trouble(mut self, on_trouble: impl Fn(&Trouble) + Send + Sync + 'static) -> Self {
        self.settings.on_trouble = Some(Arc::new(on_trouble));
        self
    }

    #[cfg(test)]
    pub(super) fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Starts the background thread. With a spool, this reads through what is left in it: about a second per gibibyte.
    ///
    /// # Errors
    /// The spool cannot be used, or a thread cannot be started.
    pub fn build(self) -> Result<Emitter, EmitterBuildError> {
        let outbox = Outbox::build(self.settings, Box::new(BatchRoute::new(self.client)))?;
        Emitter::new(outbox)
    }
}

/// The server's bounds for a batch: 10,000 items and 16 MiB.
const BATCH_EVENTS_LARGEST: usize = 10_000;
const BATCH_BYTES_LARGEST: usize = 8 * 1024 * 1024;
const _: () = assert!(BATCH_BYTES_LARGEST + JSON_BYTES_MAX < 16 * 1024 * 1024);
