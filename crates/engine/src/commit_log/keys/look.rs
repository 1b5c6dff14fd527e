//! Runs as another process finds them: for examinations and backups. Changes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::entry::Seconds;
use super::error::KeyIndexError;
use super::list;
use super::run::{Run, sequence_of};
use super::run_file::BLOCK_KEYS;
use super::run_writer::{FINISHED, run_path};

/// Blocks that are read at a time: 1 MiB.
const BLOCKS_PER_READ: usize = 256;

/// The finished runs of a folder, oldest first. None when there is no such folder: no key was ever sealed.
pub fn runs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        runs.extend(sequence_of(&path, FINISHED).map(|sequence| (sequence, path)));
    }
    runs.sort_unstable();
    Ok(runs.into_iter().map(|(_, path)| path).collect())
}

/// Runs that must be there and are not, and whose keys would still count at `now`. A running server takes runs out
/// of the list before it deletes them, so the list is looked at again.
pub fn missing(folder: &Path, now: Seconds) -> Result<Vec<PathBuf>, KeyIndexError> {
    let is_missing = |listed: &list::Listed| listed.newest.is_live(now) && !run_path(folder, listed.sequence, FINISHED).exists();
    let once: Vec<_> = list::read(folder)?.into_iter().flatten().filter(is_missing).collect();
    if once.is_empty() {
        return Ok(Vec::new());
    }
    let again = list::read(folder)?.unwrap_or_default();
    let missing = once.into_iter().filter(|listed| again.contains(listed));
    Ok(missing.map(|listed| run_path(folder, listed.sequence, FINISHED)).collect())
}

/// What a run says of itself.
pub struct RunFacts {
    /// The last commit whose keys are in it.
    pub through: u64,
    /// Made of other runs, and not straight out of the commit log.
    pub is_merged: bool,
}

pub fn facts(path: &Path) -> Result<RunFacts, KeyIndexError> {
    let footer = Run::open(path.to_owned(), 0)?.footer;
    Ok(RunFacts { through: footer.through, is_merged: footer.tier > 0 })
}

/// Reads every byte of a run: footer, index, filters and entries.
pub fn check(path: &Path) -> Result<(), KeyIndexError> {
    let run = Run::open(path.to_owned(), 0)?;
    let blocks = (run.footer.keys as usize).div_ceil(BLOCK_KEYS);
    let (mut bytes, mut entries, mut last) = (Vec::new(), Vec::new(), None);
    for first in (0..blocks).step_by(BLOCKS_PER_READ) {
        run.read_entries(first, BLOCKS_PER_READ.min(blocks - first), &mut bytes, &mut entries)?;
        for entry in &entries {
            if last.is_some_and(|last| last >= entry.key) {
                return Err(KeyIndexError::damaged(path, "its entries are not in order"));
            }
            last = Some(entry.key);
        }
    }
    Ok(())
}
