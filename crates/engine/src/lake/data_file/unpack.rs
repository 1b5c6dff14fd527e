//! Pages of row groups become rows. Parquet's own reader makes contexts of zstd for each column that it reads, which takes a fifth of
//! the time of a page of events; here a thread has one.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, RowGroups, RowSelection};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

/// Which rows of which row groups.
pub struct Chosen {
    pub groups: Vec<(usize, RowSelection)>,
    /// The same of all of these groups, one after another.
    pub selection: RowSelection,
    pub columns: ProjectionMask,
}

impl Chosen {
    /// Where the pages lie that are needed, and the dictionaries; in order.
    ///
    /// # Errors
    /// The file does not say.
    pub fn ranges(&self, parquet: &ParquetMetaData) -> Result<Vec<Range<u64>>> {
        let mut ranges = Vec::new();
        for (group, selection) in &self.groups {
            let columns = parquet.row_group(*group).columns().iter().enumerate();
            for (place, column) in columns.filter(|(place, _)| self.columns.leaf_included(*place)) {
                let pages = page_locations(parquet, *group, place)?;
                let (start, _) = column.byte_range();
                let first = pages.first().and_then(|page| u64::try_from(page.offset).ok()).unwrap_or(start);
                ranges.extend((start < first).then_some(start..first));
                ranges.extend(selection.scan_ranges(pages));
            }
        }
        ranges.sort_unstable_by_key(|range| range.start);
        Ok(ranges)
    }

    /// The rows, out of the bytes of these ranges.
    ///
    /// # Errors
    /// The bytes are no pages.
    pub fn rows(self, footer: &ArrowReaderMetadata, ranges: Vec<Range<u64>>, bytes: Vec<Bytes>) -> Result<RecordBatch> {
        let parquet = footer.metadata();
        let count = self.selection.row_count();
        let schema = parquet.file_metadata().schema_descr();
        let levels = parquet_to_arrow_field_levels(schema, self.columns, Some(footer.schema().fields()))?;
        let pages = Arc::new(Pages { ranges, bytes });
        let groups = Groups { parquet, numbers: self.groups.into_iter().map(|(number, _)| number).collect(), pages };
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, count, Some(self.selection))?;
        let schema = reader.schema();
        let mut batches = reader.collect::<std::result::Result<Vec<_>, ArrowError>>()?;
        match batches.len() {
            1 => Ok(batches.remove(0)),
            _ => Ok(concat_batches(&schema, &batches)?),
        }
    }
}

fn page_locations(parquet: &ParquetMetaData, group: usize, column: usize) -> Result<&Vec<PageLocation>> {
    let index = parquet.offset_index().and_then(|index| index.get(group)?.get(column));
    let index = index.ok_or_else(|| ParquetError::General("it does not say where its pages are".to_owned()))?;
    Ok(index.page_locations())
}

/// Row groups of which some pages were read.
struct Groups<'f> {
    parquet: &'f ParquetMetaData,
    numbers: Vec<usize>,
    pages: Arc<Pages>,
}

impl Groups<'_> {
    fn column(&self, group: usize, column: usize) -> Result<Box<dyn PageReader>> {
        let rows = usize::try_from(self.parquet.row_group(group).num_rows())?;
        let locations = page_locations(self.parquet, group, column)?.clone();
        let column = self.parquet.row_group(group).column(column);
        let packed = match column.compression() {
            Compression::ZSTD(_) => true,
            Compression::UNCOMPRESSED => false,
            other => return Err(ParquetError::NYI(format!("pages packed by {other}"))),
        };
        // Pages are then given as they lie.
        let column = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let pages = SerializedPageReader::new(Arc::clone(&self.pages), &column, rows, Some(locations))?;
        Ok(if packed { Box::new(Unpacking(pages)) } else { Box::new(pages) })
    }
}

impl RowGroups for Groups<'_> {
    fn num_rows(&self) -> usize {
        self.row_groups().map(|group| usize::try_from(group.num_rows()).unwrap_or_default()).sum()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let readers: Vec<_> = self.numbers.iter().map(|group| self.column(*group, column)).collect();
        Ok(Box::new(Columns(readers.into_iter())))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.numbers.iter().map(|group| self.parquet.row_group(*group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.parquet
    }
}

/// One column, row group by row group.
struct Columns(std::vec::IntoIter<Result<Box<dyn PageReader>>>);

impl Iterator for Columns {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl PageIterator for Columns {}

/// Bytes of a file, those that were read.
struct Pages {
    /// In order.
    ranges: Vec<Range<u64>>,
    bytes: Vec<Bytes>,
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.ranges.last().map_or(0, |last| last.end)
    }
}

impl ChunkReader for Pages {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let range = self.ranges.iter().find(|range| range.contains(&start));
        let length = range.map_or(0, |range| usize::try_from(range.end - start).unwrap_or_default());
        Ok(self.get_bytes(start, length)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let place = self.ranges.partition_point(|range| range.start <= start).checked_sub(1);
        let found = place.and_then(|place| {
            let from = usize::try_from(start - self.ranges[place].start).ok()?;
            let bytes = self.bytes.get(place)?;
            (from.checked_add(length)? <= bytes.len()).then(|| bytes.slice(from..from + length))
        });
        found.ok_or_else(|| ParquetError::EOF("a page is not where the file says".to_owned()))
    }
}

/// Unpacks what the pages hold.
struct Unpacking(SerializedPageReader<Pages>);

impl Iterator for Unpacking {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Unpacking {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.0.get_next_page()? else { return Ok(None) };
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = unpack(buf)?,
            Page::DataPageV2 { .. } => return Err(ParquetError::NYI("data pages of version 2".to_owned())),
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.0.at_record_boundary()
    }
}

/// The bytes of a page. Their number stands in front of them: it is one that we wrote, or the checksums would have said so.
fn unpack(packed: &[u8]) -> Result<Bytes> {
    thread_local! {
        static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    if packed.is_empty() {
        return Ok(Bytes::new());
    }
    let bytes = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let bytes = bytes.and_then(|bytes| i32::try_from(bytes).ok()).and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| ParquetError::General("a page does not say how large it is".to_owned()))?;
    ZSTD.with_borrow_mut(|zstd| {
        let zstd = match zstd {
            Some(zstd) => zstd,
            None => zstd.insert(zstd::bulk::Decompressor::new()?),
        };
        Ok(zstd.decompress(packed, bytes)?.into())
    })
}
