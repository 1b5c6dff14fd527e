//! The API-request log: its entries filtered and sorted as wire contract §8 says, from lake and tail.
//!
//! Of the files, those that may have the first entries are looked at first: one, then two, then four …, until the page is full
//! and no file is left that could have an entry before its last one. So the newest page costs the newest file, however long
//! history is. Sorted by status code first, every file that may have an entry is looked at.

mod order;
mod query;
mod selection;
#[cfg(test)]
mod tests;

pub use query::{Direction, Place, RequestFilter, Side, Sort, SortField};
pub use selection::RequestSelection;

use std::sync::Arc;

use annals_core::record::ApiRequest;
use datafusion::logical_expr::Expr;
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;

use super::{ReadError, Reader, Select, Snapshot};
use crate::commit_log::Tail;
use crate::lake::{Lake, LakeFile, Row};

/// Files of one plan at most.
const FILES_AT_ONCE_MAX: usize = 16;

impl Snapshot<ApiRequest> {
    #[must_use]
    pub fn of_api_requests(tail: &Tail, lake: &Lake) -> Self {
        // The tail first: a commit leaves it only when the lake has it.
        let waiting = tail.api_requests();
        Self::new(tail.shard(), waiting, lake.api_requests.snapshot())
    }
}

impl Reader<ApiRequest> {
    /// The `limit` entries that pass and touch the place, in the order of the sort; without a place the first ones.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn requests(
        &self,
        snapshot: &Snapshot<ApiRequest>,
        selection: &RequestSelection,
        sort: &Sort,
        beside: Option<(Side, Place)>,
        limit: usize,
    ) -> Result<Vec<ApiRequest>, ReadError> {
        let Some((Side::Before, place)) = beside else {
            return self.requests_after(snapshot, selection, sort, beside.map(|(_, place)| place), limit).await;
        };
        let mut entries = self.requests_after(snapshot, selection, &sort.reversed(), Some(place), limit).await?;
        entries.reverse();
        Ok(entries)
    }

    async fn requests_after(
        &self,
        snapshot: &Snapshot<ApiRequest>,
        selection: &RequestSelection,
        sort: &Sort,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<ApiRequest>, ReadError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let may_have =
            |file: &&LakeFile<ApiRequest>| selection.may_pass(file) && after.is_none_or(|place| sort.may_follow(file, &place));
        let mut files: Vec<_> = snapshot.lake.files().iter().filter(may_have).cloned().collect();
        files.sort_by(|a, b| sort.compare_files(a, b));
        let filter = after.map(|place| sort.is_after(&place)).into_iter().fold(selection.expression(), Expr::and);
        let mut files = files.into_iter();
        let mut page = first_of_tail(&snapshot.tail, selection, sort, after, limit);
        let mut files_at_once = 1;
        while let Some(nearest) = files.as_slice().first() {
            if page.len() >= limit && page.last().is_some_and(|last| sort.is_behind(nearest, last.created_at)) {
                break;
            }
            let batch: Vec<_> = files.by_ref().take(files_at_once).collect();
            let found = self.frame(batch)?.filter(filter.clone())?.sort(sort.columns())?.limit(0, Some(limit))?;
            page.extend(collect(found).await?);
            page.sort_by(|a, b| sort.compare_entries(a, b));
            page.truncate(limit);
            files_at_once = (2 * files_at_once).min(FILES_AT_ONCE_MAX);
        }
        Ok(page)
    }

    /// How many entries pass. A file of which its statistics tell that all do is not opened.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn count_requests(&self, snapshot: &Snapshot<ApiRequest>, selection: &RequestSelection) -> Result<u64, ReadError> {
        let entries = snapshot.tail.iter().flat_map(|commit| commit.iter());
        let in_tail = entries.filter(|entry| selection.passes(entry)).count() as u64;
        let files = snapshot.lake.files().iter().filter(|file| selection.may_pass(file));
        let (whole, in_part): (Vec<_>, Vec<_>) = files.partition(|file| selection.passes_all(file));
        let known = in_tail + whole.iter().map(|file| file.stats.rows).sum::<u64>();
        if in_part.is_empty() {
            return Ok(known);
        }
        let in_part = self.frame(in_part.into_iter().cloned().collect())?;
        Ok(known + in_part.filter(selection.expression())?.count().await? as u64)
    }
}

/// The first entries of the tail that pass and come after the place, in order.
fn first_of_tail(
    commits: &[Arc<[ApiRequest]>],
    selection: &RequestSelection,
    sort: &Sort,
    after: Option<Place>,
    limit: usize,
) -> Vec<ApiRequest> {
    let follows = |entry: &ApiRequest| after.is_none_or(|place| sort.compare(&Place::of(entry), &place).is_gt());
    let entries = commits.iter().flat_map(|commit| commit.iter());
    let mut entries: Vec<_> = entries.filter(|entry| selection.passes(entry) && follows(entry)).collect();
    if limit < entries.len() {
        // Only the page is sorted, not everything that waits for a flush.
        entries.select_nth_unstable_by(limit, |a, b| sort.compare_entries(a, b));
        entries.truncate(limit);
    }
    entries.sort_unstable_by(|a, b| sort.compare_entries(a, b));
    entries.into_iter().cloned().collect()
}

async fn collect(found: DataFrame) -> Result<Vec<ApiRequest>, ReadError> {
    let mut batches = found.execute_stream().await?;
    let mut entries = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        entries.extend(ApiRequest::from_batch(&batch)?);
    }
    Ok(entries)
}
