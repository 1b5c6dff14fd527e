//! The events next to a place in the log: one page of a list, in either direction.
//!
//! Tail and files are looked at in the order in which they lie, and only until no further one can hold a nearer event: the newest
//! page costs the tail and the newest file, however long the history is. Files may overlap. Of the files only ids are read
//! at first; the other columns follow for the few events that are on the page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use annals_core::event::CommittedEvent;
use annals_core::ids::AuditEventId;
use arrow::array::AsArray;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, lit};
use futures::TryStreamExt;

use super::filter::conjunction;
use super::scan::{Place, Query};
use super::{ReadError, Reader, Selection, Snapshot};
use crate::lake::LakeFile;
use crate::lake::columns::{ColumnsError, ID, to_events};
use crate::store::listing::{Direction, Scan};

/// Files that one plan reads: twice as many each time, because a plan costs about as much as a file without a match.
const FILES_AT_ONCE_MAX: usize = 16;
/// Events of the tail that become columns at a time: first a page, then more and more.
const TAIL_ROWS_MAX: usize = 4096;

impl Reader {
    /// The events of the query that are nearest to where the scan starts, in its direction.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn nearest(
        &self,
        snapshot: &Snapshot,
        query: &Query,
        scan: Scan<AuditEventId>,
    ) -> Result<Vec<CommittedEvent>, ReadError> {
        let mut found = Found::new(scan);
        let mut sources = Sources::new(snapshot, &query.selection, scan);
        let mut opened = Vec::new();
        while let Some(source) = sources.next(&found) {
            match source {
                Source::Tail => look_into_tail(snapshot, query, &mut found)?,
                Source::Files(files) => {
                    self.look_into_files(&files, query, &mut found).await?;
                    opened.extend(files);
                }
            }
        }
        let mut in_lake = self.fetch(&opened, &query.selection, found.of_lake()).await?;
        Ok(found.into_events(|id| in_lake.remove(&id)))
    }

    /// One event of the query's owner. Whether it passes the filter does not matter.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn by_id(
        &self,
        snapshot: &Snapshot,
        selection: &Selection,
        id: AuditEventId,
    ) -> Result<Option<CommittedEvent>, ReadError> {
        let of_commit = |commit: &&Arc<[CommittedEvent]>| commit.first().is_some_and(|event| event.id.commit() == id.commit());
        let in_tail = snapshot.tail.iter().filter(of_commit).flat_map(|commit| commit.iter()).find(|event| event.id == id);
        if let Some(event) = in_tail {
            return Ok(selection.owns(event).then(|| event.clone()));
        }
        let files: Vec<_> = snapshot.lake.files().iter().filter(|file| selection.may_hold(file)).cloned().collect();
        Ok(self.fetch(&files, selection, BTreeSet::from([id])).await?.remove(&id))
    }

    async fn look_into_files(&self, files: &[LakeFile], query: &Query, found: &mut Found) -> Result<(), ReadError> {
        let bounds = found.bounds();
        let conditions = std::iter::once(query.selection.expression()).chain(bounds);
        let mut batches = self.lake(files.to_vec(), conjunction(conditions), &[ID]).await?;
        while let Some(batch) = batches.try_next().await? {
            let damaged = |row| ColumnsError { column: ID, row, problem: "not an id" };
            let ids = batch.column(0).as_string_opt::<i32>().ok_or_else(|| damaged(0))?;
            for (row, text) in ids.iter().enumerate() {
                let id = text.and_then(|text| text.parse().ok()).ok_or_else(|| damaged(row))?;
                found.offer(id, None);
            }
        }
        Ok(())
    }

    /// The whole events of these ids, of those that the owner has.
    async fn fetch(
        &self,
        files: &[LakeFile],
        selection: &Selection,
        ids: BTreeSet<AuditEventId>,
    ) -> Result<BTreeMap<AuditEventId, CommittedEvent>, ReadError> {
        let (Some(least), Some(greatest)) = (ids.first(), ids.last()) else { return Ok(BTreeMap::new()) };
        let holds = |file: &&LakeFile| ids.range(file.stats.ids.least..=file.stats.ids.greatest).next().is_some();
        let files: Vec<_> = files.iter().filter(holds).cloned().collect();
        if files.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut conditions = selection.owner();
        // Pages of other ids are not read at all.
        conditions.push(col(ID).between(lit(least.to_string()), lit(greatest.to_string())));
        conditions.push(col(ID).in_list(ids.iter().map(|id| lit(id.to_string())).collect(), false));
        let mut batches = self.lake(files, conjunction(conditions), &[]).await?;
        let mut events = BTreeMap::new();
        while let Some(batch) = batches.try_next().await? {
            events.extend(to_events(&batch)?.into_iter().map(|event| (event.id, event)));
        }
        Ok(events)
    }
}

fn look_into_tail(snapshot: &Snapshot, query: &Query, found: &mut Found) -> Result<(), ReadError> {
    let mut places = places(snapshot, &query.selection, found.scan.direction);
    let mut rows = found.rows_max;
    loop {
        // The tail lies in order: as soon as one event is too far, all the rest are.
        let (mut chunk, mut ended) = (Vec::with_capacity(rows), true);
        for place in places.by_ref() {
            let id = place.event().id;
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
            found.offer(place.event().id, Some(place));
        }
        if ended {
            return Ok(());
        }
        rows = (rows * 4).min(TAIL_ROWS_MAX);
    }
}

