//! The records next to a place in the log: one page of a list, in either direction.
//!
//! Tail and files are looked at in the order in which they lie, and only until no further one can hold a nearer one: the newest
//! page costs the tail and the newest file, however long the history is. Files may overlap. Those that know whose rows lie where
//! are read by the numbers of rows (`one_owner.rs`). When many owners' rows are wanted, or a file is of an older version, DataFusion
//! looks for them: first only ids; the other columns follow for the few that are on the page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use annals_core::ids::RecordPlace;
use arrow::array::AsArray;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, lit};
use futures::TryStreamExt;

use super::filter::conjunction;
use super::one_owner::Holding;
use super::scan::{Place, Query, Select};
use super::{ReadError, Reader, Snapshot};
use crate::lake::columns::{ColumnsError, ID};
use crate::lake::{LakeFile, Row};
use crate::store::listing::{Direction, Scan};

/// Files that one plan reads: twice as many each time, because a plan costs about as much as a file without a match.
const FILES_AT_ONCE_MAX: usize = 16;
/// Records of the tail that become columns at a time: first a page, then more and more.
const TAIL_ROWS_MAX: usize = 4096;

impl<R: Row> Reader<R> {
    /// The rows of the query that are nearest to where the scan starts, in its direction.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn nearest(&self, snapshot: &Snapshot<R>, query: &Query<R>, scan: Scan<R::Id>) -> Result<Vec<R>, ReadError> {
        let selection = &*query.selection;
        let mut found = Found::new(scan);
        let mut sources = Sources::new(snapshot, selection, scan);
        let mut opened = Vec::new();
        let mut holding = Holding::default();
        loop {
            let source = sources.next(&found);
            if let Some(Source::Rows(file, owner)) = source {
                // Files without the owner are not opened.
                if let Some(rows) = self.source.files.directory(file).await?.and_then(|directory| directory.rows_of(owner)) {
                    holding.add(file, rows);
                }
                if !holding.is_enough(query, found.missing()) {
                    continue;
                }
            }
            for row in holding.look(self, query, found.open()).await? {
                found.offer(row.id(), Seen::Row(row));
            }
            match source {
                None => break,
                Some(Source::Rows(..)) => (),
                Some(Source::Tail) => look_into_tail(snapshot, query, &mut found).await?,
                Some(Source::Files(files)) => {
                    let files: Vec<_> = files.into_iter().cloned().collect();
                    self.look_into_files(&files, query, &mut found).await?;
                    opened.extend(files);
                }
            }
        }
        let mut by_id = self.fetch(&opened, selection, found.of_lake()).await?;
        found.into_rows(|id, seen| match seen {
            Seen::Tail(place) => Some(place.row().clone()),
            Seen::Row(row) => Some(row),
            Seen::Id => by_id.remove(&id),
        })
    }

    /// One row of the selection's owner. Whether it passes the filter does not matter.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn by_id(&self, snapshot: &Snapshot<R>, selection: &dyn Select<R>, id: R::Id) -> Result<Option<R>, ReadError> {
        let number = Into::<RecordPlace>::into(id).commit();
        let of_commit = |commit: &&Arc<[R]>| commit.first().is_some_and(|row| row.place().commit() == number);
        let in_tail = snapshot.tail.iter().filter(of_commit).flat_map(|commit| commit.iter()).find(|row| row.id() == id);
        if let Some(row) = in_tail {
            return Ok(selection.owns(row).then(|| row.clone()));
        }
        let files: Vec<_> = snapshot.lake.files().iter().filter(|file| selection.may_hold(file)).cloned().collect();
        Ok(self.fetch(&files, selection, BTreeSet::from([id])).await?.remove(&id))
    }

    async fn look_into_files(&self, files: &[LakeFile<R>], query: &Query<R>, found: &mut Found<R>) -> Result<(), ReadError> {
        let bounds = found.bounds();
        let conditions = std::iter::once(query.expression.clone()).chain(bounds);
        let mut batches = self.lake(files.to_vec(), conjunction(conditions), &[ID]).await?;
        while let Some(batch) = batches.try_next().await? {
            let damaged = |row| ColumnsError { column: ID, row, problem: "not an id" };
            let ids = batch.column(0).as_string_opt::<i32>().ok_or_else(|| damaged(0))?;
            for (row, text) in ids.iter().enumerate() {
                let id = text.and_then(|text| text.parse().ok()).ok_or_else(|| damaged(row))?;
                found.offer(id, Seen::Id);
            }
        }
        Ok(())
    }

    /// The whole rows of these ids, of those that the owner has.
    async fn fetch(
        &self,
        files: &[LakeFile<R>],
        selection: &dyn Select<R>,
        ids: BTreeSet<R::Id>,
    ) -> Result<BTreeMap<R::Id, R>, ReadError> {
        let (Some(least), Some(greatest)) = (ids.first(), ids.last()) else { return Ok(BTreeMap::new()) };
        let holds = |file: &&LakeFile<R>| ids.range(file.stats.ids.least..=file.stats.ids.greatest).next().is_some();
        let files: Vec<_> = files.iter().filter(holds).cloned().collect();
        if files.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut conditions = selection.owner();
        // Pages of other ids are not read at all.
        conditions.push(col(ID).between(lit(least.to_string()), lit(greatest.to_string())));
        conditions.push(col(ID).in_list(ids.iter().map(|id| lit(id.to_string())).collect(), false));
        let mut batches = self.lake(files, conjunction(conditions), &[]).await?;
        let mut rows = BTreeMap::new();
        while let Some(batch) = batches.try_next().await? {
            rows.extend(R::from_batch(&batch)?.into_iter().map(|row| (row.id(), row)));
        }
        Ok(rows)
    }
}

