//! Record batches as CSV (wire contract §2): RFC 4180 with a stable header. Spreadsheets open these files, so a cell that one
//! would run as a formula gets a leading quote.

use ::csv::{Terminator, Writer, WriterBuilder};
use arrow::array::RecordBatch;
use bytes::Bytes;

use super::ReadError;
use crate::lake::columns::Columns;

const HEADER: [&str; 13] = [
    "id",
    "action",
    "version",
    "occurred_at",
    "actor_id",
    "actor_type",
    "actor_name",
    "actor_metadata",
    "targets",
    "context_location",
    "context_user_agent",
    "metadata",
    "created_at",
];

/// Roughly what a row takes, to allocate once.
const ROW_BYTES: usize = 768;

/// The first line of every file.
pub fn header() -> Bytes {
    let mut lines = Lines::new(1);
    HEADER.iter().for_each(|name| lines.cell(name));
    lines.end_row();
    lines.finish()
}

/// # Errors
/// A row is not an event that this server wrote.
pub fn rows(batch: &RecordBatch) -> Result<Bytes, ReadError> {
    let columns = Columns::of(batch)?;
    let mut lines = Lines::new(batch.num_rows());
    let mut targets = String::new();
    for row in 0..batch.num_rows() {
        lines.cell(columns.id.value(row));
        lines.cell(columns.action.value(row));
        lines.cell(&columns.version(row)?.map(|version| version.to_string()).unwrap_or_default());
        lines.cell(&columns.occurred_at(row)?.wire());
        lines.cell(columns.actor_id.value(row));
        lines.cell(columns.actor_type.value(row));
        lines.cell(columns.actor_name(row).unwrap_or_default());
        lines.cell(columns.actor_metadata(row).unwrap_or_default());
        targets.clear();
        columns.write_targets(row, &mut targets)?;
        lines.cell(&targets);
        lines.cell(columns.location(row).unwrap_or_default());
        lines.cell(columns.user_agent(row).unwrap_or_default());
        lines.cell(columns.metadata(row).unwrap_or_default());
        lines.cell(&columns.received_at(row)?.wire());
        lines.end_row();
    }
    Ok(lines.finish())
}

struct Lines {
    writer: Writer<Vec<u8>>,
    guarded: String,
}

impl Lines {
    fn new(rows: usize) -> Self {
        let writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::with_capacity(rows * ROW_BYTES));
        Self { writer, guarded: String::new() }
    }

    fn cell(&mut self, text: &str) {
        let cell = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            self.guarded.clear();
            self.guarded.push('\'');
            self.guarded.push_str(text);
            &self.guarded
        } else {
            text
        };
        self.writer.write_field(cell).expect("memory takes every write");
    }

    fn end_row(&mut self) {
        self.writer.write_record(None::<&[u8]>).expect("every row has the cells of the header");
    }

    fn finish(self) -> Bytes {
        self.writer.into_inner().expect("memory takes every write").into()
    }
}
