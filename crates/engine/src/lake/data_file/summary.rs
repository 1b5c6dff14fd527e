//! What is noted of the rows of a file while they pass: whose they are, and the statistics. The writer notes it for the log, and whoever
//! verifies a file notes it again.

use annals_core::time::Micros;
use arrow::array::{Array, RecordBatch, StringArray};

use super::directory::{Directory, DirectoryBuilder};
use crate::lake::LakeError;
use crate::lake::columns::{self, ColumnsError, ID};
use crate::lake::row::Row;
use crate::lake::stats::{FileStats, Range};

#[derive(Debug)]
pub struct Summary<R: Row> {
    owners: DirectoryBuilder,
    ids: Option<Range<R::Id>>,
    /// In the order of [`Row::TIMES`]; none before the first row.
    times: Vec<Range<Micros>>,
    /// Owner and id of the last row.
    last: Option<(String, String)>,
}

impl<R: Row> Summary<R> {
    pub fn new() -> Self {
        Self { owners: DirectoryBuilder::with_capacity(0), ids: None, times: Vec::new(), last: None }
    }

    /// # Errors
    /// `Damaged`: the rows are not ours, or their owner comes before that of the rows before.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let owners = columns::text(batch, R::OWNER).map_err(LakeError::damaged)?;
        let ids = columns::text(batch, ID).map_err(LakeError::damaged)?;
        self.add_owners(owners)?;
        self.check_ids(owners, ids)?;
        // Ids are ordered as their texts are.
        let (least, greatest) = (texts(ids).min(), texts(ids).max());
        let id = |text: Option<&str>| {
            let not_one = ColumnsError { column: ID, row: 0, problem: "not an id" };
            text.and_then(|text| text.parse().ok()).ok_or_else(|| LakeError::damaged(not_one))
        };
        let new = Range { least: id(least)?, greatest: id(greatest)? };
        self.ids = Some(self.ids.map_or(new, |ids| ids.with(new)));
        self.add_times(batch)
    }

    fn add_owners(&mut self, owners: &StringArray) -> Result<(), LakeError> {
        let wrong = |row, problem| LakeError::damaged(ColumnsError { column: R::OWNER, row, problem });
        let mut start = 0;
        while start < owners.len() {
            let text = owners.value(start);
            let rows = (start..owners.len()).take_while(|row| owners.value(*row) == text).count();
            let owner: R::Owner = text.parse().map_err(|_| wrong(start, "not an id"))?;
            let count = u32::try_from(rows).map_err(LakeError::damaged)?;
            self.owners.push(owner, count).ok_or_else(|| wrong(start, "comes too late: rows must be sorted by it"))?;
            start += rows;
        }
        Ok(())
    }

    /// One shard gives its ids and an owner's places in the same order. Pages rely on it.
    fn check_ids(&mut self, owners: &StringArray, ids: &StringArray) -> Result<(), LakeError> {
        let row = |row: usize| (owners.value(row), ids.value(row));
        let before = self.last.as_ref().map(|(owner, id)| (owner.as_str(), id.as_str()));
        let falls = |(a, b): ((&str, &str), (&str, &str))| a.0 == b.0 && a.1 >= b.1;
        let all = before.into_iter().chain((0..owners.len()).map(row));
        if let Some(at) = all.clone().zip(all.skip(1)).position(falls) {
            return Err(LakeError::damaged(ColumnsError { column: ID, row: at, problem: "does not rise within its owner" }));
        }
        let (owner, id) = row(owners.len() - 1);
        self.last = Some((owner.to_owned(), id.to_owned()));
        Ok(())
    }

    fn add_times(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        for (place, column) in R::TIMES.iter().enumerate() {
            let times = columns::time(batch, column.name).map_err(LakeError::damaged)?;
            let mut range: Option<Range<Micros>> = None;
            for row in 0..times.len() {
                let time = columns::micros(column.name, times, row).map_err(LakeError::damaged)?;
                let new = Range { least: time, greatest: time };
                range = Some(range.map_or(new, |range| range.with(new)));
            }
            let Some(range) = range else { continue };
            match self.times.get_mut(place) {
                Some(times) => *times = times.with(range),
                None => self.times.push(range),
            }
        }
        Ok(())
    }

    /// # Errors
    /// `Damaged`: there was no row.
    pub fn finish(self) -> Result<(Directory, FileStats<R>), LakeError> {
        let directory: Directory = self.owners.build();
        let owners = Range::of(directory.iter().map(|(owner, _)| owner));
        let (Some(owners), Some(ids)) = (owners, self.ids) else { return Err(LakeError::damaged("a data file without rows")) };
        let stats = FileStats { rows: directory.rows(), owners, ids, times: self.times };
        Ok((directory, stats))
    }
}

fn texts(array: &StringArray) -> impl Iterator<Item = &str> {
    (0..array.len()).map(|row| array.value(row))
}
