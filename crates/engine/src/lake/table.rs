//! One Delta table: found or created, and what it holds.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use annals_core::ids::{CommitNumber, ShardId};
use arrow::datatypes::{DataType, Field, Schema};
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, StructType, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::config::TablePropertiesExt;
use deltalake_core::table::state::DeltaTableState;
use object_store::ObjectStore;
use tokio::sync::Mutex;

use super::columns::DATE;
use super::data_file::{self, DataFiles, Footers};
use super::row::Row;
use super::snapshot::LakeFile;
use super::storage::LakeStorage;
use super::{LakeError, LakeSnapshot, stats, sum};

/// Properties of a table that does not exist yet.
#[derive(Debug, Clone, Copy)]
pub struct LakeSettings {
    /// Delta commits from one checkpoint of the log to the next.
    pub checkpoint_interval: NonZeroU64,
}

impl Default for LakeSettings {
    fn default() -> Self {
        Self { checkpoint_interval: const { NonZeroU64::new(100).expect("not zero") } }
    }
}

/// How long log entries stay that a checkpoint has made superfluous. Nobody travels back in time here, and a busy server
/// flushes every few seconds.
const LOG_RETENTION: &str = "interval 2 days";

/// Cheap to clone; all clones are one table.
#[derive(Clone)]
pub struct Table<R: Row> {
    pub(super) inner: Arc<Inner<R>>,
}

pub(super) struct Inner<R: Row> {
    pub log: LogStoreRef,
    pub files: Arc<dyn ObjectStore>,
    data_files: DataFiles,
    /// The table as it was last seen. Taken out while a flush works on it, so that a flush that was dropped half way leaves
    /// `None`, and the next one reads the log again.
    pub table: Mutex<Option<DeltaTableState>>,
    /// Held for a pointer swap, never over an await.
    snapshot: RwLock<Arc<LakeSnapshot<R>>>,
    /// Snapshots that were published before, as long as somebody holds them. Locked for moments, never over an await.
    earlier: RwLock<Vec<Weak<LakeSnapshot<R>>>>,
    /// Of the published snapshot: older log entries may have been cleaned up.
    version: AtomicU64,
}

impl<R: Row> Table<R> {
    /// Creates the table if it is not there.
    pub(super) async fn open(storage: &LakeStorage, footers: &Footers, settings: LakeSettings) -> Result<Self, LakeError> {
        let log = storage.log(R::TABLE)?;
        if !log.is_delta_table_location().await? {
            create::<R>(&log, settings).await?;
        }
        let table = load::<R>(&log, None).await?;
        let snapshot = RwLock::new(Arc::new(LakeSnapshot::of_state(&table)?));
        let files = storage.inside(R::TABLE);
        let data_files = DataFiles::new(Arc::clone(&files), footers.clone());
        let version = AtomicU64::new(table.version());
        Ok(Self {
            inner: Arc::new(Inner {
                log,
                files,
                data_files,
                table: Mutex::new(Some(table)),
                snapshot,
                earlier: RwLock::default(),
                version,
            }),
        })
    }

    /// The latest. Never waits.
    pub fn snapshot(&self) -> Arc<LakeSnapshot<R>> {
        Arc::clone(&self.inner.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last commit of a shard that was ever flushed, as Delta's log says; `ZERO` when none was.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn flushed_through(&self, shard: ShardId) -> Result<CommitNumber, LakeError> {
        self.transaction(shard).await
    }

    /// The last commit whose rows another table has, as this one noted; `ZERO` when it never noted any.
    pub(super) async fn noted_of(&self, shard: ShardId, other: &str) -> Result<CommitNumber, LakeError> {
        self.transaction(note_of(shard, other)).await
    }

    async fn transaction(&self, application: impl ToString) -> Result<CommitNumber, LakeError> {
        let mut table = self.inner.table.lock().await;
        let state = self.inner.latest(table.take()).await?;
        let through = self.inner.transaction(&state, application).await;
        *table = Some(state);
        through
    }

    /// Whether the table answers now.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), LakeError> {
        self.inner.log.get_latest_version(self.inner.version.load(Ordering::Relaxed)).await?;
        Ok(())
    }

    /// Reads the files that a snapshot names, and checks what it reads.
    pub fn data_files(&self) -> &DataFiles {
        &self.inner.data_files
    }

    /// Reads a whole file, and finds out whether it is what was written. Each row goes to `row`.
    ///
    /// # Errors
    /// `Damaged` when it is not, otherwise it cannot be read now.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever checks a whole folder"))]
    pub async fn verify(&self, file: &LakeFile<R>, row: &mut (dyn FnMut(&R) + Send)) -> Result<(), LakeError> {
        data_file::verify(&self.inner.data_files, file, row).await
    }

    /// Paths in it are those of the Delta log.
    pub(crate) fn files(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.inner.files)
    }
}

impl<R: Row> Inner<R> {
    pub(super) async fn latest(&self, seen: Option<DeltaTableState>) -> Result<DeltaTableState, LakeError> {
        let Some(mut state) = seen else { return Ok(DeltaTableState::try_new(self.log.as_ref(), None).await?) };
        state.update(self.log.as_ref(), None).await?;
        Ok(state)
    }

