//! Key runs that belong to a copy of the database: all keys of commits that were released by then, none of commits that came later.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use annals_core::ids::CommitNumber;

use super::error::BackupError;
use crate::commit_log::keys::{KeyIndexError, look};

/// A run that is open, so that a merge cannot take it away.
pub struct OpenRun {
    pub name: String,
    pub file: File,
    pub bytes: u64,
}

pub struct Runs {
    folder: PathBuf,
    /// By path, as they sort by age.
    open: Vec<OpenRun>,
    names: BTreeSet<PathBuf>,
}

/// What came since then cannot be told apart: begin again.
#[derive(Debug, PartialEq, Eq)]
pub struct Mixed;

impl Runs {
    /// Those that are there now.
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        let mut runs = Self { folder: folder.to_owned(), open: Vec::new(), names: BTreeSet::new() };
        // A run that was merged away while the folder was listed is in its successor: whoever finds none missing has them all.
        while !runs.open_all()? {
            runs.open.clear();
            runs.names.clear();
        }
        Ok(runs)
    }

    fn open_all(&mut self) -> Result<bool, BackupError> {
        for path in self.list()? {
            if !self.add(path)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Those that came while the database was copied, whose last commit is `last`.
    pub fn add_through(&mut self, last: CommitNumber) -> Result<Result<(), Mixed>, BackupError> {
        for path in self.list()? {
            if self.names.contains(&path) {
                continue;
            }
            let facts = match look::facts(&path) {
                Err(KeyIndexError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Err(Mixed)),
                facts => facts?,
            };
            if facts.through <= last.get() {
                if !self.add(path)? {
                    return Ok(Err(Mixed));
                }
            } else if facts.is_merged {
                return Ok(Err(Mixed));
            }
            // A seal of later commits: what it has of earlier ones was not released, so the copy of the log has it.
        }
        Ok(Ok(()))
    }

    pub fn into_open(self) -> Vec<OpenRun> {
        self.open
    }

    fn list(&self) -> Result<Vec<PathBuf>, BackupError> {
        look::runs(&self.folder).map_err(|source| BackupError::File { path: self.folder.clone(), source })
    }

    /// Whether it was still there.
    fn add(&mut self, path: PathBuf) -> Result<bool, BackupError> {
        let unreadable = |source| BackupError::File { path: path.clone(), source };
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(unreadable)?,
        };
        let bytes = file.metadata().map_err(unreadable)?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.open.push(OpenRun { name, file, bytes });
        self.names.insert(path);
        Ok(true)
    }
}
