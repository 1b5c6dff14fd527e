//! Pages of one owner: a file's directory says which rows are the owner's, and these lie in the order of their ids. So the nearest
//! rows are read by their numbers, whole when nothing is asked of them; otherwise chunk by chunk, first only the columns that are
//! asked about, until a page is full.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::{Array, AsArray, StringArray};

use super::nearest::{Found, Seen};
use super::scan::Query;
use super::{ReadError, Reader, Select};
use crate::lake::columns::{ColumnsError, ID};
use crate::lake::data_file::DataFile;
use crate::lake::{LakeFile, Row};
use crate::store::listing::Direction;

/// Rows whose conditions are decided at a time: few at first, because a page may be full soon.
const CHUNK_ROWS_MIN: u32 = 2048;
const CHUNK_ROWS_MAX: u32 = 65_536;
/// What a chunk takes in memory, more or less.
const CHUNK_BYTES_MAX: u64 = 16 * 1024 * 1024;

impl<R: Row> Reader<R> {
    /// Looks at the owner's rows in a file, of which it has some.
    pub(super) async fn look_into_rows(
        &self,
        file: &LakeFile<R>,
        mut rows: Range<u32>,
        query: &Query<R>,
        found: &mut Found<R>,
    ) -> Result<(), ReadError> {
        let place = DataFile::from(file);
        if let (None, None, None) = (&query.narrow, found.scan.above, found.scan.below) {
            let nearest = nearest(&mut rows, u32::try_from(found.rows_max).unwrap_or(u32::MAX), found.scan.direction);
            for row in self.whole(&place, &[nearest]).await?.into_iter().filter(|row| query.selection.owns(row)) {
                found.offer(row.id(), Seen::Row(row));
            }
            return Ok(());
        }
        let columns: Vec<&str> =
            query.narrow.as_ref().map_or(vec![ID], |narrow| narrow.columns.iter().map(String::as_str).collect());
        let files = &self.source.files;
        let (above, below) = found.open();
        let (above, below) = (above.map(|id| id.to_string()), below.map(|id| id.to_string()));
        rows = files.between(&place, rows, (above.as_deref(), below.as_deref())).await?;
        let bytes_of_row = files.bytes_of_row(&place, &rows, &columns).await?;
        let rows_max = u32::try_from(CHUNK_BYTES_MAX / bytes_of_row.max(1)).unwrap_or(u32::MAX).clamp(1, CHUNK_ROWS_MAX);
        let mut chunk_rows = CHUNK_ROWS_MIN.min(rows_max);
        while !rows.is_empty() {
            let chunk = nearest(&mut rows, chunk_rows, found.scan.direction);
            if !self.look_into_chunk(&place, chunk, &columns, query, found).await? {
                break;
            }
            chunk_rows = chunk_rows.saturating_mul(4).min(rows_max);
            // Nothing else in here waits, and others want to read too.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Whether rows behind the chunk may still be on the page.
    async fn look_into_chunk(
        &self,
        file: &DataFile,
        chunk: Range<u32>,
        columns: &[&str],
        query: &Query<R>,
        found: &mut Found<R>,
    ) -> Result<bool, ReadError> {
        let batch = self.source.files.rows(file, std::slice::from_ref(&chunk), columns).await?;
        let ids = batch.column_by_name(ID).and_then(|ids| ids.as_string_opt::<i32>()).ok_or_else(|| not_an_id(0))?;
        let keep = query.narrow.as_ref().map(|narrow| narrow.decide(&batch)).transpose()?;
        let passes = |row: usize| keep.as_ref().is_none_or(|keep| keep.is_valid(row) && keep.value(row));
        let inside = between(ids, found);
        let mut passing: Vec<usize> = inside.filter(|row| passes(*row)).collect();
        if found.scan.direction == Direction::Falling {
            passing.reverse();
        }
        for row in passing.into_iter().take(found.rows_max) {
            let id = ids.value(row).parse().map_err(|_| not_an_id(row))?;
            let number = chunk.start + u32::try_from(row).unwrap_or_default();
            found.offer(id, Seen::Number(file.clone(), number));
        }
        let farthest = match found.scan.direction {
            Direction::Rising => ids.len() - 1,
            Direction::Falling => 0,
        };
        let farthest = ids.value(farthest).parse().map_err(|_| not_an_id(farthest))?;
        Ok(found.may_take(farthest) || found.is_before(farthest))
    }

    async fn whole(&self, file: &DataFile, rows: &[Range<u32>]) -> Result<Vec<R>, ReadError> {
        Ok(R::from_batch(&self.source.files.rows(file, rows, &[]).await?)?)
    }

    /// The whole rows of numbers of files; `None` for those that are not the owner's: whatever a directory says, tenants stay
    /// apart.
    pub(super) async fn fetch_numbers(
        &self,
        numbers: impl Iterator<Item = (&DataFile, u32)>,
        selection: &dyn Select<R>,
    ) -> Result<BTreeMap<R::Id, Option<R>>, ReadError> {
        let mut files: Vec<(&DataFile, Vec<u32>)> = Vec::new();
        for (file, number) in numbers {
            match files.iter_mut().find(|(other, _)| *other == file) {
                Some((_, numbers)) => numbers.push(number),
                None => files.push((file, vec![number])),
            }
        }
        let mut found = BTreeMap::new();
        for (file, mut numbers) in files {
            numbers.sort_unstable();
            let rows = self.whole(file, &ranges(&numbers)).await?;
            found.extend(rows.into_iter().map(|row| (row.id(), selection.owns(&row).then_some(row))));
        }
        Ok(found)
    }
}

/// Takes so many rows from the end that is nearer.
fn nearest(rows: &mut Range<u32>, count: u32, direction: Direction) -> Range<u32> {
    let count = count.min(rows.end - rows.start);
    match direction {
        Direction::Rising => {
            let taken = rows.start..rows.start + count;
            rows.start = taken.end;
            taken
        }
        Direction::Falling => {
            let taken = rows.end - count..rows.end;
            rows.end = taken.start;
            taken
        }
    }
}

/// Which rows have ids between the bounds. Ids rise.
fn between<R: Row>(ids: &StringArray, found: &Found<R>) -> Range<usize> {
    let (above, below) = found.open();
    let first_not = |is_before: &dyn Fn(&str) -> bool| {
        let (mut from, mut to) = (0, ids.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            if is_before(ids.value(middle)) { from = middle + 1 } else { to = middle }
        }
        from
    };
    let start = above.map_or(0, |above| {
        let above = above.to_string();
        first_not(&|id| id <= above.as_str())
    });
    let end = below.map_or(ids.len(), |below| {
        let below = below.to_string();
        first_not(&|id| id < below.as_str())
    });
    start..end.max(start)
}

/// Rising numbers as ranges.
fn ranges(numbers: &[u32]) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == *number => last.end += 1,
            _ => ranges.push(*number..number + 1),
        }
    }
    ranges
}

fn not_an_id(row: usize) -> ColumnsError {
    ColumnsError { column: ID, row, problem: "not an id" }
}
