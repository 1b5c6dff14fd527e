//! Writes one run, entry by entry, and makes it visible only when it is durable. Keeps nothing of a run that failed.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::entry::{KeyDigest, KeyEntry, Seconds};
use super::error::KeyIndexError;
use super::filter::Filter;
use super::run::{Run, Segments};
use super::run_file::{BLOCK_BYTES, Fence, Footer, Hashing, SEGMENT_KEYS};
use crate::crash_point;

/// Sent to the disk while the run is written, so that one long sync at the end does not hold up the syncs of the commit log
/// on the same disk.
const SYNC_EVERY_BYTES: u64 = 8 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// Ends in another word than a run, so a start can tell what was never finished.
pub(super) const UNFINISHED: &str = "unfinished";
pub(super) const FINISHED: &str = "keys";

pub(super) struct RunWriter {
    file: BufWriter<File>,
    folder: PathBuf,
    sequence: u64,
    keys: u64,
    block: Vec<u8>,
    block_first: KeyDigest,
    fences: Vec<Fence>,
    prefixes: Vec<u64>,
    segments: Segments,
    oldest: Seconds,
    newest: Seconds,
    unsynced_bytes: u64,
}

impl RunWriter {
    /// Writes ascending entries to a new run; `None` when there are none. Fails without leaving the file behind, so that a
    /// full disk is not filled further by every try.
    pub(super) fn write(
        folder: &Path,
        sequence: u64,
        fill: impl FnOnce(&mut RunWriter) -> Result<Labels, KeyIndexError>,
    ) -> Result<Option<Run>, KeyIndexError> {
        let written = RunWriter::create(folder, sequence).and_then(|mut writer| {
            let labels = fill(&mut writer)?;
            if writer.keys == 0 { Ok(None) } else { writer.finish(labels).map(Some) }
        });
        if !matches!(written, Ok(Some(_))) {
            // A failure here is not worth more words than the one that is returned: the next start removes the file.
            let _ = fs::remove_file(run_path(folder, sequence, UNFINISHED));
        }
        written
    }

    fn create(folder: &Path, sequence: u64) -> Result<RunWriter, KeyIndexError> {
        let path = run_path(folder, sequence, UNFINISHED);
        // Readable too, because look-ups go on with the same handle.
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        Ok(RunWriter {
            file: BufWriter::with_capacity(BUFFER_BYTES, file.map_err(KeyIndexError::io("create", &path))?),
            folder: folder.to_path_buf(),
            sequence,
            keys: 0,
            block: Vec::with_capacity(BLOCK_BYTES),
            block_first: KeyDigest([0; 16]),
            fences: Vec::new(),
            prefixes: Vec::new(),
            segments: Segments::default(),
            oldest: Seconds(u32::MAX),
            newest: Seconds(0),
            unsynced_bytes: 0,
        })
    }

    /// Digests must ascend: a look-up in a run that is not sorted would forget keys.
    pub(super) fn push(&mut self, entry: KeyEntry) -> Result<(), KeyIndexError> {
        if self.block.is_empty() {
            self.block_first = entry.key;
        }
        self.block.extend_from_slice(&entry.to_bytes());
        self.prefixes.push(entry.key.prefix());
        self.keys += 1;
        self.oldest = self.oldest.min(entry.at);
        self.newest = self.newest.max(entry.at);
        if self.block.len() == BLOCK_BYTES {
            self.end_block()?;
        }
        if self.prefixes.len() == SEGMENT_KEYS {
            self.end_segment();
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), KeyIndexError> {
        self.file.write_all(&self.block).map_err(KeyIndexError::io("write", &self.path(UNFINISHED)))?;
        self.fences.push(Fence::of_block(self.block_first, &self.block));
        self.unsynced_bytes += self.block.len() as u64;
        self.block.clear();
        if self.unsynced_bytes >= SYNC_EVERY_BYTES {
            self.unsynced_bytes = 0;
            self.file.get_ref().sync_data().map_err(KeyIndexError::io("sync", &self.path(UNFINISHED)))?;
        }
        Ok(())
    }

    fn end_segment(&mut self) {
        let first_prefix = self.prefixes[0];
        self.segments.push(first_prefix, Filter::build(&mut self.prefixes));
        self.prefixes.clear();
    }

    fn finish(mut self, labels: Labels) -> Result<Run, KeyIndexError> {
        let path = self.path(UNFINISHED);
        if !self.block.is_empty() {
            self.end_block()?;
        }
        if !self.prefixes.is_empty() {
            self.end_segment();
        }
        let footer = self.write_index(labels).map_err(KeyIndexError::io("write", &path))?;
        let file = self.file.into_inner().map_err(|failed| KeyIndexError::io("write", &path)(failed.into_error()))?;
        file.sync_all().map_err(KeyIndexError::io("sync", &path))?;

        // Dies the process before the rename, the next start removes the file; the entries are still in the commit log, or
        // in the runs that were to be merged. The rename is durable only after the folder is synced.
        let finished = run_path(&self.folder, self.sequence, FINISHED);
        crash_point::pass("keys.written");
        fs::rename(&path, &finished).map_err(KeyIndexError::io("rename", &path))?;
        crash_point::pass("keys.named");
        sync_folder(&self.folder)?;
        Ok(Run { path: finished, file, sequence: self.sequence, footer, fences: self.fences, segments: self.segments })
    }

    fn write_index(&mut self, labels: Labels) -> std::io::Result<Footer> {
        let mut index = Hashing::new(&mut self.file);
        for fence in &self.fences {
            fence.write_to(&mut index)?;
        }
        for filter in self.segments.filters() {
            filter.write_to(&mut index)?;
        }
        let footer = Footer {
            tier: labels.tier,
            keys: self.keys,
            index_bytes: index.bytes,
            oldest: self.oldest,
            newest: self.newest,
            through: labels.through,
        };
        let hash = index.hash;
        self.file.write_all(&footer.to_bytes(hash))?;
        Ok(footer)
    }

    fn path(&self, ending: &str) -> PathBuf {
        run_path(&self.folder, self.sequence, ending)
    }
}

/// What a run says about itself beside its entries.
pub(super) struct Labels {
    pub(super) tier: u32,
    pub(super) through: u64,
}

pub(super) fn run_path(folder: &Path, sequence: u64, ending: &str) -> PathBuf {
    folder.join(format!("{sequence:020}.{ending}"))
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), KeyIndexError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(KeyIndexError::io("sync", folder))
}
