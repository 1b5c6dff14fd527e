//! The files of a table at one moment, in the order of their commits. Never changes; a flush makes another one.

use std::collections::BTreeMap;

use annals_core::event::CommittedEvent;
use annals_core::ids::{CommitNumber, RecordPlace, ShardId};
use annals_core::time::Micros;
use deltalake_core::table::state::DeltaTableState;

use super::LakeError;
use super::data_file::{Parts, is_packed};
use super::row::Row;
use super::stats::{FileStats, Range};

/// One data file. All its rows are of one received day, sorted by owner and place.
#[derive(Debug, Clone, PartialEq)]
pub struct LakeFile<R: Row = CommittedEvent> {
    /// Inside the table's folder.
    pub path: String,
    pub bytes: u64,
    pub stats: FileStats<R>,
    /// `None` of a file of an older version.
    pub parts: Option<Parts>,
    /// Whether it was made to stay: no merge can make it smaller.
    pub is_packed: bool,
}

impl<R: Row> LakeFile<R> {
    /// Whether the file may have rows of this owner.
    pub fn may_hold(&self, owner: R::Owner) -> bool {
        self.stats.owners.holds(owner)
    }

    /// Between these two are the times of a column of [`Row::TIMES`].
    pub fn time(&self, column: &str) -> Range<Micros> {
        let times = R::TIMES.iter().zip(&self.stats.times);
        times.filter(|(time, _)| time.name == column).map(|(_, range)| *range).next().unwrap_or_else(Range::always)
    }

    /// Between these two the rows were received. Ids carry the time in milliseconds, so both ends are rounded outwards.
    pub fn received(&self) -> Range<Micros> {
        let millis = |id: R::Id| i64::try_from(id.into().millis()).unwrap_or(i64::MAX).saturating_mul(1000);
        Range {
            least: Micros::saturating(millis(self.stats.ids.least)),
            greatest: Micros::saturating(millis(self.stats.ids.greatest).saturating_add(999)),
        }
    }
}

#[derive(Debug)]
pub struct LakeSnapshot<R: Row = CommittedEvent> {
    files: Vec<LakeFile<R>>,
    /// The last commit of each shard.
    flushed: Vec<(ShardId, CommitNumber)>,
    last: Option<R::Id>,
}

impl<R: Row> LakeSnapshot<R> {
    pub(super) fn of_state(state: &DeltaTableState) -> Result<Self, LakeError> {
        let mut files = Vec::new();
        for file in state.snapshot().try_log_data()?.iter() {
            let path = file.path().into_owned();
            let stats = file.stats().as_deref().and_then(FileStats::read);
            let stats = stats.ok_or_else(|| LakeError::damaged(format!("data file {path} has no statistics of ours")))?;
            let bytes = u64::try_from(file.size()).unwrap_or_default();
            #[expect(deprecated, reason = "nothing else gives a file's tags")]
            let tags = file.add_action().tags;
            let parts = Parts::of_tags(tags.as_ref(), bytes);
            let parts = parts.map_err(|why| LakeError::damaged(format!("data file {path}: {why}")))?;
            files.push(LakeFile { path, bytes, stats, parts, is_packed: is_packed(tags.as_ref()) });
        }
        // Ids rise with every record of a shard, so this is the order of flushes, also when one flush made files of two days.
        files.sort_unstable_by_key(|file: &LakeFile<R>| file.stats.ids.least);
        let mut flushed = BTreeMap::<_, CommitNumber>::new();
        for file in &files {
            let last: RecordPlace = file.stats.ids.greatest.into();
            let commit = flushed.entry(last.shard()).or_insert(CommitNumber::ZERO);
            *commit = last.commit().max(*commit);
        }
        let last = files.iter().map(|file| file.stats.ids.greatest).max();
        Ok(Self { files, flushed: flushed.into_iter().collect(), last })
    }

    /// In the order of their first rows' ids.
    pub fn files(&self) -> &[LakeFile<R>] {
        &self.files
    }
    /// No row of the table was received later. Rounded up to milliseconds.
    pub fn received_at_max(&self) -> Option<Micros> {
        self.files.iter().map(|file| file.received().greatest).max()
    }
    /// The last commit of a shard that has a row here; `ZERO` when there is none. A reader that took the tail before this
    /// snapshot drops the tail's commits up to here, and so sees each row once.
    pub fn flushed_through(&self, shard: ShardId) -> CommitNumber {
        self.flushed.iter().find(|(of, _)| *of == shard).map_or(CommitNumber::ZERO, |(_, commit)| *commit)
    }
    /// The last record of all; `None` when there is none.
    pub fn last(&self) -> Option<R::Id> {
        self.last
    }
}
