//! The handle that the server holds, and how it is put together and taken apart.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use annals_core::event::{BatchItem, NewEvent, TrailEvent};
use annals_core::ids::EnvironmentId;
use annals_core::secret::ApiKeySecret;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::answers::Answers;
use crate::api_requests::ApiRequests;
use crate::append::{self, AppendError, BatchOutcome, Receipt, Together, UnknownGroup};
use crate::audit_events::AuditEvents;
use crate::clock::Clock;
use crate::commit_log::{self, CommitLog, Health, LakePosition, LogSettings, RecoverError, RetireError, TailLimits};
use crate::data_folder::{DataFolder, DataFolderError};
use crate::disk::Disk;
use crate::exports::Exports;
use crate::feed::Feed;
use crate::founding;
use crate::jobs::{
    self, Chores, DiskWatch, ExportJob, FlushError, FlushJob, FlushSettings, Kept, LakeHealth, OutboxJob, Purge, PurgeError,
    PurgeReport, Upkeep,
};
use crate::lake::{Lake, LakeError, LakeSettings};
use crate::place::{LakeUrlError, Place};
use crate::read::{ExportFiles, ReadError, Reader, ReadingRoom};
use crate::store::{self, Founded, Store, StoreError, StoredApiKey};
use crate::tenants::{EnvironmentScope, RetentionDays, Scope, Tenants};

/// What an engine is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Holds everything that has no other place, and a lock.
    pub data: PathBuf,
    /// `sqlite:PATH`; absent means `annals.db` in the data folder.
    pub database_url: Option<String>,
    /// `file:///…`; absent means `lake` in the data folder.
    pub lake_url: Option<String>,
    /// The first environment key, instead of one drawn at random. Only counts on an empty database.
    pub first_key: Option<ApiKeySecret>,
    pub flush: FlushSettings,
    pub tail: TailLimits,
    /// Records are refused when the data folder's disk has less free than this. 0: never.
    pub disk_reserve_bytes: u64,
    /// How long finished export files are kept.
    pub export_files: Duration,
    /// How long events of the feed are kept.
    pub feed_retention: Duration,
    /// How long API requests are kept.
    pub api_requests_retention: Duration,
    /// How long files stay that are out of the lake's tables: others may read the lake.
    pub removed_files: Duration,
    /// For organizations that never set a period.
    pub default_retention: RetentionDays,
}

impl Settings {
    /// The defaults, on one folder.
    #[must_use]
    pub fn on(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            database_url: None,
            lake_url: None,
            first_key: None,
            flush: FlushSettings::default(),
            tail: TailLimits::default(),
            disk_reserve_bytes: 64 * 1024 * 1024,
            export_files: Duration::from_secs(7 * 24 * 60 * 60),
            feed_retention: Duration::from_secs(90 * 24 * 60 * 60),
            api_requests_retention: Duration::from_secs(90 * 24 * 60 * 60),
            removed_files: Duration::from_secs(24 * 60 * 60),
            default_retention: RetentionDays::ONE_YEAR,
        }
    }
}

