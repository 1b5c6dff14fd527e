//! What can go wrong in the key index. Every variant names the file, because the way out is always a file or a disk.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum KeyIndexError {
    /// The disk failed. Nothing that was sealed before is lost, and the call may be tried again.
    #[error("cannot {doing} {}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    /// Trying again does not help. An operator restores the file, or moves it away and accepts that retries of its hours
    /// are stored a second time.
    #[error("run of idempotency keys {} is damaged: {damage}", path.display())]
    Damaged { path: PathBuf, damage: &'static str },

    /// Written by a newer build. Nothing is wrong with the file.
    #[error("run of idempotency keys {} has format version {version}, made by a newer annals: run that one", path.display())]
    UnknownVersion { path: PathBuf, version: u32 },

    /// Merging did not keep up. Merge first, then seal again; until then the rows stay in the commit log.
    #[error("{} holds {runs} runs of idempotency keys, at most {max} are allowed", folder.display())]
    TooManyRuns { folder: PathBuf, runs: usize, max: usize },
}

impl KeyIndexError {
    /// Made for `map_err`, so that a line of I/O stays one line.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyIndexError {
        let path = path.to_path_buf();
        move |source| KeyIndexError::Io { doing, path, source }
    }

    pub(super) fn damaged(path: &Path, damage: &'static str) -> KeyIndexError {
        KeyIndexError::Damaged { path: path.to_path_buf(), damage }
    }
}
