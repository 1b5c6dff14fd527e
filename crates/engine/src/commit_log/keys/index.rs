//! The index itself: what is active, which runs there are, and the order in which one becomes the other. Never forgets a key
//! before the run that holds it is durable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::active::Active;
use super::entry::{KeyEntry, Seconds};
use super::error::KeyIndexError;
use super::list::{self, Listed};
use super::merge::{Merge, Merged, RUN_KEYS_MAX, RUNS_PER_MERGE};
use super::run::{Run, sequence_of};
use super::run_writer::{FINISHED, UNFINISHED};
use super::seal::{Seal, Sealed};
use crate::crash_point;

/// Active keys above which [`KeyIndex::wants_seal`] asks for a seal: about 90 MB. A seal does not need the rows to leave the
/// commit log, so memory stays bounded also while the lake is out of reach.
pub const ACTIVE_KEYS_MAX: usize = 1 << 20;

/// Each run costs an open file and a filter probe for every new key. Only merges that fail for hours lead here.
pub const RUNS_MAX: usize = 512;
const _: () = assert!(RUNS_PER_MERGE * 8 <= RUNS_MAX);

pub struct KeyIndex {
    folder: PathBuf,
    pub(super) active: Active,
    /// Ascending by sequence. Shared with merges that are being written.
    pub(super) runs: Vec<Arc<Run>>,
    next_sequence: u64,
    /// Runs that the list names and that are not there. They stay in the list until their keys would have expired.
    missing: Vec<Listed>,
    /// What the list on disk says; `None`: nothing, or nobody knows.
    listed: Option<Vec<Listed>>,
}

impl KeyIndex {
    /// Loads the sealed runs. The caller then inserts what the commit log holds. A damaged run is refused and not skipped:
    /// without it, retries would be stored twice and nobody would know.
    pub fn open(folder: &Path, now: Seconds) -> Result<KeyIndex, KeyIndexError> {
        fs::create_dir_all(folder).map_err(KeyIndexError::io("create", folder))?;
        let mut runs = Vec::new();
        for found in fs::read_dir(folder).map_err(KeyIndexError::io("list", folder))? {
            let path = found.map_err(KeyIndexError::io("list", folder))?.path();
            if sequence_of(&path, UNFINISHED).is_some() {
                fs::remove_file(&path).map_err(KeyIndexError::io("remove", &path))?;
            } else if let Some(sequence) = sequence_of(&path, FINISHED) {
                runs.push(Arc::new(Run::open(path, sequence)?));
            }
        }
        runs.sort_unstable_by_key(|run| run.sequence);
        let listed = list::read(folder)?;
        let is_there = |listed: &Listed| runs.binary_search_by_key(&listed.sequence, |run| run.sequence).is_ok();
        let missing: Vec<_> = listed.iter().flatten().filter(|listed| !is_there(listed)).copied().collect();
        let last = runs.last().map(|run| run.sequence).max(missing.last().map(|missing| missing.sequence));
        let next_sequence = last.map_or(0, |last| last + 1);
        let folder = folder.to_path_buf();
        let mut index = KeyIndex { folder, active: Active::default(), runs, next_sequence, missing, listed };
        // It costs space and time, never a record: a full disk must not keep the server from starting.
        if let Err(error) = index.expire(now) {
            tracing::warn!(%error, "old idempotency keys stay for now");
        }
        Ok(index)
    }

    /// Runs that somebody else took away, and whose keys would still count.
    pub fn missing(&self) -> &[Listed] {
        &self.missing
    }

    /// The last commit that a run knows of. Every key of this commit and of those before it is sealed, or has expired: a
    /// replay may start behind it.
    pub fn sealed_through(&self) -> Option<u64> {
        self.runs.iter().map(|run| run.footer.through).max()
    }

    /// After `commit` is durable, and when the commit log is replayed at start. Only for keys that were `Seen::Never`.
    pub fn insert(&mut self, commit: u64, entry: KeyEntry) {
        self.active.insert(commit, entry);
    }

    /// Memory asks for a seal, whether or not rows leave the commit log.
    pub fn wants_seal(&self) -> bool {
        self.active.len() >= ACTIVE_KEYS_MAX
    }

