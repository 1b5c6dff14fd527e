//! Record batches as CSV (wire contract §2): RFC 4180 with a stable header. Spreadsheets open these files, so a cell that one
//! would run as a formula gets a leading quote.

use std::fmt::Write;

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
    HEADER.iter().for_each(|name| lines.plain(name));
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
        lines.plain(columns.id.value(row));
        lines.cell(columns.action.value(row));
        lines.begin_cell();
        if let Some(version) = columns.version(row)? {
            // Writing to a String cannot fail.
            let _ = write!(lines.text, "{version}");
        }
        lines.begin_cell();
        columns.occurred_at(row)?.write_wire(&mut lines.text);
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
        lines.begin_cell();
        columns.received_at(row)?.write_wire(&mut lines.text);
        lines.end_row();
    }
    Ok(lines.finish())
}

struct Lines {
    text: String,
    is_row_begun: bool,
}

impl Lines {
    fn new(rows: usize) -> Self {
        Self { text: String::with_capacity(rows * ROW_BYTES), is_row_begun: false }
    }

    fn begin_cell(&mut self) {
        if self.is_row_begun {
            self.text.push(',');
        }
        self.is_row_begun = true;
    }

    /// A text that needs neither quotes nor a guard.
    fn plain(&mut self, text: &str) {
        self.begin_cell();
        self.text.push_str(text);
    }

    fn cell(&mut self, text: &str) {
        self.begin_cell();
        let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        if !text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
            self.text.push_str(guard);
            self.text.push_str(text);
            return;
        }
        self.text.push('"');
        self.text.push_str(guard);
        let mut parts = text.split('"');
        self.text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            self.text.push_str("\"\"");
            self.text.push_str(part);
        }
        self.text.push('"');
    }

    fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.is_row_begun = false;
    }

    fn finish(self) -> Bytes {
        self.text.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_are_as_any_writer_of_csv_has_them(rows in proptest::collection::vec(proptest::collection::vec("[a\"',=\r\n\tä@+-]{0,6}", 2..5), 0..5)) {
            let mut lines = Lines::new(1);
            let mut expected = ::csv::WriterBuilder::new().flexible(true).terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
            for row in rows {
                row.iter().for_each(|cell| lines.cell(cell));
                lines.end_row();
                let guarded = row.iter().map(|cell| match cell.chars().next() {
                    Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}"),
                    _ => cell.clone(),
                });
                expected.write_record(guarded).expect("memory takes every write");
            }
            prop_assert_eq!(&lines.finish()[..], &expected.into_inner().expect("memory takes every write")[..]);
        }
    }
}
