//! Pages of one owner: a file's directory says which rows are the owner's, and these lie in the order of their ids. So the nearest
//! rows are read by their numbers, whole when nothing is asked of them; otherwise chunk by chunk, first only the columns that are
//! asked about, until a page is full. Files whose rows a page may need together are read at the same time.

use std::ops::Range;

use arrow::array::{Array, BooleanArray};
use tokio_util::task::AbortOnDropHandle;

use super::scan::Query;
use super::{ReadError, Reader};
use crate::lake::data_file::DataFile;
use crate::lake::{LakeFile, Row};
use crate::store::listing::{Direction, Scan};

/// Rows whose conditions are decided at a time: few at first, because a page may be full soon.
const CHUNK_ROWS_MIN: u32 = 4096;
const CHUNK_ROWS_MAX: u32 = 16_384;
/// What a chunk takes in memory, more or less.
const CHUNK_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Files that are read at the same time.
const FILES_AT_ONCE_MAX: usize = 4;

/// Files with rows of one owner that wait to be looked into.
pub(super) struct Holding<'s, R: Row> {
    files: Vec<(&'s LakeFile<R>, Range<u32>)>,
    files_at_once: usize,
}

impl<R: Row> Default for Holding<'_, R> {
    fn default() -> Self {
        Self { files: Vec::new(), files_at_once: 1 }
    }
}

impl<'s, R: Row> Holding<'s, R> {
    pub fn add(&mut self, file: &'s LakeFile<R>, rows: Range<u32>) {
        self.files.push((file, rows));
    }

    /// Whether these may have all that a page misses: then others are looked into after them, if at all.
    pub fn is_enough(&self, query: &Query<R>, missing: usize) -> bool {
        let files = if query.narrow.is_some() { self.files_at_once } else { FILES_AT_ONCE_MAX };
        let rows = self.files.iter().map(|(_, rows)| rows.len()).sum::<usize>();
        self.files.len() >= files || (query.narrow.is_none() && rows >= missing)
    }

    /// The rows of these files that are nearest, of each file as many as a page takes; and then no file waits.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged.
    pub async fn look(&mut self, reader: &Reader<R>, query: &Query<R>, scan: Scan<R::Id>) -> Result<Vec<R>, ReadError> {
        let look = |(file, rows): (&LakeFile<R>, Range<u32>)| {
            let (reader, query, file) = (reader.clone(), query.clone(), DataFile::from(file));
            async move { reader.look_into_rows(&file, rows, &query, scan).await }
        };
        if !self.files.is_empty() {
            self.files_at_once = (self.files_at_once * 2).min(FILES_AT_ONCE_MAX);
        }
        let mut waiting = self.files.drain(..);
        let Some(first) = waiting.next() else { return Ok(Vec::new()) };
        let others: Vec<_> = waiting.map(|waiting| AbortOnDropHandle::new(tokio::spawn(look(waiting)))).collect();
        let mut found = look(first).await?;
        for other in others {
            found.extend(other.await??);
        }
        Ok(found)
    }
}

impl<R: Row> Reader<R> {
    /// Of the owner's rows in a file, those that are nearest.
    async fn look_into_rows(
        &self,
        file: &DataFile,
        rows: Range<u32>,
        query: &Query<R>,
        scan: Scan<R::Id>,
    ) -> Result<Vec<R>, ReadError> {
        let files = &self.source.files;
        let bounds = (scan.above.map(|id| id.to_string()), scan.below.map(|id| id.to_string()));
        let mut rows = files.between(file, rows, bounds).await?;
        let Some(narrow) = query.narrow.as_ref().filter(|_| !rows.is_empty()) else {
            let nearest = nearest(&mut rows, scan.rows, scan.direction);
            return self.whole(file, &[nearest], query).await;
        };
        let columns: Vec<&str> = narrow.columns.iter().map(String::as_str).collect();
        let bytes_of_row = files.bytes_of_row(file, &rows, &columns).await?;
        let rows_max = u32::try_from(CHUNK_BYTES_MAX / bytes_of_row.max(1)).unwrap_or(u32::MAX).clamp(1, CHUNK_ROWS_MAX);
        let mut chunk_rows = CHUNK_ROWS_MIN.min(rows_max);
        let mut found = Vec::new();
        while !rows.is_empty() && found.len() < scan.rows as usize {
            let chunk = nearest(&mut rows, chunk_rows, scan.direction);
            let keep = narrow.decide(&files.rows(file, std::slice::from_ref(&chunk), &columns).await?)?;
            let passing = passing(&chunk, &keep, scan.rows as usize - found.len(), scan.direction);
            found.extend(self.whole(file, &passing, query).await?);
            chunk_rows = chunk_rows.saturating_mul(4).min(rows_max);
            // Nothing else in here waits, and others want to read too.
            tokio::task::yield_now().await;
        }
        Ok(found)
    }

    /// Whatever a directory says, tenants stay apart.
    async fn whole(&self, file: &DataFile, rows: &[Range<u32>], query: &Query<R>) -> Result<Vec<R>, ReadError> {
        if rows.iter().all(Range::is_empty) {
            return Ok(Vec::new());
        }
        let mut rows = R::from_batch(&self.source.files.rows(file, rows, &[]).await?)?;
        rows.retain(|row| query.selection.owns(row));
        Ok(rows)
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

/// The numbers of those rows of a chunk that pass, the nearest so many, as ranges.
fn passing(chunk: &Range<u32>, keep: &BooleanArray, count: usize, direction: Direction) -> Vec<Range<u32>> {
    let all = chunk.clone().zip(0..keep.len()).filter(|(_, place)| keep.is_valid(*place) && keep.value(*place));
    let mut numbers: Vec<u32> = all.map(|(number, _)| number).collect();
    if direction == Direction::Falling {
        numbers.drain(..numbers.len().saturating_sub(count));
    }
    numbers.truncate(count);
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}