    /// The keys of all commits up to `through` become one run. When this returns, their rows may leave the commit log.
    pub fn seal(&mut self, through: u64) -> Result<(), KeyIndexError> {
        if let Some(seal) = self.plan_seal(through)? {
            self.finish_seal(seal.write()?);
        }
        // Also when this seal has nothing to write: the list may have failed for the one before.
        self.write_list()
    }

    /// `None` when there is nothing to seal. Every commit up to `through` must be wholly inserted.
    pub fn plan_seal(&mut self, through: u64) -> Result<Option<Seal>, KeyIndexError> {
        let Some(through) = self.active.last_commit_through(through) else { return Ok(None) };
        // Before the copy: whoever is refused here will ask again soon.
        if self.runs.len() >= RUNS_MAX {
            let (folder, runs) = (self.folder.clone(), self.runs.len());
            return Err(KeyIndexError::TooManyRuns { folder, runs, max: RUNS_MAX });
        }
        let entries = self.active.of_commits_through(through);
        Ok(Some(Seal { folder: self.folder.clone(), sequence: self.take_sequence(), entries, through }))
    }

    pub fn finish_seal(&mut self, sealed: Sealed) {
        self.add(sealed.run);
        // Not what the caller asked for, but what the run holds: keys of a commit that came later stay.
        self.active.forget_through(sealed.through);
    }

    /// Deletes the runs in which every key is older than 24 hours. A key alone is never deleted, it only stops counting.
    pub fn expire(&mut self, now: Seconds) -> Result<(), KeyIndexError> {
        self.missing.retain(|missing| missing.newest.is_live(now));
        self.remove_runs(|run| !run.footer.newest.is_live(now))
    }

    /// Of the lowest tier that has enough runs. One at a time: a second one before the first is finished takes the same runs,
    /// which is harmless and a waste.
    pub fn plan_merge(&mut self, now: Seconds) -> Option<Merge> {
        let tiers: BTreeSet<u32> = self.runs.iter().map(|run| run.footer.tier).collect();
        let sources = tiers.into_iter().find_map(|tier| {
            let of_tier = self.runs.iter().filter(|run| run.footer.tier == tier);
            let oldest: Vec<Arc<Run>> = of_tier.take(RUNS_PER_MERGE).cloned().collect();
            let keys: u64 = oldest.iter().map(|run| run.footer.keys).sum();
            (oldest.len() == RUNS_PER_MERGE && keys <= RUN_KEYS_MAX).then_some(oldest)
        })?;
        Some(Merge { folder: self.folder.clone(), sequence: self.take_sequence(), sources, now })
    }

    /// Dies the process here, the sources are found beside the new run at the next start, and say the same.
    pub fn finish_merge(&mut self, merged: Merged) -> Result<(), KeyIndexError> {
        self.add(merged.run);
        self.remove_runs(|run| merged.replaced.contains(&run.sequence))
    }

    /// When it says something else than it should.
    fn write_list(&mut self) -> Result<(), KeyIndexError> {
        let runs = self.runs.iter().map(|run| Listed { sequence: run.sequence, newest: run.footer.newest });
        let mut listed: Vec<_> = runs.chain(self.missing.iter().copied()).collect();
        listed.sort_unstable();
        let nothing_to_say = listed.is_empty() && !list::path(&self.folder).exists();
        if self.listed.as_ref() != Some(&listed) && !nothing_to_say {
            self.listed = None;
            list::write(&self.folder, &listed)?;
            self.listed = Some(listed);
        }
        Ok(())
    }

    fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    fn add(&mut self, run: Option<Run>) {
        self.runs.extend(run.map(Arc::new));
        // A merge may finish after a seal that was planned later.
        self.runs.sort_unstable_by_key(|run| run.sequence);
    }

    /// The folder is not synced: a run that comes back after a crash is one more run of old or doubled keys.
    fn remove_runs(&mut self, which: impl Fn(&Run) -> bool) -> Result<(), KeyIndexError> {
        let removed: Vec<Arc<Run>> = self.runs.extract_if(.., |run| which(run)).collect();
        // First: a run that is gone and still listed would be missed. What cannot be deleted now is found by the next start.
        self.write_list()?;
        let failed = removed.iter().filter_map(|run| {
            let gone = fs::remove_file(&run.path).map_err(KeyIndexError::io("remove", &run.path));
            crash_point::pass("keys.removed");
            gone.err()
        });
        // All are tried: one file that stays must not keep the others.
        failed.collect::<Vec<_>>().into_iter().next().map_or(Ok(()), Err)
    }
}
