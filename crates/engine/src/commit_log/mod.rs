//! The commit log: group commit, one writer per shard.
//!
//! The steps of a commit, with what is true if the process dies right after each. The numbers stand again at the lines that
//! do the steps.
//!
//! 1. **Gather** whatever waits, up to a bound. No timer: the next commit starts when the last one returned. *Nothing stored.*
//! 2. **Answer known keys**: a repeated idempotency key takes no place. *Nothing stored.*
//! 3. **Assign** number, received time, ids and seqs, in memory. *Nothing stored; the numbers are given again.*
//! 4. **Store** one blob in one transaction, which also checks the fence. *Stored or not; nobody was told. Start-up finds out.*
//! 5. **Apply**: heads, keys and tail learn of it. The same function replays the log at start. *Stored.*
//! 6. **Acknowledge.** *Stored, and the client knows.*
//!
//! And later, when the lake holds the records durably:
//!
//! 7. **Seal** the keys of the flushed commits into a run. *Keys are in both places, which say the same.*
//! 8. **Release** the rows and raise the saved heads, in one transaction. *The lake has the records, the run has the keys.*
//! 9. **Forget** the commits in the tail. *Memory only.*

mod batch;
pub(crate) mod blob;
mod committer;
pub(crate) mod keys;
pub(crate) mod mark;
mod recover;
mod state;
mod tail;
#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use annals_core::event::ValidEvent;
use annals_core::ids::{CommitNumber, EnvironmentId, OrganizationId, RecordPlace, ShardId};
use annals_core::limits::{GROUP_BYTES_MAX, GROUP_RECORDS_MAX};
use annals_core::record::{NewApiRequest, NewFeedEvent};
use annals_core::time::Micros;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use blob::KeyMark;
pub use recover::RecoverError;
pub(crate) use recover::{check_end, check_there};
pub(crate) use tail::footprint;
pub use tail::{Tail, TailSize};

use crate::clock::Clock;
use crate::store::{Store, StoreError};
use committer::Committer;
pub(crate) use keys::Seen;
use mark::Mark;
pub(crate) use state::seconds;

/// Requests that may wait for the committer. More are told to come back.
const QUEUE_MAX: usize = 16 * 1024;
/// Canonical bytes that may wait.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bounds of the tail. When the lake cannot take records, recording goes on up to here.
#[derive(Debug, Clone, Copy)]
pub struct TailLimits {
    pub records_max: usize,
    pub bytes_max: usize,
}

impl Default for TailLimits {
    fn default() -> Self {
        Self { records_max: 1_000_000, bytes_max: 1024 * 1024 * 1024 }
    }
}

/// What opening needs to know of the lake.
#[derive(Debug, Clone, Copy)]
pub struct LakePosition {
    /// Commits up to here are in the lake.
    pub flushed_through: CommitNumber,
    /// The newest received time in the lake: ids must not fall behind it, whatever the clock says.
    pub received_at: Option<Micros>,
}

pub struct LogSettings {
    pub shard: ShardId,
    /// Where the runs of idempotency keys are.
    pub keys_folder: PathBuf,
    /// Where the number of the last commit is noted.
    pub mark: PathBuf,
    pub tail: TailLimits,
}

/// The handle: everybody appends through it, one thread behind it writes.
pub struct CommitLog {
    queue: mpsc::Sender<Work>,
    budget: Arc<Semaphore>,
    tail: Arc<Tail>,
    limits: TailLimits,
    health: Arc<Mutex<Health>>,
    missing_keys: Vec<keys::Listed>,
    short_of_disk: AtomicBool,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// Whether appends can succeed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Good,
    /// The last commit's outcome is not known; every request tries to find out.
    Unsettled(String),
    /// Another process owns the shard, or the log is damaged: this process never writes again.
    Stopped(String),
}

/// One record on its way.
#[derive(Debug, Clone)]
pub(crate) struct Append {
    pub environment: EnvironmentId,
    pub record: NewRecord,
    pub key: Option<KeyMark>,
}

/// A record that has no place in the log yet.
#[derive(Debug, Clone)]
pub(crate) enum NewRecord {
    AuditEvent { organization: OrganizationId, event: ValidEvent },
    FeedEvent(NewFeedEvent),
    ApiRequest(NewApiRequest),
}

impl Append {
    /// Roughly what it takes in a commit.
    pub(crate) fn bytes(&self) -> usize {
        match &self.record {
            NewRecord::AuditEvent { event, .. } => event.bytes(),
            NewRecord::FeedEvent(event) => event.bytes(),
            NewRecord::ApiRequest(request) => request.bytes(),
        }
    }
}

