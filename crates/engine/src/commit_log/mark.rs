//! How far the log has come, in a small file of its own. An end of the write-ahead log that is cut off looks to SQLite like one that was
//! never written, and acknowledged commits would be gone without a word: the mark remembers their number.
//!
//! It is written after every commit and never synced, so a commit costs no second fsync. A power cut may leave an older mark, which is
//! always below what the database kept: only a database that was cut, or is an older copy, is behind its mark. Every answered change has
//! its entry in the API-request log, so it is covered too.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use annals_core::ids::{CommitNumber, ShardId};

/// shard:u32 LE ‖ number:u64 LE ‖ CRC-32 of both.
const BYTES: usize = 16;
const SUMMED_BYTES: usize = 12;

/// Belongs to the one thread that commits.
pub(super) struct Mark {
    file: File,
    path: PathBuf,
    shard: ShardId,
    failed: bool,
}

impl Mark {
    pub fn open(path: &Path, shard: ShardId) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        Ok(Self { file, path: path.to_owned(), shard, failed: false })
    }

    /// This commit is durable. Without a mark it is so all the same.
    pub fn note(&mut self, number: CommitNumber) {
        if let Err(error) = self.file.write_all_at(&encode(self.shard, number), 0)
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::warn!(%error, path = %self.path.display(), "the number of the last commit cannot be noted");
        }
    }
}

fn encode(shard: ShardId, number: CommitNumber) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..4].copy_from_slice(&shard.get().to_le_bytes());
    bytes[4..SUMMED_BYTES].copy_from_slice(&number.get().to_le_bytes());
    let sum = crc32fast::hash(&bytes[..SUMMED_BYTES]);
    bytes[SUMMED_BYTES..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The last commit that is known to have been durable, and its shard; `None` when nobody knows: there is no mark, or it was torn.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(path: &Path) -> io::Result<Option<(ShardId, CommitNumber)>> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    let Some(shard) = bytes.first_chunk().map(|shard| ShardId::new(u32::from_le_bytes(*shard))) else { return Ok(None) };
    let number = bytes.get(4..SUMMED_BYTES).and_then(|number| Some(u64::from_le_bytes(number.try_into().ok()?)));
    let number = number.and_then(CommitNumber::new).filter(|number| bytes == encode(shard, *number));
    Ok(number.map(|number| (shard, number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_and_anything_else_is_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, shard) = (folder.path().join("mark"), ShardId::new(7));
        let number = |n| CommitNumber::new(n).expect("small");
        assert_eq!(read(&path).expect("readable"), None);
        for n in [5, 6, 1 << 39] {
            // Each time by another process.
            Mark::open(&path, shard).expect("writable").note(number(n));
            assert_eq!(read(&path).expect("readable"), Some((shard, number(n))));
        }
        let good = std::fs::read(&path).expect("readable");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).expect("writable");
            assert_eq!(read(&path).expect("readable"), None, "byte {at}");
            std::fs::write(&path, &good[..at]).expect("writable");
            assert_eq!(read(&path).expect("readable"), None, "cut at {at}");
        }
    }
}
