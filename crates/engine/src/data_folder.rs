//! The data folder belongs to one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use url::Url;

/// The file that is locked.
pub const LOCK: &str = "lock";
/// A folder in which a restore keeps what is not complete.
pub const RESTORING: &str = ".annals-restoring";
/// Holds the URL of the lake that was made for this folder.
const LAKE_NOTE: &str = "lake-url";
/// Every lake has it.
const TABLE: &str = "audit_events";

/// Messages are for an operator: what is wrong with which path.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error("the data folder {path} cannot be written: {source}", path = path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("the data folder {path} is in use by another annals process", path = path.display())]
    InUse { path: PathBuf },
    #[error("the {what} {path} is in use by another annals process", path = path.display())]
    ClaimedElsewhere { what: &'static str, path: PathBuf },
    #[error("a restore into {path} was not finished: run `annals restore` again", path = path.display())]
    HalfRestored { path: PathBuf },
    #[error("the lake in {lake} is not there: is its disk mounted? Only if it is lost for good, remove {note}", lake = lake.display(), note = note.display())]
    LakeGone { lake: PathBuf, note: PathBuf },
}

/// A folder that exists, is absolute, can be written, and is locked until this is dropped. The lock ends with the process,
/// also when it is killed.
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
    /// Locks of what another data folder may name too.
    claims: Vec<File>,
}

impl DataFolder {
    /// # Errors
    /// The folder cannot be made or written, another process holds it, or a restore into it was not finished.
    pub fn lock(path: &Path) -> Result<Self, DataFolderError> {
        let folder = Self::lock_to_restore(path)?;
        if folder.path.join(RESTORING).exists() {
            return Err(DataFolderError::HalfRestored { path: path.to_owned() });
        }
        Ok(folder)
    }

    /// Also when a restore into it was not finished.
    ///
    /// # Errors
    /// The folder cannot be made or written, or another process holds it.
    pub fn lock_to_restore(path: &Path) -> Result<Self, DataFolderError> {
        let unwritable = |source| DataFolderError::Unwritable { path: path.to_owned(), source };
        create_private(path).map_err(unwritable)?;
        let path_absolute = path.canonicalize().map_err(unwritable)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(path_absolute.join(LOCK)).map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path_absolute, _lock: lock, claims: Vec::new() }),
            Err(TryLockError::WouldBlock) => Err(DataFolderError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unwritable(source)),
        }
    }

    /// Before a database is opened: a second server on it would take the shard from the first, even if its own start fails later.
    ///
    /// # Errors
    /// Another process has claimed it.
    pub fn claim_database(&mut self, file: &Path) -> Result<(), DataFolderError> {
        let mut name = file.as_os_str().to_owned();
        // Not the file itself: closing it anywhere in this process would end SQLite's own locks.
        name.push(".lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(PathBuf::from(name));
        self.claim("database", file, lock)
    }

    /// Before a lake is opened, which sweeps what dead writers left, and after, when the opening made its folder: two writers would
    /// undo each other's entries.
    ///
    /// # Errors
    /// Another process has claimed it.
    pub fn claim_lake(&mut self, url: &Url) -> Result<(), DataFolderError> {
        // The folder itself: a lake may be mounted read-only.
        url.to_file_path().map_or(Ok(()), |folder| self.claim("lake", &folder, File::open(&folder)))
    }

    fn claim(&mut self, what: &'static str, path: &Path, lock: io::Result<File>) -> Result<(), DataFolderError> {
        // What is not there, or cannot be opened, whoever opens it next says better.
        let Ok(lock) = lock else { return Ok(()) };
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Err(DataFolderError::ClaimedElsewhere { what, path: path.to_owned() }),
            // Some network file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {
                self.claims.push(lock);
                Ok(())
            }
        }
    }

    /// Before a lake is opened, which makes one where there is none: an unmounted disk leaves an empty folder behind, and must not be
    /// taken for a new installation.
    ///
    /// # Errors
    /// A lake was made there once, and is not there now.
    pub fn check_lake(&self, url: &Url) -> Result<(), DataFolderError> {
        let (note, Ok(lake)) = (self.path.join(LAKE_NOTE), url.to_file_path()) else { return Ok(()) };
        let was_made = std::fs::read_to_string(&note).is_ok_and(|noted| noted == url.as_str());
        if was_made && !lake.join(TABLE).exists() { Err(DataFolderError::LakeGone { lake, note }) } else { Ok(()) }
    }

    /// After it was opened. Not worth a failed start: the next one tries again.
    pub fn note_lake(&self, url: &Url) {
        let note = self.path.join(LAKE_NOTE);
        if !std::fs::read_to_string(&note).is_ok_and(|noted| noted == url.as_str())
            && let Err(error) = std::fs::write(&note, url.as_str())
        {
            tracing::warn!(%error, "the place of the lake is not noted");
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Audit logs are nobody else's business: a new folder is its owner's alone.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_and_a_lake_have_one_owner() {
        let (one, two, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mut one, mut two) = (DataFolder::lock(one.path()).unwrap(), DataFolder::lock(two.path()).unwrap());
        let (database, lake) = (disk.path().join("annals.db"), Url::from_directory_path(disk.path()).unwrap());
        one.claim_database(&database).unwrap();
        one.claim_lake(&lake).unwrap();
        assert!(matches!(two.claim_database(&database), Err(DataFolderError::ClaimedElsewhere { what: "database", .. })));
        assert!(matches!(two.claim_lake(&lake), Err(DataFolderError::ClaimedElsewhere { what: "lake", .. })));
        drop(one);
        two.claim_database(&database).unwrap();
        two.claim_lake(&lake).unwrap();
    }

    #[test]
    fn a_lake_that_was_there_must_be_there() {
        let (data, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = DataFolder::lock(data.path()).unwrap();
        let url = Url::from_directory_path(disk.path()).unwrap();
        assert!(folder.check_lake(&url).is_ok(), "a new one");
        std::fs::create_dir(disk.path().join(TABLE)).unwrap();
        folder.note_lake(&url);
        assert!(folder.check_lake(&url).is_ok());
        std::fs::remove_dir(disk.path().join(TABLE)).unwrap();
        assert!(matches!(folder.check_lake(&url), Err(DataFolderError::LakeGone { .. })));
        let elsewhere = Url::parse("file:///elsewhere/").unwrap();
        assert!(folder.check_lake(&elsewhere).is_ok(), "another place");
    }
}
