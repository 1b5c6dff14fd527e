//! One sealed run: immutable entries on disk, their filters and fences in memory. Never answers from a block whose checksum
//! is wrong.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::entry::{ENTRY_BYTES, KeyDigest, KeyEntry};
use super::error::KeyIndexError;
use super::filter::Filter;
use super::run_file::{BLOCK_BYTES, BLOCK_KEYS, FOOTER_BYTES, Fence, Footer, Hashing, SEGMENT_BLOCKS, entries_of};

pub(super) struct Run {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) sequence: u64,
    pub(super) footer: Footer,
    /// One for each block: 24 bytes for 128 keys buys look-ups that read one page and never guess.
    pub(super) fences: Vec<Fence>,
    pub(super) segments: Segments,
}

/// The filters of a run. The prefixes lie together because every probe searches them: beside the filters, each step of that
/// search would be a cache miss.
#[derive(Default)]
pub(super) struct Segments {
    first_prefixes: Vec<u64>,
    filters: Vec<Filter>,
}

impl Segments {
    pub(super) fn push(&mut self, first_prefix: u64, filter: Filter) {
        self.first_prefixes.push(first_prefix);
        self.filters.push(filter);
    }

    pub(super) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    fn may_hold(&self, prefix: u64) -> bool {
        // A prefix that runs over the border of two segments is also the second one's first, so the later one is enough.
        let after = self.first_prefixes.partition_point(|first| *first <= prefix);
        after > 0 && self.filters[after - 1].may_hold(prefix)
    }
}

impl Run {
    /// Reads and checks everything but the entries.
    pub(super) fn open(path: PathBuf, sequence: u64) -> Result<Run, KeyIndexError> {
        let file = File::open(&path).map_err(KeyIndexError::io("open", &path))?;
        let bytes = file.metadata().map_err(KeyIndexError::io("read", &path))?.len();
        let Some(footer_start) = bytes.checked_sub(FOOTER_BYTES as u64) else {
            return Err(KeyIndexError::damaged(&path, "it is shorter than a footer"));
        };
        let mut footer_bytes = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer_bytes, footer_start).map_err(KeyIndexError::io("read", &path))?;
        let footer = Footer::from_bytes(&footer_bytes, &path)?;
        if footer.file_bytes() != Some(bytes) {
            return Err(KeyIndexError::damaged(&path, "its length is not what its footer says"));
        }
        let index_start = footer_start - footer.index_bytes;
        (&file).seek(SeekFrom::Start(index_start)).map_err(KeyIndexError::io("read", &path))?;
        let mut index = Hashing::new(BufReader::new(&file).take(footer.index_bytes));
        let (fences, segments) = read_index(&mut index, footer.keys).map_err(|failed| match failed.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                KeyIndexError::damaged(&path, "its index cannot be read")
            }
            _ => KeyIndexError::io("read", &path)(failed),
        })?;
        if !Footer::is_intact(&footer_bytes, index.hash) {
            return Err(KeyIndexError::damaged(&path, "the checksum of its index is wrong"));
        }
        Ok(Run { path, file, sequence, footer, fences, segments })
    }

    /// False means certainly not. Costs no I/O.
    pub(super) fn may_hold(&self, key: KeyDigest) -> bool {
        self.segments.may_hold(key.prefix())
    }

    /// The exact look: at most one page is read.
    pub(super) fn find(&self, key: KeyDigest) -> Result<Option<KeyEntry>, KeyIndexError> {
        let Some(block) = self.fences.partition_point(|fence| fence.first <= key).checked_sub(1) else {
            return Ok(None);
        };
        let mut buffer = [0; BLOCK_BYTES];
        let bytes = &mut buffer[..self.bytes_of_blocks(block, 1)];
        self.read_blocks(block, bytes)?;
        let entries = bytes.as_chunks::<ENTRY_BYTES>().0;
        let found = entries.binary_search_by_key(&key, |entry| KeyEntry::from_bytes(entry).key);
        Ok(found.ok().map(|position| KeyEntry::from_bytes(&entries[position])))
    }

    /// The entries of up to `blocks` blocks, into a buffer that is used again.
    pub(super) fn read_entries(
        &self,
        first_block: usize,
        blocks: usize,
        bytes: &mut Vec<u8>,
        entries: &mut Vec<KeyEntry>,
    ) -> Result<(), KeyIndexError> {
        bytes.resize(self.bytes_of_blocks(first_block, blocks), 0);
        self.read_blocks(first_block, bytes)?;
        entries.clear();
        entries.extend(entries_of(bytes));
        Ok(())
    }

    fn bytes_of_blocks(&self, first_block: usize, blocks: usize) -> usize {
        let rest = self.footer.keys as usize - first_block * BLOCK_KEYS;
        rest.min(blocks * BLOCK_KEYS) * ENTRY_BYTES
    }

    fn read_blocks(&self, first_block: usize, bytes: &mut [u8]) -> Result<(), KeyIndexError> {
        let start = first_block as u64 * BLOCK_BYTES as u64;
        self.file.read_exact_at(bytes, start).map_err(KeyIndexError::io("read", &self.path))?;
        let mut blocks = self.fences[first_block..].iter().zip(bytes.chunks(BLOCK_BYTES));
        if blocks.any(|(fence, block)| !fence.matches(block)) {
            return Err(KeyIndexError::damaged(&self.path, "the checksum of a block of entries is wrong"));
        }
        Ok(())
    }
}

/// The sequence number in the name of a finished run, `None` for any other file.
pub(super) fn sequence_of(path: &Path, ending: &str) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(ending)?.strip_suffix('.')?.parse().ok()
}

fn read_index(index: &mut impl Read, keys: u64) -> io::Result<(Vec<Fence>, Segments)> {
    let blocks = keys.div_ceil(BLOCK_KEYS as u64);
    let fences = (0..blocks).map(|_| Fence::read_from(index)).collect::<io::Result<Vec<_>>>()?;
    let mut segments = Segments::default();
    for fence in fences.iter().step_by(SEGMENT_BLOCKS) {
        segments.push(fence.first.prefix(), Filter::read_from(index)?);
    }
    Ok((fences, segments))
}
