//! Writes one data file, a batch of rows at a time. Memory is bounded by one row group, whatever the size of the file.

use std::collections::HashMap;
use std::io::Write;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;

use super::Kind;
use super::checksums::{Checksums, Summed};
use super::parts::{Parts, tags};
use super::summary::Summary;
use crate::lake::LakeError;
use crate::lake::row::Row;
use crate::lake::stats::Range;

/// What the log says of a file that was written.
#[derive(Debug)]
pub struct Written<R: Row> {
    pub bytes: u64,
    pub rows: u64,
    /// JSON text.
    pub stats: String,
    pub ids: Range<R::Id>,
    pub tags: HashMap<String, Option<String>>,
}

/// Takes rows that are sorted by owner, rank and id. The file is one only after [`DataFileWriter::finish`].
pub struct DataFileWriter<R: Row, W: Write + Send> {
    parquet: ArrowWriter<Summed<W>>,
    summary: Summary<R>,
    kind: Kind,
}

impl<R: Row, W: Write + Send> DataFileWriter<R, W> {
    /// # Errors
    /// The sink does not take bytes.
    pub fn new(sink: W, kind: Kind) -> Result<Self, LakeError> {
        let parquet = ArrowWriter::try_new(Summed::new(sink), R::schema(), Some(R::layout(kind)));
        Ok(Self { parquet: parquet.map_err(failed)?, summary: Summary::new(), kind })
    }

    /// # Errors
    /// `Damaged`: these are not rows of ours, or they are out of order. Otherwise the sink does not take bytes.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), LakeError> {
        self.summary.add(rows)?;
        self.parquet.write(rows).map_err(failed)
    }

    /// Everything has reached the sink, which is flushed, when `Ok` comes. Whether it is durable is the sink's business.
    ///
    /// # Errors
    /// `Damaged`: there was no row. Otherwise the sink does not take bytes.
    pub fn finish(self) -> Result<Written<R>, LakeError> {
        let (directory, stats) = self.summary.finish()?;
        let (mut file, _) = self.parquet.into_serialized_writer().map_err(failed)?;
        file.flush()?;
        let directory_at = file.bytes_written() as u64;
        let checksums = Checksums::encode(&file.inner_mut().end_blocks());
        let directory = directory.encode();
        file.write_all(&directory)?;
        file.write_all(&checksums)?;
        file.flush()?;
        let footer_at = file.bytes_written() as u64;
        file.inner_mut().end_blocks();
        file.finish().map_err(failed)?;
        let parts = Parts {
            directory_at,
            checksums_at: directory_at + directory.len() as u64,
            footer_at,
            directory_crc: crc32fast::hash(&directory),
            checksums_crc: crc32fast::hash(&checksums),
            footer_crc: file.inner_mut().rest(),
        };
        let stats_text = stats.text().map_err(LakeError::damaged)?;
        Ok(Written {
            bytes: file.bytes_written() as u64,
            rows: stats.rows,
            stats: stats_text,
            ids: stats.ids,
            tags: tags(&parts, self.kind),
        })
    }
}

/// Rows that passed the summary can be encoded: what fails is the sink.
fn failed(error: parquet::errors::ParquetError) -> LakeError {
    LakeError::unavailable(error)
}
