//! Turns active keys into a sorted run. Never takes a key out of the active map: that happens when the run is durable.

use std::path::PathBuf;

use super::entry::KeyEntry;
use super::error::KeyIndexError;
use super::run::Run;
use super::run_writer::{Labels, RunWriter};

/// A seal that is planned: a copy of the keys, so that [`Seal::write`] can run on another thread while probes go on.
#[must_use = "nothing is sealed before it is written and finished"]
pub struct Seal {
    pub(super) folder: PathBuf,
    pub(super) sequence: u64,
    pub(super) entries: Vec<KeyEntry>,
    pub(super) through: u64,
}

/// A seal that is on disk. The index learns of it by `KeyIndex::finish_seal`.
#[must_use = "the index does not know the run before the seal is finished"]
pub struct Sealed {
    pub(super) run: Option<Run>,
    pub(super) through: u64,
}

impl Seal {
    /// Blocking: sorts, writes and syncs.
    pub fn write(mut self) -> Result<Sealed, KeyIndexError> {
        self.entries.sort_unstable_by_key(|entry| entry.key);
        let run = RunWriter::write(&self.folder, self.sequence, |run| {
            self.entries.iter().try_for_each(|entry| run.push(*entry))?;
            Ok(Labels { tier: 0, through: self.through })
        })?;
        Ok(Sealed { run, through: self.through })
    }
}