/// The owner's events in the tail, one way.
fn places<'a>(snapshot: &'a Snapshot, selection: &'a Selection, direction: Direction) -> Box<dyn Iterator<Item = Place> + 'a> {
    let of = move |commit: &'a Arc<[CommittedEvent]>| {
        let owned = (0..commit.len()).filter(|place| selection.owns(&commit[*place]));
        owned.map(|place| Place { commit: Arc::clone(commit), place })
    };
    match direction {
        Direction::Rising => Box::new(snapshot.tail.iter().flat_map(of)),
        Direction::Falling => Box::new(snapshot.tail.iter().rev().flat_map(move |commit| of(commit).rev())),
    }
}

/// Where to look next.
enum Source {
    Tail,
    Files(Vec<LakeFile>),
}

/// The tail and the files that may have events between the bounds, by how near they begin.
struct Sources {
    /// `None` is the tail. In reverse: the next one is the last.
    waiting: Vec<(AuditEventId, Option<LakeFile>)>,
    files_at_once: usize,
}

impl Sources {
    fn new(snapshot: &Snapshot, selection: &Selection, scan: Scan<AuditEventId>) -> Self {
        let begins = |least, greatest| match scan.direction {
            Direction::Rising => least,
            Direction::Falling => greatest,
        };
        let overlaps = |file: &&LakeFile| {
            scan.above.is_none_or(|above| file.stats.ids.greatest > above)
                && scan.below.is_none_or(|below| file.stats.ids.least < below)
        };
        let files = snapshot.lake.files().iter().filter(overlaps).filter(|file| selection.may_pass(file));
        let mut waiting: Vec<_> =
            files.map(|file| (begins(file.stats.ids.least, file.stats.ids.greatest), Some(file.clone()))).collect();
        let first = snapshot.tail.iter().find_map(|commit| commit.first());
        let last = snapshot.tail.iter().rev().find_map(|commit| commit.last());
        waiting.extend(first.zip(last).map(|(first, last)| (begins(first.id, last.id), None)));
        waiting.sort_by_key(|(begin, _)| *begin);
        if scan.direction == Direction::Rising {
            waiting.reverse();
        }
        Self { waiting, files_at_once: 1 }
    }

    /// `None` when nothing nearer can come.
    fn next(&mut self, found: &Found) -> Option<Source> {
        let mut files = Vec::new();
        while files.len() < self.files_at_once {
            let Some((begin, file)) = self.waiting.last() else { break };
            if !found.may_take(*begin) && !found.is_before(*begin) {
                break;
            }
            match (file, files.is_empty()) {
                (None, false) => break,
                (None, true) => {
                    self.waiting.pop();
                    return Some(Source::Tail);
                }
                (Some(_), _) => files.extend(self.waiting.pop().and_then(|(_, file)| file)),
            }
        }
        self.files_at_once = (self.files_at_once * 2).min(FILES_AT_ONCE_MAX);
        (!files.is_empty()).then_some(Source::Files(files))
    }
}

/// The nearest events so far, never more than the page takes.
struct Found {
    scan: Scan<AuditEventId>,
    rows_max: usize,
    /// `None`: it is in the lake.
    events: BTreeMap<AuditEventId, Option<Place>>,
}

impl Found {
    fn new(scan: Scan<AuditEventId>) -> Self {
        Self { scan, rows_max: (scan.rows as usize).max(1), events: BTreeMap::new() }
    }

    /// The farthest event of a full page.
    fn farthest(&self) -> Option<AuditEventId> {
        if self.events.len() < self.rows_max {
            return None;
        }
        match self.scan.direction {
            Direction::Rising => self.events.last_key_value().map(|(id, _)| *id),
            Direction::Falling => self.events.first_key_value().map(|(id, _)| *id),
        }
    }

    /// Whether an event of this id would be on the page.
    fn may_take(&self, id: AuditEventId) -> bool {
        let (above, below) = self.open();
        above.is_none_or(|above| id > above) && below.is_none_or(|below| id < below)
    }

    /// Whether the id lies before the place where the scan starts, so that events on the way from it may still come.
    fn is_before(&self, id: AuditEventId) -> bool {
        match self.scan.direction {
            Direction::Rising => self.scan.above.is_some_and(|above| id <= above),
            Direction::Falling => self.scan.below.is_some_and(|below| id >= below),
        }
    }

    /// Between these an event must lie to be nearer than what was found.
    fn open(&self) -> (Option<AuditEventId>, Option<AuditEventId>) {
        let Scan { above, below, direction, .. } = self.scan;
        match (self.farthest(), direction) {
            (None, _) => (above, below),
            (farthest, Direction::Rising) => (above, farthest),
            (farthest, Direction::Falling) => (farthest, below),
        }
    }

    fn bounds(&self) -> impl Iterator<Item = Expr> + use<> {
        let (above, below) = self.open();
        let above = above.map(|above| col(ID).gt(lit(above.to_string())));
        above.into_iter().chain(below.map(|below| col(ID).lt(lit(below.to_string()))))
    }

    fn offer(&mut self, id: AuditEventId, place: Option<Place>) {
        if !self.may_take(id) {
            return;
        }
        self.events.insert(id, place);
        if self.events.len() > self.rows_max {
            match self.scan.direction {
                Direction::Rising => self.events.pop_last(),
                Direction::Falling => self.events.pop_first(),
            };
        }
    }

    fn of_lake(&self) -> BTreeSet<AuditEventId> {
        self.events.iter().filter(|(_, place)| place.is_none()).map(|(id, _)| *id).collect()
    }

    fn into_events(self, mut in_lake: impl FnMut(AuditEventId) -> Option<CommittedEvent>) -> Vec<CommittedEvent> {
        let whole = |(id, place): (AuditEventId, Option<Place>)| match place {
            Some(place) => Some(place.event().clone()),
            None => in_lake(id),
        };
        let mut events: Vec<_> = self.events.into_iter().filter_map(whole).collect();
        if self.scan.direction == Direction::Falling {
            events.reverse();
        }
        events
    }
}
