//! The data folder belongs to one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file that is locked.
pub const LOCK: &str = "lock";
/// A folder in which a restore keeps what is not complete.
pub const RESTORING: &str = ".annals-restoring";

/// Messages are for an operator: what is wrong with which path.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error("the data folder {path} cannot be written: {source}", path = path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("the data folder {path} is in use by another annals process", path = path.display())]
    InUse { path: PathBuf },
    #[error("a restore into {path} was not finished: run `annals restore` again", path = path.display())]
    HalfRestored { path: PathBuf },
}

/// A folder that exists, is absolute, can be written, and is locked until this is dropped. The lock ends with the process,
/// also when it is killed.
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
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
            Ok(()) => Ok(Self { path: path_absolute, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataFolderError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unwritable(source)),
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
