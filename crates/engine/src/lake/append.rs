//! A flush into the lake, exactly once.
//!
//! 1. Data files are written and durable. Dying here leaves files that no log entry names: harmless, a vacuum removes them.
//! 2. One log entry names them all and says through which commit the shard is now flushed. It is durable when it is there.
//!    Dying here loses only the answer: the next flush reads the log first, finds the commits and leaves them out.
//! 3. The new snapshot is published, then the caller may release the commits from the commit log.

use std::collections::HashMap;
use std::sync::Arc;

use annals_core::ids::{CommitNumber, RecordPlace, ShardId};
use deltalake_core::kernel::{Action, Add, Transaction};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions};

use super::columns::DATE;
use super::data_file::Written;
use super::file::{self, NewFile, Rows};
use super::row::Row;
use super::table::{Table, note_of};
use super::{LakeError, LakeSnapshot, Range};

impl<R: Row> Table<R> {
    /// Adds the rows of a shard's commits up to and including `through`. When `Ok` comes, they are durable. Commits that
    /// the table already has are left out, whatever became of the answer to the flush that brought them. Several calls wait
    /// for each other.
    ///
    /// # Errors
    /// It is not known whether the rows are in the table. Trying again is safe.
    pub async fn append(
        &self,
        shard: ShardId,
        through: CommitNumber,
        rows: impl Into<Rows<R>>,
    ) -> Result<Arc<LakeSnapshot<R>>, LakeError> {
        self.append_last(shard, through, rows, &[]).await
    }

    /// The same for the last table of a flush, which notes that `others` have their rows of these commits. A start finds out by
    /// [`Lake::flushed_through`](super::Lake::flushed_through) when one of them was lost.
    ///
    /// # Errors
    /// As [`Table::append`].
    pub async fn append_last(
        &self,
        shard: ShardId,
        through: CommitNumber,
        rows: impl Into<Rows<R>>,
        others: &[&str],
    ) -> Result<Arc<LakeSnapshot<R>>, LakeError> {
        let rows = rows.into();
        debug_assert!(rows.iter().all(|row| row.place().shard() == shard && row.place().commit() <= through));
        let inner = &self.inner;
        let mut table = inner.table.lock().await;
        let mut state = inner.latest(table.take()).await?;
        let flushed = inner.transaction(&state, shard).await?;
        if flushed < through {
            let files =
                tokio::task::spawn_blocking(move || file::encode(&rows, flushed)).await.map_err(LakeError::unavailable)??;
            let mut actions = Vec::with_capacity(files.len());
            for file in files {
                actions.push(Action::Add(store(inner.files.as_ref(), file).await?));
            }
            // 40 bits.
            let version = through.get().cast_signed();
            let mut flushed = vec![Transaction::new(shard, version)];
            flushed.extend(others.iter().map(|table| Transaction::new(note_of(shard, table), version)));
            let operation =
                DeltaOperation::Write { mode: SaveMode::Append, partition_by: Some(vec![DATE.to_owned()]), predicate: None };
            // Step 2.
            state = inner.commit(&state, flushed, actions, operation).await?;
        }
        let snapshot = inner.publish(&state)?;
        *table = Some(state);
        Ok(snapshot)
    }
}

/// Step 1.
async fn store<R: Row>(files: &dyn ObjectStore, file: NewFile<R>) -> Result<Add, LakeError> {
    let name = name::<R>(&file.date, file.written.ids)?;
    files.put_opts(&Path::from(name.as_str()), file.bytes.into(), PutOptions::from(PutMode::Create)).await?;
    add(name, file.date, file.written)
}

/// Of its own for each attempt: the log entry of an attempt whose answer was lost must not find other bytes.
pub(super) fn name<R: Row>(date: &str, ids: Range<R::Id>) -> Result<String, LakeError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| LakeError::unavailable(std::io::Error::other(error)))?;
    let (first, last): (RecordPlace, RecordPlace) = (ids.least.into(), ids.greatest.into());
    let commits = format!("{}-{}-{}", first.shard(), first.commit(), last.commit());
    Ok(format!("{DATE}={date}/{commits}-{}.parquet", hex::encode(random)))
}

/// What the log says of a new file.
pub(super) fn add<R: Row>(path: String, date: String, written: Written<R>) -> Result<Add, LakeError> {
    let last: RecordPlace = written.ids.greatest.into();
    Ok(Add {
        path,
        partition_values: HashMap::from([(DATE.to_owned(), Some(date))]),
        size: i64::try_from(written.bytes).map_err(LakeError::damaged)?,
        modification_time: i64::try_from(last.millis()).unwrap_or(i64::MAX),
        data_change: true,
        stats: Some(written.stats),
        tags: Some(written.tags),
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}
