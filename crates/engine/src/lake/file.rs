//! A flush as data files: sorted, split by received day, encoded. No storage: bytes in memory, whose number the size of a
//! flush bounds.

use std::collections::BTreeMap;

use annals_core::event::CommittedEvent;
use annals_core::ids::AuditEventId;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;

use super::columns::{to_batch, to_events, writer_properties};
use super::{LakeError, stats};

/// Rows that become columns at a time: bounds the memory that is taken beside events and bytes.
const BATCH_ROWS: usize = 16_384;

/// One data file before it is stored.
pub struct NewFile {
    /// `2026-07-23`, the partition.
    pub date: String,
    pub bytes: Bytes,
    /// JSON text for Delta's log.
    pub stats: String,
    pub first: AuditEventId,
    pub last: AuditEventId,
}

/// One file for each day, each sorted by organization and place.
///
/// # Errors
/// The events cannot be encoded, which no retry changes.
pub fn encode(events: Vec<CommittedEvent>) -> Result<Vec<NewFile>, LakeError> {
    let mut days: BTreeMap<String, Vec<CommittedEvent>> = BTreeMap::new();
    for event in events {
        let mut date = event.received_at.wire();
        date.truncate("2026-07-23".len());
        days.entry(date).or_default().push(event);
    }
    days.into_iter().map(|(date, events)| encode_day(date, events)).collect()
}

fn encode_day(date: String, mut events: Vec<CommittedEvent>) -> Result<NewFile, LakeError> {
    // Ids break ties: several shards count the places of one organization.
    events.sort_unstable_by_key(|event| (event.organization, event.seq, event.id));
    let nothing = || LakeError::damaged("a day without events");
    let stats = stats::write(&events).ok_or_else(nothing)?;
    let first = events.iter().map(|event| event.id).min().ok_or_else(nothing)?;
    let last = events.iter().map(|event| event.id).max().ok_or_else(nothing)?;
    let mut writer =
        ArrowWriter::try_new(Vec::new(), super::columns::schema(), Some(writer_properties())).map_err(LakeError::damaged)?;
    for rows in events.chunks(BATCH_ROWS) {
        let batch = to_batch(rows).map_err(LakeError::damaged)?;
        // The last moment to notice: after the flush the columns are all that is left of the events.
        if to_events(&batch).map_err(LakeError::damaged)? != rows {
            return Err(LakeError::damaged("events that their columns do not give back"));
        }
        writer.write(&batch).map_err(LakeError::damaged)?;
    }
    let bytes = Bytes::from(writer.into_inner().map_err(LakeError::damaged)?);
    Ok(NewFile { date, bytes, stats, first, last })
}
