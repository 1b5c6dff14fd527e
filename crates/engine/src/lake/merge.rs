//! A merge: several small files become one, which holds the same rows. And a packing: one file of a day that has ended is written once
//! more, as small as can be.
//!
//! 1. The plan names neighbours in the snapshot ([`merge_plan`](super::merge_plan)). *Nothing happened.*
//! 2. Their rows are written into a new file ([`rewrite`](super::rewrite)). Flushes and readers go on: no lock is held. *A part of a
//!    file, or a file that no log entry names: a vacuum removes it.*
//! 3. One log entry takes the sources out and the new file in, if all of them are still there; otherwise the merge is given up. *When
//!    the entry is durable, the merge has happened; only the answer may be lost.*
//! 4. The new snapshot is published. Readers of the one before still read the sources, until a vacuum removes them.
//!
//! Every step says of the rows what the one before says, so dying anywhere loses and doubles nothing. Purges replace files the same way.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use annals_core::ids::RecordPlace;
use annals_core::time::Micros;
use deltalake_core::kernel::{Action, Add};
use deltalake_core::protocol::DeltaOperation;

use super::data_file::Kind;
use super::merge_plan::{self, Day, FILE_BYTES_MAX, Piece};
use super::rewrite::{Pace, Rewrite, RewriteError, SOURCES_MIN};
use super::row::Row;
use super::table::Table;
use super::{LakeError, LakeFile, LakeSnapshot};
use crate::crash_point;

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// After midnight, records of the day before are flushed still.
const STILL_OPEN: Duration = Duration::from_secs(60 * 60);

/// What came of looking for a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeOutcome {
    /// All files are as they should be.
    Nothing,
    Merged(Merged),
    /// The files changed meanwhile: look again.
    GivenUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Files that became one.
    pub files: u64,
    pub rows: u64,
    /// Of the new file.
    pub bytes: u64,
}

impl<R: Row> Table<R> {
    /// Does the next merge that is due. `set_aside` are files that cannot be read.
    ///
    /// # Errors
    /// It is not known whether the files were merged. Trying again is safe.
    pub async fn merge_next(&self, now: Micros, set_aside: &HashSet<String>, pace: Pace) -> Result<MergeOutcome, RewriteError> {
        let snapshot = self.snapshot();
        match merge_plan::plan(&pieces(&snapshot, set_aside), first_open(now)) {
            Some(places) => self.make_one(&snapshot, &places, Kind::Merged, now, pace).await,
            None => Ok(MergeOutcome::Nothing),
        }
    }

    /// Packs the next file that waits for it, of at most so many bytes. To be called when no merge is due, which would only undo it.
    ///
    /// # Errors
    /// As [`Table::merge_next`].
    pub async fn pack_next(
        &self,
        now: Micros,
        set_aside: &HashSet<String>,
        bytes_max: u64,
        pace: Pace,
    ) -> Result<MergeOutcome, RewriteError> {
        let snapshot = self.snapshot();
        match merge_plan::to_pack(&pieces(&snapshot, set_aside), first_open(now), bytes_max) {
            Some(place) => self.make_one(&snapshot, &[place], Kind::Packed, now, pace).await,
            None => Ok(MergeOutcome::Nothing),
        }
    }

    async fn make_one(
        &self,
        snapshot: &LakeSnapshot<R>,
        places: &[usize],
        kind: Kind,
        now: Micros,
        pace: Pace,
    ) -> Result<MergeOutcome, RewriteError> {
        let mut sources: Vec<_> = places.iter().map(|place| snapshot.files()[*place].clone()).collect();
        // Step 2.
        let made = loop {
            let rewrite = Rewrite { sources: sources.clone(), leaving: BTreeSet::new(), kind, pace };
            match rewrite.run(self.data_files().clone(), Arc::clone(&self.inner.files)).await? {
                Some(made) => break made,
                None => sources.truncate((sources.len() / 2).max(SOURCES_MIN)),
            }
        };
        let paths: Vec<_> = sources.iter().map(|file| file.path.clone()).collect();
        tracing::debug!(table = R::TABLE, files = paths.len(), held_bytes = made.held_bytes, "read files to merge them");
        crash_point::pass("merge.written");
        let add = made.add.map(|add| Add { data_change: false, ..add });
        // Steps 3 and 4.
        let target_size = i64::try_from(FILE_BYTES_MAX).unwrap_or(i64::MAX);
        let operation = DeltaOperation::Optimize { predicate: None, target_size };
        if !self.replace(&paths, add, operation, now).await? {
            return Ok(MergeOutcome::GivenUp);
        }
        Ok(MergeOutcome::Merged(Merged { files: paths.len() as u64, rows: made.rows, bytes: made.bytes }))
    }

    /// Takes files out of the table and another one in, in one log entry. `false`: one of them is not there any more, and nothing
    /// changed. The rows stay the same unless `add` says otherwise.
    pub(super) async fn replace(
        &self,
        paths: &[String],
        add: Option<Add>,
        operation: DeltaOperation,
        now: Micros,
    ) -> Result<bool, LakeError> {
        let inner = &self.inner;
        let mut table = inner.table.lock().await;
        let mut state = inner.latest(table.take()).await?;
        let wanted: HashSet<_> = paths.iter().map(String::as_str).collect();
        let data_change = add.as_ref().is_none_or(|add| add.data_change);
        let mut actions = Vec::with_capacity(paths.len() + 1);
        for file in state.snapshot().try_log_data()?.iter().filter(|file| wanted.contains(&*file.path())) {
            let mut remove = file.remove_action(data_change);
            remove.deletion_timestamp = Some(now.get() / 1000);
            actions.push(Action::Remove(remove));
        }
        let all_there = actions.len() == paths.len();
        if all_there {
            actions.extend(add.map(Action::Add));
            state = inner.commit(&state, Vec::new(), actions, operation).await?;
            crash_point::pass("lake.replaced");
        }
        inner.publish(&state)?;
        *table = Some(state);
        Ok(all_there)
    }
}

/// Days before it have ended.
fn first_open(now: Micros) -> Day {
    Day(now.saturating_sub(STILL_OPEN).get().div_euclid(DAY_MICROS))
}

fn pieces<R: Row>(snapshot: &LakeSnapshot<R>, set_aside: &HashSet<String>) -> Vec<Piece> {
    snapshot.files().iter().map(|file| piece(file, set_aside)).collect()
}

fn piece<R: Row>(file: &LakeFile<R>, set_aside: &HashSet<String>) -> Piece {
    let first: RecordPlace = file.stats.ids.least.into();
    let day = Day(file.received().least.get().div_euclid(DAY_MICROS));
    Piece { day, shard: first.shard(), bytes: file.bytes, is_packed: file.is_packed, set_aside: set_aside.contains(&file.path) }
}
