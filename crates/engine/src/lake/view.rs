//! The lake as another process finds it: nothing is made, swept or written. The server may be running.

use std::marker::PhantomData;
use std::sync::Arc;

use annals_core::ids::{CommitNumber, ShardId};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::table::state::DeltaTableState;
use object_store::ObjectStore;
use url::Url;

use super::data_file::{self, DataFiles, Footers};
use super::row::Row;
use super::snapshot::LakeFile;
use super::storage::LakeStorage;
use super::{LakeError, LakeSnapshot, table};

/// Cheap to clone.
#[derive(Clone)]
pub struct LakeView {
    storage: LakeStorage,
}

/// One table at one version.
pub struct TableView<R: Row> {
    log: LogStoreRef,
    files: Arc<dyn ObjectStore>,
    state: DeltaTableState,
    rows: PhantomData<R>,
}

impl LakeView {
    /// # Errors
    /// There is no such folder, or the URL is none of a lake.
    pub fn open(url: &Url) -> Result<Self, LakeError> {
        Ok(Self { storage: LakeStorage::look(url)? })
    }

    /// Everything below a table's folder, or in `exports`.
    pub fn files(&self, folder: &str) -> Arc<dyn ObjectStore> {
        self.storage.inside(folder)
    }

    /// The newest version of a table.
    ///
    /// # Errors
    /// Its log cannot be read, or it is not ours.
    pub async fn table<R: Row>(&self) -> Result<TableView<R>, LakeError> {
        let log = self.storage.log(R::TABLE)?;
        let state = table::load::<R>(&log, None).await?;
        Ok(TableView { log, files: self.storage.inside(R::TABLE), state, rows: PhantomData })
    }

    /// The newest version of a table that has nothing of commits after `last`. A running server may have flushed more than a
    /// database knew that was read before.
    ///
    /// # Errors
    /// As [`LakeView::table`].
    pub async fn table_through<R: Row>(&self, shard: ShardId, last: CommitNumber) -> Result<TableView<R>, LakeError> {
        let mut table = self.table::<R>().await?;
        while table.flushed_through(shard).await? > last {
            let before = table.state.version().checked_sub(1);
            let before = before.ok_or_else(|| LakeError::damaged(format!("{} begins after commit {last}", R::TABLE)))?;
            table.state = table::load::<R>(&table.log, Some(before)).await?;
        }
        Ok(table)
    }
}

impl<R: Row> TableView<R> {
    pub fn version(&self) -> u64 {
        self.state.version()
    }

    /// # Errors
    /// An entry is not ours.
    pub fn snapshot(&self) -> Result<LakeSnapshot<R>, LakeError> {
        LakeSnapshot::of_state(&self.state)
    }

    /// The last commit of a shard that was flushed into this version.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn flushed_through(&self, shard: ShardId) -> Result<CommitNumber, LakeError> {
        table::transaction(&self.log, &self.state, shard).await
    }

    /// The last commit whose rows another table must have.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn noted_of(&self, shard: ShardId, other: &str) -> Result<CommitNumber, LakeError> {
        table::transaction(&self.log, &self.state, table::note_of(shard, other)).await
    }

    /// Reads a whole file, and finds out whether it is what was written. Each row goes to `row`.
    ///
    /// # Errors
    /// `Damaged` when it is not, otherwise it cannot be read now.
    pub async fn verify(&self, file: &LakeFile<R>, row: &mut (dyn FnMut(&R) + Send)) -> Result<(), LakeError> {
        // Nothing is kept: each file is read once.
        let files = DataFiles::new(self.files(), Footers::default());
        data_file::verify(&files, file, row).await
    }

    /// Inside the table's folder.
    pub fn files(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.files)
    }
}