/// What a reused key of one record means for the others of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Together {
    /// Nothing.
    Each,
    /// None of them is stored.
    AllOrNone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    Stored(RecordPlace),
    /// Same key, same body, within 24 hours.
    Replayed,
    /// Same key, other body. Nothing was stored.
    KeyReused,
    /// Good, but another record of its group was not, and they go together.
    LeftOut,
}

/// Not stored, or not known: sending again with the same key is safe.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{reason}")]
pub struct NotAppended {
    pub reason: &'static str,
    pub retry_after: Duration,
}

#[expect(clippy::large_enum_variant, reason = "almost all work is appends: a box would cost each of them an allocation")]
enum Work {
    Append(Request),
    Retire {
        through: CommitNumber,
        done: oneshot::Sender<Result<(), RetireError>>,
    },
    /// Only looks; nothing is stored.
    Probe(Probe),
    /// Finish what waits, then end.
    Drain,
}

/// What is known of some keys?
struct Probe {
    marks: Vec<KeyMark>,
    seen: oneshot::Sender<Vec<Seen>>,
}

/// Records that are answered together.
struct Request {
    appends: Appends,
    waiting: Waiting,
}

#[expect(clippy::large_enum_variant, reason = "almost all requests are one record: a box would cost each of them an allocation")]
enum Appends {
    One(Append),
    Many(Vec<Append>, Together),
}

/// Where a request's outcome goes.
struct Waiting {
    answer: Answer,
    /// Returns the bytes to the budget when the request is answered.
    _bytes: tokio::sync::OwnedSemaphorePermit,
}

enum Answer {
    One(oneshot::Sender<Result<Appended, NotAppended>>),
    /// So many records.
    Many(usize, oneshot::Sender<Result<Vec<Appended>, NotAppended>>),
}

impl NotAppended {
    const BUSY: Self = Self { reason: "too many records are waiting", retry_after: Duration::from_secs(1) };
    const SHORT_OF_DISK: Self = Self { reason: "the disk is nearly full", retry_after: Duration::from_secs(5) };
    const STOPPING: Self = Self { reason: "the server is stopping", retry_after: Duration::from_secs(5) };
}

#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] keys::KeyIndexError),
    #[error("{0}")]
    NotReady(&'static str),
    #[error("the committer has ended")]
    Ended,
}

/// Says so when the committer ends by a panic: nobody else would notice before the next event.
struct Mourner(Arc<Mutex<Health>>);

impl Drop for Mourner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let stopped = Health::Stopped("the committer ended by a panic".to_owned());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stopped;
        }
    }
}

/// Gives a folder of key runs that no server uses yet so many keys, used just now, that nobody sent: to measure with.
///
/// # Errors
/// The folder cannot be written.
pub fn fill_keys(folder: &Path, keys: u64, now: Micros) -> std::io::Result<()> {
    keys::fill(folder, keys, seconds(now)).map_err(std::io::Error::other)
}

