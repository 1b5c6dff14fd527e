//! Rows of a data file by their numbers: only the pages that hold them are read and decoded, without a plan.

use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use futures::TryStreamExt;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::footers::{DataFile, DataFiles};
use crate::lake::LakeError;
use crate::lake::columns::ID;

impl DataFiles {
    /// These rows, in order, and of them these columns, or all when none is named. The ranges rise and do not touch.
    ///
    /// # Errors
    /// The file cannot be read, or is not what was written.
    pub async fn rows(&self, file: &DataFile, rows: &[Range<u32>], columns: &[&str]) -> Result<RecordBatch, LakeError> {
        let footer = self.footer(file).await?;
        let failed = |error| failed(file, error);
        let schema = footer.parquet().file_metadata().schema_descr();
        let mask =
            if columns.is_empty() { ProjectionMask::all() } else { ProjectionMask::columns(schema, columns.iter().copied()) };
        let (groups, selection) = select(footer.parquet(), rows);
        let wanted = rows.iter().map(|range| range.len()).sum();
        let batches = ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader(file.clone()), footer.arrow.clone())
            .with_row_groups(groups)
            .with_row_selection(selection)
            .with_projection(mask)
            .with_batch_size(wanted)
            .build()
            .map_err(failed)?;
        let schema = batches.schema().clone();
        let mut batches: Vec<_> = batches.try_collect().await.map_err(failed)?;
        let batch = match batches.len() {
            1 => batches.remove(0),
            _ => concat_batches(&schema, &batches).map_err(|error| file.damaged(error))?,
        };
        if batch.num_rows() == wanted { Ok(batch) } else { Err(file.damaged("it has not the rows that its directory names")) }
    }

    /// Of an owner's rows, whose ids rise, those that may lie between the two ids: as far as the statistics of pages tell.
    ///
    /// # Errors
    /// The file cannot be read, or is not what was written.
    pub async fn between(
        &self,
        file: &DataFile,
        rows: Range<u32>,
        (above, below): (Option<&str>, Option<&str>),
    ) -> Result<Range<u32>, LakeError> {
        let footer = self.footer(file).await?;
        let mut between = rows.clone();
        for (page, least, greatest) in id_pages(footer.parquet(), &rows) {
            if above.is_some_and(|above| greatest <= above.as_bytes()) {
                between.start = between.start.max(page.end);
            }
            if below.is_some_and(|below| least >= below.as_bytes()) {
                between.end = between.end.min(page.start);
            }
        }
        Ok(between.start..between.end.max(between.start))
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
fn select(parquet: &ParquetMetaData, rows: &[Range<u32>]) -> (Vec<usize>, RowSelection) {
    let (mut numbers, mut ranges, mut before) = (Vec::new(), Vec::new(), 0);
    for (number, place, _) in groups(parquet) {
        let first = rows.partition_point(|range| range.end <= place.start);
        let inside = rows[first..].iter().take_while(|range| range.start < place.end);
        let inside: Vec<_> = inside.map(|range| range.start.max(place.start)..range.end.min(place.end)).collect();
        if inside.is_empty() {
            continue;
        }
        numbers.push(number);
        let at = |row: u32| before + (row - place.start) as usize;
        ranges.extend(inside.into_iter().map(|range| at(range.start)..at(range.end)));
        before += place.len();
    }
    (numbers, RowSelection::from_consecutive_ranges(ranges.into_iter(), before))
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
