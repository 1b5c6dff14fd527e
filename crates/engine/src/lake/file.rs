//! A flush as data files: sorted, split by received day, encoded. No storage: bytes in memory, whose number the size of a
//! flush bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_core::ids::CommitNumber;
use bytes::Bytes;

use super::LakeError;
use super::data_file::{DataFileWriter, Kind, Written};
use super::row::Row;

/// Rows that become columns at a time: bounds the memory that is taken beside rows and bytes, and keeps it near the processor.
const BATCH_ROWS: usize = 2048;
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// What a flush takes, as it lies in the tail: nothing is copied.
pub struct Rows<R>(Vec<Arc<[R]>>);

impl<R> Rows<R> {
    /// Commit by commit.
    pub fn of_commits(commits: Vec<Arc<[R]>>) -> Self {
        Self(commits)
    }
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.0.iter().flat_map(|rows| rows.iter())
    }
    pub fn count(&self) -> usize {
        self.0.iter().map(|rows| rows.len()).sum()
    }
}

impl<R> From<Vec<R>> for Rows<R> {
    fn from(rows: Vec<R>) -> Self {
        Self(vec![rows.into()])
    }
}

/// One data file before it is stored.
pub struct NewFile<R: Row> {
    /// `2026-07-23`, the partition.
    pub date: String,
    pub bytes: Bytes,
    pub written: Written<R>,
}

/// One file for each day of the rows behind a commit, each sorted by owner and place.
///
/// # Errors
/// The rows cannot be encoded, which no retry changes.
pub fn encode<R: Row>(rows: &Rows<R>, behind: CommitNumber) -> Result<Vec<NewFile<R>>, LakeError> {
    let mut days: BTreeMap<i64, Vec<&R>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.place().commit() > behind) {
        days.entry(row.received_at().get().div_euclid(DAY_MICROS)).or_default().push(row);
    }
    days.into_values().map(encode_day).collect()
}

/// Of one row at least.
fn encode_day<R: Row>(mut rows: Vec<&R>) -> Result<NewFile<R>, LakeError> {
    let mut date = rows[0].received_at().wire();
    date.truncate("2026-07-23".len());
    // Ids break ties: several shards count the places of one owner.
    rows.sort_unstable_by_key(|row| (row.owner(), row.rank(), row.id()));
    let mut bytes = Vec::new();
    let mut writer = DataFileWriter::<R, _>::new(&mut bytes, Kind::Flushed)?;
    for rows in rows.chunks(BATCH_ROWS) {
        let batch = R::to_batch(rows).map_err(LakeError::damaged)?;
        // The last moment to notice: after the flush the columns are all that is left of the records.
        if !R::from_batch(&batch).map_err(LakeError::damaged)?.iter().eq(rows.iter().copied()) {
            return Err(LakeError::damaged(format!("rows of {} that their columns do not give back", R::TABLE)));
        }
        writer.write(&batch)?;
    }
    let written = writer.finish()?;
    Ok(NewFile { date, bytes: bytes.into(), written })
}
