//! The bytes of a run file. Decides nothing about when a run is written, read or deleted.
//!
//! ```text
//! entries   32 bytes each, ascending by digest, every digest once. They start at offset 0, so a block of 128 is one page
//! index     for each block: first digest (16), checksum of the block (8); then one filter for each segment of 131,072 keys
//! footer    64 bytes: magic, version, tier, counts, times, checksum over the index and the footer itself
//! ```
//!
//! The footer comes last because a merge learns the counts while it streams. A torn file has no footer at its end, or a
//! length that differs from the footer's. Checksums are the first bytes of SHA-256: against accidents, not against people.
//!
//! **A flipped bit** in the index or the footer is noticed when the file is opened, one in an entry when its block is read,
//! by a look-up or a merge. The filters are checked at open and say which blocks matter, so no answer ever comes from
//! unchecked bytes, and a start does not have to read gigabytes that it may never need.

use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::entry::{ENTRY_BYTES, KeyDigest, KeyEntry, Seconds};
use super::error::KeyIndexError;

pub(super) const BLOCK_KEYS: usize = 128;
pub(super) const BLOCK_BYTES: usize = BLOCK_KEYS * ENTRY_BYTES;

/// Keys under one filter. Building a filter takes about 34 bytes a key, so this is what bounds the memory of a merge.
pub(super) const SEGMENT_KEYS: usize = 1 << 17;
pub(super) const SEGMENT_BLOCKS: usize = SEGMENT_KEYS / BLOCK_KEYS;
const _: () = assert!(SEGMENT_KEYS.is_multiple_of(BLOCK_KEYS));

pub(super) const FOOTER_BYTES: usize = 64;
const FOOTER_FIELDS_BYTES: usize = 48;
const MAGIC: [u8; 8] = *b"annalsK\n";
const VERSION: u32 = 1;

/// The first digest of a block, and the checksum that the block must have.
pub(super) struct Fence {
    pub(super) first: KeyDigest,
    pub(super) checksum: [u8; 8],
}

impl Fence {
    pub(super) fn of_block(first: KeyDigest, block: &[u8]) -> Fence {
        Fence { first, checksum: first_bytes(Sha256::new_with_prefix(block)) }
    }

    pub(super) fn matches(&self, block: &[u8]) -> bool {
        self.checksum == first_bytes(Sha256::new_with_prefix(block))
    }

    pub(super) fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.first.0)?;
        out.write_all(&self.checksum)
    }

    pub(super) fn read_from(input: &mut impl Read) -> io::Result<Fence> {
        let mut fence = Fence { first: KeyDigest([0; 16]), checksum: [0; 8] };
        input.read_exact(&mut fence.first.0)?;
        input.read_exact(&mut fence.checksum)?;
        Ok(fence)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) tier: u32,
    pub(super) keys: u64,
    pub(super) index_bytes: u64,
    pub(super) oldest: Seconds,
    pub(super) newest: Seconds,
    /// The last commit whose keys are in this run.
    pub(super) through: u64,
}

impl Footer {
    pub(super) fn file_bytes(&self) -> Option<u64> {
        self.keys.checked_mul(ENTRY_BYTES as u64)?.checked_add(self.index_bytes)?.checked_add(FOOTER_BYTES as u64)
    }

    /// `index` has seen every byte of the index.
    pub(super) fn to_bytes(self, index: Sha256) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.tier.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.keys.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.index_bytes.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.oldest.0.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.newest.0.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.through.to_le_bytes());
        let checksum = Footer::checksum(index, &bytes);
        bytes[48..].copy_from_slice(&checksum);
        bytes
    }

    /// The checksum is not looked at yet: that needs the index, and the footer says where the index is.
    pub(super) fn from_bytes(bytes: &[u8; FOOTER_BYTES], path: &Path) -> Result<Footer, KeyIndexError> {
        if bytes[..8] != MAGIC {
            return Err(KeyIndexError::damaged(path, "it does not end in a footer"));
        }
        let version = u32::from_le_bytes(part(bytes, 8));
        if version != VERSION {
            return Err(KeyIndexError::UnknownVersion { path: path.to_path_buf(), version });
        }
        Ok(Footer {
            tier: u32::from_le_bytes(part(bytes, 12)),
            keys: u64::from_le_bytes(part(bytes, 16)),
            index_bytes: u64::from_le_bytes(part(bytes, 24)),
            oldest: Seconds(u32::from_le_bytes(part(bytes, 32))),
            newest: Seconds(u32::from_le_bytes(part(bytes, 36))),
            through: u64::from_le_bytes(part(bytes, 40)),
        })
    }

    pub(super) fn is_intact(bytes: &[u8; FOOTER_BYTES], index: Sha256) -> bool {
        bytes[FOOTER_FIELDS_BYTES..] == Footer::checksum(index, bytes)
    }

    fn checksum(index: Sha256, bytes: &[u8; FOOTER_BYTES]) -> [u8; 16] {
        first_bytes(index.chain_update(&bytes[..FOOTER_FIELDS_BYTES]))
    }
}

/// The entries of a block whose checksum was right.
pub(super) fn entries_of(block: &[u8]) -> impl ExactSizeIterator<Item = KeyEntry> {
    block.as_chunks::<ENTRY_BYTES>().0.iter().map(KeyEntry::from_bytes)
}

/// Passes bytes through and remembers their hash and how many they were.
pub(super) struct Hashing<T> {
    inner: T,
    pub(super) hash: Sha256,
    pub(super) bytes: u64,
}

impl<T> Hashing<T> {
    pub(super) fn new(inner: T) -> Hashing<T> {
        Hashing { inner, hash: Sha256::new(), bytes: 0 }
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hash.update(&bytes[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

fn first_bytes<const N: usize>(hash: Sha256) -> [u8; N] {
    const { assert!(N <= 32) };
    let mut first = [0; N];
    first.copy_from_slice(&hash.finalize()[..N]);
    first
}

fn part<const N: usize>(bytes: &[u8; FOOTER_BYTES], start: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[start..start + N]);
    part
}