/// Why the engine does not start. Each message is one line for an operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    #[error("the database cannot be opened: {0}")]
    Database(#[from] store::ConnectError),
    #[error("the lake cannot be used: {0}")]
    Lake(#[from] LakeError),
    #[error(transparent)]
    LakeUrl(#[from] LakeUrlError),
    #[error("the lake cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("no threads for reading: {0}")]
    Threads(#[source] std::io::Error),
    #[error("the commit log cannot be recovered: {0}")]
    Recover(#[from] RecoverError),
    #[error("the last flush cannot be finished: {0}")]
    Retire(#[from] RetireError),
}

impl OpenError {
    /// A URL is of a kind that this program does not know.
    #[must_use]
    pub fn is_wrong_url(&self) -> bool {
        matches!(self, Self::Database(store::ConnectError::Url(_)) | Self::LakeUrl(_))
    }
}

/// A running engine, and what was found when it was opened.
pub struct Opened {
    pub engine: Engine,
    /// Set when this call made the first key: show it once.
    pub first_key: Option<ApiKeySecret>,
    /// Whether `Settings::first_key` was given, but the database already has its keys and this is none of them.
    pub first_key_ignored: bool,
}

/// Cheap to clone; all clones are one engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: Tenants,
    answers: Answers,
    exports: Exports,
    audit_events: AuditEvents,
    feed: Feed,
    api_requests: ApiRequests,
    log: Arc<CommitLog>,
    lake: Lake,
    lake_health: LakeHealth,
    disk: Disk,
    flush: FlushJob,
    upkeep: Upkeep,
    stop: CancellationToken,
    jobs: Mutex<JoinSet<()>>,
    /// Held as long as the engine lives: no second process on this folder.
    _folder: DataFolder,
}

/// Which parts work. `Err` says in one line what does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    pub committer: Result<(), String>,
    pub store: Result<(), String>,
    pub lake: Result<(), String>,
    /// What works and is not as it was.
    pub warnings: Vec<Warning>,
}

/// Something was lost, and the rest is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// Idempotency keys of the last day: what is sent again may be stored twice.
    KeysForgotten,
}

impl Engine {
    /// # Errors
    /// The folder, the database or the lake cannot be used; nothing runs then.
    pub async fn open(settings: Settings, clock: Arc<dyn Clock>) -> Result<Opened, OpenError> {
        let mut folder = DataFolder::lock(&settings.data)?;
        let place = Place {
            data: folder.path().to_owned(),
            database_url: settings.database_url.clone(),
            lake_url: settings.lake_url.clone(),
        };
        if let Some(file) = store::file_of(&place.database()) {
            folder.claim_database(&file)?;
            commit_log::check_there(&file, &place.mark())?;
        }
        let store = store::connect(&place.database()).await?;
        // Before the first key is made: it is shown only by the start that made it, so that start must not fail afterwards.
        let lake_url = place.lake()?;
        folder.check_lake(&lake_url)?;
        let is_new = lake_url.to_file_path().is_ok_and(|lake| !lake.exists());
        if !is_new {
            folder.claim_lake(&lake_url)?;
        }
        let lake = Lake::open(&lake_url, LakeSettings::default()).await?;
        if is_new {
            folder.claim_lake(&lake_url)?;
        }
        folder.note_lake(&lake_url);
        commit_log::check_end(&*store, &place.mark()).await?;
        let founding = founding::founding(&*clock, settings.first_key.clone())?;
        let founded = store.found(&founding.rows).await?;
        let position =
            LakePosition { flushed_through: lake.flushed_through(founded.shard).await?, received_at: lake.received_at_max() };
        let log_settings =
            LogSettings { shard: founded.shard, keys_folder: place.keys(), mark: place.mark(), tail: settings.tail };
        let log = Arc::new(CommitLog::open(Arc::clone(&store), Arc::clone(&clock), log_settings, position).await?);
        jobs::finish_interrupted(&log, position.flushed_through).await?;
        let engine = Self::assemble(&settings, clock, store, lake, log, &founded, folder)?;
        let first_key_ignored = match &settings.first_key {
            Some(secret) if !founded.now => engine.tenants().authenticate(secret.expose()).await?.is_none(),
            _ => false,
        };
        Ok(Opened { engine, first_key: founded.now.then_some(founding.secret), first_key_ignored })
    }

    fn assemble(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        store: Arc<dyn Store>,
        lake: Lake,
        log: Arc<CommitLog>,
        founded: &Founded,
        folder: DataFolder,
    ) -> Result<Self, OpenError> {
        let told = Arc::new(Notify::new());
        let tenants = Tenants::new(Arc::clone(&store), Arc::clone(&clock), settings.default_retention, Arc::clone(&told));
        let created = Arc::new(Notify::new());
        let files = ExportFiles::new(&lake);
        let exports =
            Exports::new(Arc::clone(&store), Arc::clone(&clock), files.clone(), founded.signing_secret, Arc::clone(&created));
        let lake_health = LakeHealth::default();
        let stop = CancellationToken::new();
        let mut jobs = JoinSet::new();
        let flush = FlushJob {
            log: Arc::clone(&log),
            lake: lake.clone(),
            clock: Arc::clone(&clock),
            settings: settings.flush,
            health: Arc::clone(&lake_health),
            turn: Arc::default(),
        };
        jobs.spawn(flush.clone().run(stop.clone()));
        let disk = Disk::of(folder.path(), settings.disk_reserve_bytes);
        let lake_disk = lake.folder().map(|folder| Disk::of(&folder, settings.disk_reserve_bytes));
        let disks: Vec<_> = [Some(disk.clone()), lake_disk.clone()].into_iter().flatten().collect();
        let watch = DiskWatch { log: Arc::clone(&log), data: disk.clone(), lake: lake_disk.clone() };
        jobs.spawn(watch.run(stop.clone()));
        let reader = Reader::new(&lake.audit_events)?;
        let room = ReadingRoom::open().map_err(OpenError::Threads)?;
        let export = ExportJob {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            tail: Arc::clone(log.tail()),
            lake: lake.clone(),
            disks,
            reader: reader.clone(),
            files: files.clone(),
            room: room.clone(),
            created,
        };
        jobs.spawn(export.run(stop.clone()));
        let chores = Chores {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            tenants: tenants.clone(),
            files,
            keep_exports: settings.export_files,
        };
        jobs.spawn(chores.run(stop.clone()));
        let kept = Kept {
            feed_events: settings.feed_retention,
            api_requests: settings.api_requests_retention,
            removed_files: settings.removed_files,
        };
        let purge = Purge {
            store: Arc::clone(&store),
            log: Arc::clone(&log),
            lake: lake.clone(),
            flush: flush.clone(),
            reader: reader.clone(),
            room: room.clone(),
            clock: Arc::clone(&clock),
            default_retention: settings.default_retention,
        };
        let upkeep = Upkeep::new(lake.clone(), Arc::clone(&clock), kept, purge, lake_disk);
        jobs.spawn(upkeep.clone().run(stop.clone()));
        let outbox = OutboxJob { store: Arc::clone(&store), log: Arc::clone(&log), told };
        jobs.spawn(outbox.run(stop.clone()));
        let kept = settings.feed_retention;
        let feed = Feed::new(tenants.clone(), Arc::clone(&log), lake.clone(), Arc::clone(&clock), kept, room.clone())?;
        let api_requests = ApiRequests::new(tenants.clone(), Arc::clone(&log), lake.clone(), founded.environment, room.clone())?;
        let answers = Answers::new(Arc::clone(&store), Arc::clone(&clock));
        let audit_events = AuditEvents::new(tenants.clone(), Arc::clone(log.tail()), lake.clone(), reader, room);
        let jobs = Mutex::new(jobs);
        let inner = Inner {
            store,
            clock,
            tenants,
            answers,
            exports,
            audit_events,
            feed,
            api_requests,
            log,
            lake,
            lake_health,
            disk,
            flush,
            upkeep,
            stop,
            jobs,
            _folder: folder,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Records one audit event; returns when it is durable.
    ///
    /// # Errors
    /// Nothing was stored, except that it is not known after `Unavailable`.
    pub async fn append(&self, scope: &Scope, event: NewEvent, idempotency_key: Option<&str>) -> Result<Receipt, AppendError> {
        append::append(&self.inner.tenants, &self.inner.log, scope, event, idempotency_key).await
    }

    /// Records many audit events in one commit; returns when they are durable. One outcome for each item, in order.
    ///
    /// # Errors
    /// Nothing was stored, except that it is not known after `Unavailable`.
    pub async fn append_batch(
        &self,
        scope: &Scope,
        items: Vec<BatchItem>,
        together: Together,
    ) -> Result<Vec<Result<BatchOutcome, AppendError>>, AppendError> {
        append::append_batch(&self.inner.tenants, &self.inner.log, scope, items, together).await
    }

    /// Records one event of the older Audit Trail API; returns when it is durable.
    ///
    /// # Errors
    /// `OrganizationNotFound`: the group leads nowhere. Otherwise as [`Engine::append`].
    pub async fn append_trail(
        &self,
        scope: &Scope,
        event: TrailEvent,
        idempotency_key: Option<&str>,
        unknown: UnknownGroup,
    ) -> Result<Receipt, AppendError> {
        append::append_trail(&self.inner.tenants, &self.inner.log, scope, event, idempotency_key, unknown).await
    }

    /// Another environment, apart from all others, and its first key, which nobody can read again.
    ///
    /// # Errors
    /// `Taken`: the name.
    pub async fn create_environment(&self, name: &str) -> Result<(EnvironmentId, ApiKeySecret), StoreError> {
        let founding = founding::founding(&*self.inner.clock, None)?;
        let key =
            StoredApiKey { environment: founding.rows.environment, key: founding.rows.key, digest: founding.rows.key_digest };
        self.inner.store.insert_environment(name, &key, founding.rows.at).await?;
        Ok((key.environment, founding.secret))
    }

    #[must_use]
    pub fn tenants(&self) -> &Tenants {
        &self.inner.tenants
    }

    #[must_use]
    pub fn exports(&self) -> &Exports {
        &self.inner.exports
    }

    #[must_use]
    pub fn audit_events(&self) -> &AuditEvents {
        &self.inner.audit_events
    }

    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.inner.feed
    }

    #[must_use]
    pub fn api_requests(&self) -> &ApiRequests {
        &self.inner.api_requests
    }

    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.inner.answers
    }

    pub async fn readiness(&self) -> Readiness {
        let committer = match self.inner.log.health() {
            Health::Good => Ok(()),
            Health::Unsettled(reason) | Health::Stopped(reason) => Err(reason),
        };
        let store = self.inner.store.ping().await.map_err(|error| error.to_string()).and_then(|()| self.inner.disk.check());
        let flushing = self.inner.lake_health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lake = match flushing {
            Some(problem) => Err(problem),
            None => self.inner.lake.check().await.map_err(|error| error.to_string()),
        };
        let forgotten = self.inner.log.has_forgotten_keys(self.inner.clock.now());
        let warnings = forgotten.then_some(Warning::KeysForgotten).into_iter().collect();
        Readiness { committer, store, lake, warnings }
    }

    /// Moves everything that was acknowledged before this call into the lake, without waiting until it is due.
    ///
    /// # Errors
    /// The lake takes no records. They stay in the commit log.
    pub async fn flush_all(&self) -> Result<(), FlushError> {
        self.inner.flush.flush_all().await
    }

    /// Merges files of the lake until all are as large as they should be.
    ///
    /// # Errors
    /// The lake fails; what was merged so far stays merged.
    pub async fn merge_all(&self) -> Result<(), LakeError> {
        self.inner.upkeep.merge_all().await
    }

    /// What retention would take of the environment's audit events now.
    ///
    /// # Errors
    /// Lake or database cannot be read.
    pub async fn preview_purge(&self, scope: &EnvironmentScope) -> Result<PurgeReport, PurgeError> {
        self.inner.upkeep.preview_purge(scope.environment_id()).await
    }

    /// Takes it out, instead of waiting until the day has ended.
    ///
    /// # Errors
    /// As [`Engine::preview_purge`]; what went so far is gone, and the next purge goes on.
    pub async fn purge(&self, scope: &EnvironmentScope) -> Result<PurgeReport, PurgeError> {
        self.inner.upkeep.purge(scope.environment_id()).await
    }

    /// Finishes what was accepted and ends every job. Later calls fail.
    pub async fn close(&self) {
        self.inner.log.close().await;
        self.inner.stop.cancel();
        let mut jobs = std::mem::take(&mut *self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(ended) = jobs.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a job ended by a panic");
            }
        }
        if let Err(error) = self.inner.tenants.flush_last_used().await {
            tracing::warn!(%error, "the times of last use are lost");
        }
        self.inner.store.close().await;
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}
