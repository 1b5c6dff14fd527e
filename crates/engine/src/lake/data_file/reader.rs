//! Any part of a data file, checked. What Parquet and DataFusion read files through.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::checksums::Checksums;
use super::footers::{DataFile, DataFiles};
use crate::lake::LakeError;

#[derive(Debug)]
pub struct DataFileReader {
    files: DataFiles,
    file: DataFile,
}

impl DataFileReader {
    pub(super) fn new(files: DataFiles, file: DataFile) -> Self {
        Self { files, file }
    }

    /// Bytes of row groups.
    ///
    /// # Errors
    /// They cannot be read, or are not those that were written.
    pub async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, LakeError> {
        let footer = self.files.footer(&self.file).await?;
        let Some(checksums) = &footer.checksums else { return self.files.ranges(&self.file, ranges).await };
        let runs = self.runs(checksums, ranges)?;
        let blocks = self.files.ranges(&self.file, &runs).await?;
        for (run, blocks) in runs.iter().zip(&blocks) {
            checksums.check(run.start, blocks).map_err(|changed| self.file.damaged(changed))?;
        }
        let slice = |range: &Range<u64>| {
            // Each range lies in one run, and the last that begins before it is the one.
            let run = runs.partition_point(|run| run.start <= range.start).saturating_sub(1);
            let place = |at: u64| usize::try_from(at - runs[run].start).unwrap_or(usize::MAX);
            blocks[run].slice(place(range.start)..place(range.end))
        };
        Ok(ranges.iter().map(slice).collect())
    }

    /// The blocks of all ranges, in order, neighbours together: a block that several ranges touch is read once.
    fn runs(&self, checksums: &Checksums, ranges: &[Range<u64>]) -> Result<Vec<Range<u64>>, LakeError> {
        if ranges.iter().any(|range| range.start > range.end || range.end > checksums.end()) {
            return Err(self.file.damaged("its footer names bytes that no row group has"));
        }
        let mut blocks: Vec<_> = ranges.iter().map(|range| checksums.around(range)).collect();
        blocks.sort_unstable_by_key(|range| range.start);
        let mut runs: Vec<Range<u64>> = Vec::with_capacity(blocks.len());
        for range in blocks {
            match runs.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => runs.push(range),
            }
        }
        Ok(runs)
    }
}

impl AsyncFileReader for DataFileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move {
            let bytes = self.read(std::slice::from_ref(&range)).await.map_err(failed)?.pop();
            bytes.ok_or_else(|| ParquetError::EOF("not a byte was read".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move { self.read(&ranges).await.map_err(failed) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move { Ok(Arc::clone(self.files.footer(&self.file).await.map_err(failed)?.parquet())) }.boxed()
    }
}

fn failed(error: LakeError) -> ParquetError {
    ParquetError::External(Box::new(error))
}
