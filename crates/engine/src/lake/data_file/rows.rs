//! Rows of a data file by their numbers: only the pages that hold them are read and decoded, without a plan.

use std::ops::Range;

use arrow::array::{Array, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::footers::{DataFile, DataFiles, Wanted};
use super::unpack::Chosen;
use crate::lake::LakeError;
use crate::lake::columns::{self, ID};

/// Of rows that stay in memory for whoever asks for the same.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

impl DataFiles {
    /// These rows, in order, and of them these columns, or all when none is named. The ranges rise and do not touch.
    ///
    /// # Errors
    /// The file cannot be read, or is not what was written.
    pub async fn rows(&self, file: &DataFile, rows: &[Range<u32>], columns: &[&str]) -> Result<RecordBatch, LakeError> {
        let names = columns.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Wanted { path: file.path.clone(), rows: rows.into(), columns: names };
        if let Some(batch) = self.footers.rows.get(&wanted).await {
            return Ok(batch);
        }
        let batch = self.read_rows(file, rows, columns).await?;
        // Scans of many rows would only drive out what is asked for often.
        if batch.get_array_memory_size() <= KEPT_BYTES_MAX {
            self.footers.rows.insert(wanted, batch.clone()).await;
        }
        Ok(batch)
    }

    async fn read_rows(&self, file: &DataFile, rows: &[Range<u32>], columns: &[&str]) -> Result<RecordBatch, LakeError> {
        let footer = self.footer(file).await?;
        let failed = |error| failed(file, error);
        let schema = footer.parquet().file_metadata().schema_descr();
        let mask =
            if columns.is_empty() { ProjectionMask::all() } else { ProjectionMask::columns(schema, columns.iter().copied()) };
        let chosen = choose(footer.parquet(), rows, mask);
        let ranges = chosen.ranges(footer.parquet()).map_err(failed)?;
        let bytes = self.reader(file.clone()).read(&ranges).await?;
        let batch = chosen.rows(&footer.arrow, ranges, bytes).map_err(failed)?;
        let is_whole = batch.num_rows() == rows.iter().map(Range::len).sum::<usize>();
        if is_whole { Ok(batch) } else { Err(file.damaged("it has not the rows that its directory names")) }
    }

    /// Of an owner's rows, whose ids rise, those between the two ids.
    ///
    /// # Errors
    /// The file cannot be read, or is not what was written.
    pub async fn between(
        &self,
        file: &DataFile,
        rows: Range<u32>,
        (above, below): (Option<String>, Option<String>),
    ) -> Result<Range<u32>, LakeError> {
        let start = match above {
            Some(above) => self.first_not(file, &rows, |id| id <= above.as_bytes()).await?,
            None => rows.start,
        };
        let end = match below {
            Some(below) => self.first_not(file, &rows, |id| id < below.as_bytes()).await?,
            None => rows.end,
        };
        Ok(start..end.max(start))
    }

    /// The first of these rows, whose ids rise, that does not lie before a place. The statistics of pages leave two or three of them to
    /// be read.
    async fn first_not(&self, file: &DataFile, rows: &Range<u32>, before: impl Fn(&[u8]) -> bool) -> Result<u32, LakeError> {
        let footer = self.footer(file).await?;
        let mut unknown = rows.clone();
        for (page, least, greatest) in id_pages(footer.parquet(), rows) {
            if before(greatest) {
                unknown.start = unknown.start.max(page.end);
            }
            if !before(least) {
                unknown.end = unknown.end.min(page.start);
            }
        }
        if unknown.is_empty() {
            return Ok(unknown.start);
        }
        let batch = self.rows(file, std::slice::from_ref(&unknown), &[ID]).await?;
        let ids = columns::text(&batch, ID).map_err(|error| file.damaged(error))?;
        let first = unknown.clone().zip(0..ids.len()).find(|(_, place)| !before(ids.value(*place).as_bytes()));
        Ok(first.map_or(unknown.end, |(row, _)| row))
    }

    /// What a row of these columns takes in memory, more or less: the mean of the row groups that hold the rows.
    ///
    /// # Errors
    /// The file cannot be read, or is not what was written.
    pub async fn bytes_of_row(&self, file: &DataFile, rows: &Range<u32>, columns: &[&str]) -> Result<u64, LakeError> {
        let footer = self.footer(file).await?;
        let is_wanted = |root: &str| columns.is_empty() || columns.contains(&root);
        let bytes = |group: &RowGroupMetaData| {
            let of =
                group.columns().iter().filter(|column| column.column_path().parts().first().is_some_and(|root| is_wanted(root)));
            of.map(|column| column.uncompressed_size().unsigned_abs()).sum::<u64>()
        };
        let holding = groups(footer.parquet()).filter(|(_, place, _)| overlaps(place, rows));
        Ok(holding.map(|(_, place, group)| bytes(group) / u64::from((place.end - place.start).max(1))).max().unwrap_or_default())
    }
}

/// What went wrong below Parquet keeps what it says of itself.
pub(super) fn failed(file: &DataFile, error: ParquetError) -> LakeError {
    match error {
        ParquetError::External(cause) => match cause.downcast::<LakeError>() {
            Ok(error) => *error,
            Err(cause) => file.damaged(cause),
        },
        other => file.damaged(other),
    }
}

/// Row groups with their numbers and rows.
fn groups(parquet: &ParquetMetaData) -> impl Iterator<Item = (usize, Range<u32>, &RowGroupMetaData)> {
    let mut start = 0_u32;
    parquet.row_groups().iter().enumerate().map(move |(number, group)| {
        let end = start.saturating_add(u32::try_from(group.num_rows()).unwrap_or(u32::MAX));
        let place = start..end;
        start = end;
        (number, place, group)
    })
}

fn overlaps(a: &Range<u32>, b: &Range<u32>) -> bool {
    a.start < b.end && b.start < a.end
}

/// The row groups that hold rows of these, and where in them the rows are.
fn choose(parquet: &ParquetMetaData, rows: &[Range<u32>], columns: ProjectionMask) -> Chosen {
    let (mut chosen, mut ranges, mut before) = (Vec::new(), Vec::new(), 0);
    for (number, place, _) in groups(parquet) {
        let first = rows.partition_point(|range| range.end <= place.start);
        let inside = rows[first..].iter().take_while(|range| range.start < place.end);
        let at = |row: u32| (row.clamp(place.start, place.end) - place.start) as usize;
        let inside: Vec<_> = inside.map(|range| at(range.start)..at(range.end)).collect();
        if inside.is_empty() {
            continue;
        }
        ranges.extend(inside.iter().map(|range| range.start + before..range.end + before));
        before += place.len();
        chosen.push((number, RowSelection::from_consecutive_ranges(inside.into_iter(), place.len())));
    }
    Chosen { groups: chosen, selection: RowSelection::from_consecutive_ranges(ranges.into_iter(), before), columns }
}

/// Pages of ids that lie wholly in these rows, with their least and greatest ids.
fn id_pages<'f>(parquet: &'f ParquetMetaData, rows: &Range<u32>) -> impl Iterator<Item = (Range<u32>, &'f [u8], &'f [u8])> {
    let column = parquet.file_metadata().schema_descr().columns().iter().position(|column| column.path().string() == ID);
    let rows = rows.clone();
    let holding = groups(parquet).filter({
        let rows = rows.clone();
        move |(_, place, _)| overlaps(place, &rows)
    });
    let pages = move |(number, place, _): (usize, Range<u32>, &RowGroupMetaData)| {
        let column = column?;
        let ColumnIndexMetaData::BYTE_ARRAY(ids) = parquet.column_index()?.get(number)?.get(column)? else { return None };
        let locations = parquet.offset_index()?.get(number)?.get(column)?.page_locations();
        let begin = move |page: usize| {
            let first = locations.get(page).and_then(|location| u32::try_from(location.first_row_index).ok());
            first.map_or(place.end, |first| place.start + first)
        };
        let page = move |page: usize| Some((begin(page)..begin(page + 1), ids.min_value(page)?, ids.max_value(page)?));
        Some((0..locations.len()).filter_map(page))
    };
    holding.filter_map(pages).flatten().filter(move |(page, ..)| rows.start <= page.start && page.end <= rows.end)
}