impl CommitLog {
    /// Takes over the shard, replays what is not in the lake, and starts the committer.
    ///
    /// # Errors
    /// The store or the key runs cannot be read, or hold something that we did not write.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: LogSettings,
        lake: LakePosition,
    ) -> Result<Self, RecoverError> {
        let tail = Arc::new(Tail::new(settings.shard));
        let (fence, state) = recover::replay(&*store, &*clock, &settings, lake, &tail).await?;
        let mut mark = Mark::open(&settings.mark, settings.shard)
            .map_err(|source| RecoverError::Mark { path: settings.mark.clone(), source })?;
        mark.note(state.last);
        let missing_keys = state.keys.missing().to_vec();
        for run in &missing_keys {
            let (folder, run) = (settings.keys_folder.display(), run.sequence);
            tracing::error!(%folder, run, "a run of idempotency keys is gone: what is sent again may be stored twice for a day");
        }
        let health = Arc::new(Mutex::new(Health::Good));
        let committer = Committer::new(store, clock, fence, state, Arc::clone(&tail), Arc::clone(&health), mark)
            .map_err(RecoverError::Thread)?;
        let (queue, work) = mpsc::channel(QUEUE_MAX);
        let runtime = tokio::runtime::Handle::current();
        // A thread of its own: it compresses and reads key runs, which would hold up the runtime's workers. And as a task among the
        // requests it would go on a millisecond after the disk is done, when the requests before it have had their turn.
        let thread = std::thread::Builder::new()
            .name("annals-committer".to_owned())
            .spawn({
                let mourner = Mourner(Arc::clone(&health));
                move || {
                    let _mourner = mourner;
                    runtime.block_on(committer.run(work));
                }
            })
            .map_err(RecoverError::Thread)?;
        let budget = Arc::new(Semaphore::new(QUEUE_BYTES_MAX));
        Ok(Self {
            queue,
            budget,
            tail,
            limits: settings.tail,
            health,
            missing_keys,
            short_of_disk: AtomicBool::new(false),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Returns after the commit that holds the record is durable. Dropping the future does not take the record back.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, NotAppended> {
        let bytes = append.bytes();
        let (sender, answer) = oneshot::channel();
        self.enqueue(Appends::One(append), bytes, Answer::One(sender))?;
        answer.await.unwrap_or(Err(NotAppended::STOPPING))
    }

    /// The same for several records, which come into one commit, in order. One outcome for each.
    pub(crate) async fn append_all(&self, appends: Vec<Append>, together: Together) -> Result<Vec<Appended>, NotAppended> {
        let bytes = appends.iter().map(Append::bytes).sum();
        if appends.len() > GROUP_RECORDS_MAX || bytes > GROUP_BYTES_MAX {
            return Err(NotAppended { reason: "too much for one commit", retry_after: Duration::from_secs(60) });
        }
        if appends.is_empty() {
            return Ok(Vec::new());
        }
        let (sender, answer) = oneshot::channel();
        let count = appends.len();
        self.enqueue(Appends::Many(appends, together), bytes, Answer::Many(count, sender))?;
        answer.await.unwrap_or(Err(NotAppended::STOPPING))
    }

    fn enqueue(&self, appends: Appends, bytes: usize, answer: Answer) -> Result<(), NotAppended> {
        if self.short_of_disk.load(Ordering::Relaxed) {
            return Err(NotAppended::SHORT_OF_DISK);
        }
        let size = self.tail.size();
        if size.records >= self.limits.records_max || size.bytes >= self.limits.bytes_max {
            return Err(NotAppended {
                reason: "the lake cannot take records and the tail is full",
                retry_after: Duration::from_secs(10),
            });
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.budget).try_acquire_many_owned(bytes).map_err(|_| NotAppended::BUSY)?;
        let request = Request { appends, waiting: Waiting { answer, _bytes: permit } };
        self.queue.try_send(Work::Append(request)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotAppended::BUSY,
            mpsc::error::TrySendError::Closed(_) => NotAppended::STOPPING,
        })
    }

    /// What is known of a key, for a request that is refused on other grounds. `Never` when nobody can tell.
    pub(crate) async fn probe(&self, mark: KeyMark) -> Seen {
        self.probe_all(vec![mark]).await.first().copied().unwrap_or(Seen::Never)
    }

    /// The same for several keys, in order, each by itself. Empty when nobody can tell.
    pub(crate) async fn probe_all(&self, marks: Vec<KeyMark>) -> Vec<Seen> {
        if marks.is_empty() {
            return Vec::new();
        }
        let (seen, answer) = oneshot::channel();
        match self.queue.try_send(Work::Probe(Probe { marks, seen })) {
            Ok(()) => answer.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    /// Steps 7 to 9. Call it when the lake durably holds every commit up to `through` and readers see that.
    ///
    /// # Errors
    /// Nothing is lost: the same call later goes on where this one stopped.
    pub async fn retire(&self, through: CommitNumber) -> Result<(), RetireError> {
        let (done, answer) = oneshot::channel();
        self.queue.send(Work::Retire { through, done }).await.map_err(|_| RetireError::Ended)?;
        answer.await.unwrap_or(Err(RetireError::Ended))
    }

    /// Whether records are refused because there is too little room for more. What makes room goes on. The answer that held before.
    pub fn set_short_of_disk(&self, is_short: bool) -> bool {
        self.short_of_disk.swap(is_short, Ordering::Relaxed)
    }

    #[must_use]
    pub fn tail(&self) -> &Arc<Tail> {
        &self.tail
    }

    #[must_use]
    pub fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether keys were forgotten that would still count: their run is gone, and their rows have left the log.
    #[must_use]
    pub fn has_forgotten_keys(&self, now: Micros) -> bool {
        self.missing_keys.iter().any(|run| run.newest.is_live(seconds(now)))
    }

    /// Refuses new work, finishes what waits, and returns when the committer has ended.
    pub async fn close(&self) {
        // An error means that it has ended already.
        let _ = self.queue.send(Work::Drain).await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the committer ended by a panic");
            }
        }
    }
}