async fn look_into_tail<R: Row>(snapshot: &Snapshot<R>, query: &Query<R>, found: &mut Found<R>) -> Result<(), ReadError> {
    let mut places = places(snapshot, &*query.selection, found.scan.direction);
    let mut rows = found.rows_max;
    loop {
        // The tail lies in order: as soon as one row is too far, all the rest are.
        let (mut chunk, mut ended) = (Vec::with_capacity(rows), true);
        for place in places.by_ref() {
            let id = place.row().id();
            if !found.may_take(id) {
                if found.is_before(id) {
                    continue;
                }
                break;
            }
            chunk.push(place);
            if chunk.len() == rows {
                ended = false;
                break;
            }
        }
        for place in query.passing(chunk)? {
            found.offer(place.row().id(), Seen::Tail(place));
        }
        if ended {
            return Ok(());
        }
        rows = (rows * 4).min(TAIL_ROWS_MAX);
        // Nothing else in here waits, and others want to read too.
        tokio::task::yield_now().await;
    }
}

/// The owner's rows in the tail, one way.
fn places<'a, R: Row>(
    snapshot: &'a Snapshot<R>,
    selection: &'a dyn Select<R>,
    direction: Direction,
) -> Box<dyn Iterator<Item = Place<R>> + Send + 'a> {
    let of = move |commit: &'a Arc<[R]>| {
        let owned = (0..commit.len()).filter(|place| selection.owns(&commit[*place]));
        owned.map(move |place| Place { commit: Arc::clone(commit), place })
    };
    match direction {
        Direction::Rising => Box::new(snapshot.tail.iter().flat_map(of)),
        Direction::Falling => Box::new(snapshot.tail.iter().rev().flat_map(move |commit| of(commit).rev())),
    }
}

/// Where to look next.
enum Source<'s, R: Row> {
    Tail,
    /// A file that knows which rows are this owner's.
    Rows(&'s LakeFile<R>, R::Owner),
    Files(Vec<&'s LakeFile<R>>),
}

/// The tail and the files that may have rows between the bounds, by how near they begin.
struct Sources<'s, R: Row> {
    /// `None` is the tail. In reverse: the next one is the last.
    waiting: Vec<(R::Id, Option<&'s LakeFile<R>>)>,
    owner: Option<R::Owner>,
    files_at_once: usize,
}

impl<'s, R: Row> Sources<'s, R> {
    fn new(snapshot: &'s Snapshot<R>, selection: &dyn Select<R>, scan: Scan<R::Id>) -> Self {
        let begins = |least, greatest| match scan.direction {
            Direction::Rising => least,
            Direction::Falling => greatest,
        };
        let overlaps = |file: &&LakeFile<R>| {
            scan.above.is_none_or(|above| file.stats.ids.greatest > above)
                && scan.below.is_none_or(|below| file.stats.ids.least < below)
        };
        let files = snapshot.lake.files().iter().filter(overlaps).filter(|file| selection.may_pass(file));
        let mut waiting: Vec<_> = files.map(|file| (begins(file.stats.ids.least, file.stats.ids.greatest), Some(file))).collect();
        let first = snapshot.tail.iter().find_map(|commit| commit.first());
        let last = snapshot.tail.iter().rev().find_map(|commit| commit.last());
        waiting.extend(first.zip(last).map(|(first, last)| (begins(first.id(), last.id()), None)));
        waiting.sort_by_key(|(begin, _)| *begin);
        if scan.direction == Direction::Rising {
            waiting.reverse();
        }
        Self { waiting, owner: selection.one_owner(), files_at_once: 1 }
    }

    /// `None` when nothing nearer can come.
    fn next(&mut self, found: &Found<R>) -> Option<Source<'s, R>> {
        let mut files = Vec::new();
        while files.len() < self.files_at_once {
            let Some((begin, file)) = self.waiting.last() else { break };
            if !found.may_take(*begin) && !found.is_before(*begin) {
                break;
            }
            let alone = match (file, self.owner) {
                (None, _) => Some(Source::Tail),
                (Some(file), Some(owner)) if file.parts.is_some() => Some(Source::Rows(file, owner)),
                _ => None,
            };
            match alone {
                Some(_) if !files.is_empty() => break,
                Some(source) => {
                    self.waiting.pop();
                    return Some(source);
                }
                None => files.extend(self.waiting.pop().and_then(|(_, file)| file)),
            }
        }
        self.files_at_once = (self.files_at_once * 2).min(FILES_AT_ONCE_MAX);
        (!files.is_empty()).then_some(Source::Files(files))
    }
}

