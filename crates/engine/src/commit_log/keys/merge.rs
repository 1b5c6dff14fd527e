//! Turns eight runs of a tier into one of the next, in one pass over sorted blocks. Never changes or deletes its sources:
//! they go when the index has taken the new run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::entry::{KeyEntry, Seconds};
use super::error::KeyIndexError;
use super::run::Run;
use super::run_writer::{Labels, RunWriter};

/// How many runs of a tier become one of the next. A day of regular seals then ends in about 25 runs.
pub const RUNS_PER_MERGE: usize = 8;

/// Larger runs are not merged further: at 12,000 keys a second this is six hours, and a run leaves the disk as a whole.
pub(super) const RUN_KEYS_MAX: u64 = 1 << 28;

/// Read from one source at a time, 256 KiB. Eight of them and one segment of the new run are all that a merge holds,
/// beside the index of the run that it makes.
const BLOCKS_PER_READ: usize = 64;

/// A merge that is planned. [`Merge::write`] can run on another thread while probes, seals and expiry go on.
#[must_use = "nothing is merged before it is written and finished"]
pub struct Merge {
    pub(super) folder: PathBuf,
    pub(super) sequence: u64,
    pub(super) sources: Vec<Arc<Run>>,
    pub(super) now: Seconds,
}

/// A merge that is on disk beside its sources. The index learns of it by `KeyIndex::finish_merge`.
#[must_use = "the sources stay until the merge is finished"]
pub struct Merged {
    pub(super) run: Option<Run>,
    pub(super) replaced: BTreeSet<u64>,
}

impl Merge {
    /// Blocking. Leaves out what is older than a day and, of a key that is there twice, all but the newest entry.
    pub fn write(self) -> Result<Merged, KeyIndexError> {
        let run = RunWriter::write(&self.folder, self.sequence, |run| {
            let mut cursors = self.sources.iter().map(|source| Cursor::start(source)).collect::<Result<Vec<_>, _>>()?;
            while let Some(entry) = next_entry(&mut cursors)? {
                if entry.at.is_live(self.now) {
                    run.push(entry)?;
                }
            }
            let tier = self.sources.iter().map(|source| source.footer.tier).max().unwrap_or(0) + 1;
            let through = self.sources.iter().map(|source| source.footer.through).max().unwrap_or(0);
            Ok(Labels { tier, through })
        })?;
        Ok(Merged { run, replaced: self.sources.iter().map(|source| source.sequence).collect() })
    }
}

/// A place in one source. Always stands on an entry, or at the end.
struct Cursor<'a> {
    run: &'a Run,
    next_block: usize,
    bytes: Vec<u8>,
    entries: Vec<KeyEntry>,
    position: usize,
}

impl<'a> Cursor<'a> {
    fn start(run: &'a Run) -> Result<Cursor<'a>, KeyIndexError> {
        let mut cursor = Cursor { run, next_block: 0, bytes: Vec::new(), entries: Vec::new(), position: 0 };
        cursor.fill()?;
        Ok(cursor)
    }

    fn entry(&self) -> Option<KeyEntry> {
        self.entries.get(self.position).copied()
    }

    fn advance(&mut self) -> Result<(), KeyIndexError> {
        self.position += 1;
        if self.position == self.entries.len() { self.fill() } else { Ok(()) }
    }

    fn fill(&mut self) -> Result<(), KeyIndexError> {
        self.position = 0;
        let blocks = BLOCKS_PER_READ.min(self.run.fences.len() - self.next_block);
        if blocks == 0 {
            self.entries.clear();
            return Ok(());
        }
        self.run.read_entries(self.next_block, blocks, &mut self.bytes, &mut self.entries)?;
        self.next_block += blocks;
        Ok(())
    }
}

/// The smallest key of all sources, once: every source that stands on it moves on. With eight sources, looking at all of
/// them is as quick as a heap.
fn next_entry(cursors: &mut [Cursor<'_>]) -> Result<Option<KeyEntry>, KeyIndexError> {
    let standing = cursors.iter().filter_map(Cursor::entry);
    // Among equal keys the newest comes first.
    let Some(next) = standing.min_by_key(|entry| (entry.key, std::cmp::Reverse(entry.at))) else {
        return Ok(None);
    };
    for cursor in cursors {
        if cursor.entry().is_some_and(|entry| entry.key == next.key) {
            cursor.advance()?;
        }
    }
    Ok(Some(next))
}
