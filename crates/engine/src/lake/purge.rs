//! Taking one organization's rows out of a file, which is how retention is carried out.
//!
//! A file without other rows leaves the table; otherwise one without the rows takes its place. Either is one log entry, so readers see
//! the file with all of the rows or with none of them. Steps and what is true after each are those of a merge ([`merge`](super::merge)).

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_core::event::{CommittedEvent, RetentionPurged};
use annals_core::ids::{EnvironmentId, OrganizationId};
use annals_core::time::Micros;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use deltalake_core::protocol::DeltaOperation;
use futures::TryStreamExt;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use tokio::runtime::Handle;

use super::columns::{ACTION, ColumnsError, ENVIRONMENT_ID, ORGANIZATION_ID, SEQ};
use super::data_file::Kind;
use super::rewrite::{Pace, Rewrite, RewriteError, of_lake, of_source};
use super::table::Table;
use super::{LakeError, LakeFile};

/// Rows that are decoded at a time.
const ROWS_AT_ONCE: usize = 8192;

/// The rows of one organization in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    pub environment: EnvironmentId,
    pub organization: OrganizationId,
    pub from_seq: u64,
    pub through_seq: u64,
    /// Of them, records of earlier purges.
    pub records: u64,
}

/// What came of taking rows out of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgedFile {
    pub rows: u64,
    /// Of the file that took its place.
    pub bytes: u64,
}

impl Table<CommittedEvent> {
    /// Whose rows the file has, of those organizations that are `wanted`, in order.
    ///
    /// # Errors
    /// `Sources` when the file is not what was written.
    pub async fn holdings(
        &self,
        file: &LakeFile,
        wanted: impl Fn(OrganizationId) -> bool + Send + 'static,
    ) -> Result<Vec<Holding>, RewriteError> {
        if let Some(directory) = self.data_files().directory(file).await.map_err(|error| of_lake(file, error))? {
            // Most files have nothing to give, and this costs nearly nothing.
            if !directory.iter().any(|(organization, _)| wanted(organization)) {
                return Ok(Vec::new());
            }
        }
        let (files, file) = (self.data_files().clone(), file.clone());
        let work = move || {
            let runtime = Handle::current();
            let damaged = |error| of_source(&file, error);
            let rows = runtime.block_on(ParquetRecordBatchStreamBuilder::new(files.reader(&file))).map_err(damaged)?;
            let columns = ProjectionMask::columns(rows.parquet_schema(), [ENVIRONMENT_ID, ORGANIZATION_ID, SEQ, ACTION]);
            let rows = rows.with_projection(columns).with_batch_size(ROWS_AT_ONCE).build();
            let (mut rows, mut holdings) = (rows.map_err(damaged)?, Vec::new());
            while let Some(batch) = runtime.block_on(rows.try_next()).map_err(damaged)? {
                let wrong = |error: ColumnsError| of_lake(&file, LakeError::damaged(error));
                add_holdings(&batch, &wanted, &mut holdings).map_err(wrong)?;
            }
            Ok(holdings)
        };
        tokio::task::spawn_blocking(work).await.map_err(LakeError::unavailable)?
    }

    /// Takes the rows of these organizations out of a file. `None`: the file is not there any more.
    ///
    /// # Errors
    /// It is not known whether they went. Trying again is safe.
    pub async fn purge_file(
        &self,
        file: LakeFile,
        leaving: BTreeSet<OrganizationId>,
        pace: Pace,
        now: Micros,
    ) -> Result<Option<PurgedFile>, RewriteError> {
        let paths = [file.path.clone()];
        // Somebody may wait for it. It is packed again later.
        let rewrite = Rewrite { sources: vec![file], leaving, kind: Kind::Merged, pace };
        // One source is always rewritten.
        let Some(made) = rewrite.run(self.data_files().clone(), Arc::clone(&self.inner.files)).await? else { return Ok(None) };
        let there = self.replace(&paths, made.add, DeltaOperation::Delete { predicate: None }, now).await?;
        Ok(there.then_some(PurgedFile { rows: made.left_out, bytes: made.bytes }))
    }
}

fn add_holdings(
    batch: &RecordBatch,
    wanted: &impl Fn(OrganizationId) -> bool,
    holdings: &mut Vec<Holding>,
) -> Result<(), ColumnsError> {
    let bad = |column, row| ColumnsError { column, row, problem: "not one of ours" };
    let text = |name| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).ok_or_else(|| bad(name, 0));
    let (environments, organizations, actions) = (text(ENVIRONMENT_ID)?, text(ORGANIZATION_ID)?, text(ACTION)?);
    let seqs = batch.column_by_name(SEQ).and_then(|column| column.as_primitive_opt::<Int64Type>()).ok_or_else(|| bad(SEQ, 0))?;
    let mut row = 0;
    while row < batch.num_rows() {
        let start = row;
        while row < batch.num_rows() && organizations.value(row) == organizations.value(start) {
            row += 1;
        }
        let organization: OrganizationId = organizations.value(start).parse().map_err(|_| bad(ORGANIZATION_ID, start))?;
        if !wanted(organization) {
            continue;
        }
        let seq = |row: usize| u64::try_from(seqs.value(row)).map_err(|_| bad(SEQ, row));
        let records = (start..row).filter(|row| actions.value(*row) == RetentionPurged::ACTION).count() as u64;
        match holdings.last_mut().filter(|last| last.organization == organization) {
            Some(last) => {
                last.through_seq = seq(row - 1)?;
                last.records += records;
            }
            None => holdings.push(Holding {
                environment: environments.value(start).parse().map_err(|_| bad(ENVIRONMENT_ID, start))?,
                organization,
                from_seq: seq(start)?,
                through_seq: seq(row - 1)?,
                records,
            }),
        }
    }
    Ok(())
}