/// Where a row of the page is.
enum Seen<R: Row> {
    Tail(Place<R>),
    Row(R),
    /// In a file that was opened.
    Id,
}

/// The nearest rows so far, never more than the page takes.
struct Found<R: Row> {
    scan: Scan<R::Id>,
    rows_max: usize,
    rows: BTreeMap<R::Id, Seen<R>>,
}

impl<R: Row> Found<R> {
    fn new(scan: Scan<R::Id>) -> Self {
        Self { scan, rows_max: (scan.rows as usize).max(1), rows: BTreeMap::new() }
    }

    fn missing(&self) -> usize {
        self.rows_max - self.rows.len()
    }

    /// The farthest row of a full page.
    fn farthest(&self) -> Option<R::Id> {
        if self.rows.len() < self.rows_max {
            return None;
        }
        match self.scan.direction {
            Direction::Rising => self.rows.last_key_value().map(|(id, _)| *id),
            Direction::Falling => self.rows.first_key_value().map(|(id, _)| *id),
        }
    }

    /// Whether a row of this id would be on the page.
    fn may_take(&self, id: R::Id) -> bool {
        let Scan { above, below, .. } = self.open();
        above.is_none_or(|above| id > above) && below.is_none_or(|below| id < below)
    }

    /// Whether the id lies before the place where the scan starts, so that rows on the way from it may still come.
    fn is_before(&self, id: R::Id) -> bool {
        match self.scan.direction {
            Direction::Rising => self.scan.above.is_some_and(|above| id <= above),
            Direction::Falling => self.scan.below.is_some_and(|below| id >= below),
        }
    }

    /// The scan for rows that are nearer than what was found.
    fn open(&self) -> Scan<R::Id> {
        match (self.farthest(), self.scan.direction) {
            (None, _) => self.scan,
            (farthest, Direction::Rising) => Scan { below: farthest, ..self.scan },
            (farthest, Direction::Falling) => Scan { above: farthest, ..self.scan },
        }
    }

    fn bounds(&self) -> impl Iterator<Item = Expr> + use<R> {
        let Scan { above, below, .. } = self.open();
        let above = above.map(|above| col(ID).gt(lit(above.to_string())));
        above.into_iter().chain(below.map(|below| col(ID).lt(lit(below.to_string()))))
    }

    fn offer(&mut self, id: R::Id, seen: Seen<R>) {
        if !self.may_take(id) {
            return;
        }
        self.rows.insert(id, seen);
        if self.rows.len() > self.rows_max {
            match self.scan.direction {
                Direction::Rising => self.rows.pop_last(),
                Direction::Falling => self.rows.pop_first(),
            };
        }
    }

    fn of_lake(&self) -> BTreeSet<R::Id> {
        self.rows.iter().filter(|(_, seen)| matches!(seen, Seen::Id)).map(|(id, _)| *id).collect()
    }

    /// # Errors
    /// A record is not there any more that was a moment ago: never passed over in silence.
    fn into_rows(self, mut whole: impl FnMut(R::Id, Seen<R>) -> Option<R>) -> Result<Vec<R>, ReadError> {
        let gone = || ColumnsError { column: ID, row: 0, problem: "has a record that the file does not give back" };
        let rows = self.rows.into_iter().map(|(id, seen)| whole(id, seen).ok_or_else(gone));
        let mut rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        if self.scan.direction == Direction::Falling {
            rows.reverse();
        }
        Ok(rows)
    }
}
