//! A flush as data files: sorted, split by received day, encoded. No storage: bytes in memory, whose number the size of a
//! flush bounds.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::LakeError;
use super::data_file::{DataFileWriter, Kind, Written};
use super::row::Row;

/// Rows that become columns at a time: bounds the memory that is taken beside rows and bytes.
const BATCH_ROWS: usize = 16_384;

/// One data file before it is stored.
pub struct NewFile<R: Row> {
    /// `2026-07-23`, the partition.
    pub date: String,
    pub bytes: Bytes,
    pub written: Written<R>,
}

/// One file for each day, each sorted by owner and place.
///
/// # Errors
/// The rows cannot be encoded, which no retry changes.
pub fn encode<R: Row>(rows: Vec<R>) -> Result<Vec<NewFile<R>>, LakeError> {
    let mut days: BTreeMap<String, Vec<R>> = BTreeMap::new();
    for row in rows {
        let mut date = row.received_at().wire();
        date.truncate("2026-07-23".len());
        days.entry(date).or_default().push(row);
    }
    days.into_iter().map(|(date, rows)| encode_day(date, rows)).collect()
}

fn encode_day<R: Row>(date: String, mut rows: Vec<R>) -> Result<NewFile<R>, LakeError> {
    // Ids break ties: several shards count the places of one owner.
    rows.sort_unstable_by_key(|row| (row.owner(), row.rank(), row.id()));
    let mut bytes = Vec::new();
    let mut writer = DataFileWriter::<R, _>::new(&mut bytes, Kind::Flushed)?;
    for rows in rows.chunks(BATCH_ROWS) {
        let batch = R::to_batch(rows).map_err(LakeError::damaged)?;
        // The last moment to notice: after the flush the columns are all that is left of the records.
        if R::from_batch(&batch).map_err(LakeError::damaged)? != rows {
            return Err(LakeError::damaged(format!("rows of {} that their columns do not give back", R::TABLE)));
        }
        writer.write(&batch)?;
    }
    let written = writer.finish()?;
    Ok(NewFile { date, bytes: bytes.into(), written })
}