    pub(super) async fn transaction(
        &self,
        state: &DeltaTableState,
        application: impl ToString,
    ) -> Result<CommitNumber, LakeError> {
        transaction(&self.log, state, application).await
    }

    /// One log entry, durable when `Ok` comes.
    pub(super) async fn commit(
        &self,
        state: &DeltaTableState,
        flushed: Vec<Transaction>,
        actions: Vec<Action>,
        operation: DeltaOperation,
    ) -> Result<DeltaTableState, LakeError> {
        // Looking for old log entries lists the whole log, and only a checkpoint makes any superfluous.
        let makes_checkpoint = (state.version() + 2).is_multiple_of(state.table_config().checkpoint_interval().get());
        let properties = CommitProperties::default()
            .with_application_transactions(flushed)
            .with_metadata([sum::after::<R>(state, &actions)?])
            // The sum is that of the files in `state` and these: behind any other entry it would be wrong. The caller looks again.
            .with_max_retries(0)
            .with_create_checkpoint(true)
            .with_cleanup_expired_logs(Some(makes_checkpoint));
        let commit = CommitBuilder::from(properties).with_actions(actions);
        Ok(commit.build(Some(state), Arc::clone(&self.log), operation).await?.snapshot())
    }

    pub(super) fn publish(&self, state: &DeltaTableState) -> Result<Arc<LakeSnapshot<R>>, LakeError> {
        let snapshot = Arc::new(LakeSnapshot::of_state(state)?);
        self.version.store(state.version(), Ordering::Relaxed);
        let before =
            std::mem::replace(&mut *self.snapshot.write().unwrap_or_else(PoisonError::into_inner), Arc::clone(&snapshot));
        let mut earlier = self.earlier.write().unwrap_or_else(PoisonError::into_inner);
        earlier.retain(|snapshot| snapshot.strong_count() > 0);
        earlier.push(Arc::downgrade(&before));
        Ok(snapshot)
    }

    /// Snapshots that somebody reads by. Whoever reads for longer than a page takes holds the one that it reads by.
    pub(super) fn held(&self) -> Vec<Arc<LakeSnapshot<R>>> {
        let published = Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner));
        let earlier = self.earlier.read().unwrap_or_else(PoisonError::into_inner);
        earlier.iter().filter_map(Weak::upgrade).chain([published]).collect()
    }
}

/// The application whose transactions say what another table has of a shard.
pub(super) fn note_of(shard: ShardId, other: &str) -> String {
    format!("{shard}/{other}")
}

/// A version of the table, the newest when none is named.
pub(super) async fn load<R: Row>(log: &LogStoreRef, version: Option<u64>) -> Result<DeltaTableState, LakeError> {
    let named = |error: LakeError| match error {
        LakeError::Damaged(cause) => LakeError::damaged(format!("{}: {cause}", R::TABLE)),
        unavailable @ LakeError::Unavailable(_) => unavailable,
    };
    let table = DeltaTableState::try_new(log.as_ref(), version).await.map_err(|error| named(error.into()))?;
    sum::check::<R>(log, &table).await?;
    if *table.schema() != delta_schema::<R>()? {
        return Err(LakeError::damaged(format!("the columns of {} are not those of this version", R::TABLE)));
    }
    Ok(table)
}

/// The last commit that an application noted; `ZERO` when it never did.
pub(super) async fn transaction(
    log: &LogStoreRef,
    state: &DeltaTableState,
    application: impl ToString,
) -> Result<CommitNumber, LakeError> {
    let application = application.to_string();
    match state.snapshot().transaction_version(log.as_ref(), &application).await? {
        None => Ok(CommitNumber::ZERO),
        Some(version) => u64::try_from(version)
            .ok()
            .and_then(CommitNumber::new)
            .ok_or_else(|| LakeError::damaged(format!("shard {application} was flushed through {version}, which is no commit"))),
    }
}

async fn create<R: Row>(log: &LogStoreRef, settings: LakeSettings) -> Result<(), LakeError> {
    let properties = [
        ("delta.checkpointInterval", settings.checkpoint_interval.to_string()),
        ("delta.dataSkippingStatsColumns", stats::columns::<R>().join(",")),
        ("delta.logRetentionDuration", LOG_RETENTION.to_owned()),
    ];
    CreateBuilder::new()
        .with_log_store(Arc::clone(log))
        .with_table_name(R::TABLE)
        .with_columns(delta_schema::<R>()?.fields().cloned())
        .with_partition_columns([DATE])
        .with_configuration(properties.map(|(name, value)| (name, Some(value))))
        // Another node may be creating it at the same moment.
        .with_save_mode(SaveMode::Ignore)
        .await?;
    Ok(())
}

/// The columns of the files and the partition.
fn delta_schema<R: Row>() -> Result<StructType, LakeError> {
    let date = Arc::new(Field::new(DATE, DataType::Date32, false));
    let fields: Vec<_> = std::iter::once(date).chain(R::schema().fields().iter().cloned()).collect();
    (&Schema::new(fields)).try_into_kernel().map_err(LakeError::damaged)
}
