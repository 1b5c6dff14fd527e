//! The data folder belongs to one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Messages are for an operator: what is wrong with which path.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error("the data folder {path} cannot be written: {source}", path = path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("the data folder {path} is in use by another annals process", path = path.display())]
    InUse { path: PathBuf },
}

/// A folder that exists, is absolute, can be written, and is locked until this is dropped. The lock ends with the process,
/// also when it is killed.
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// # Errors
    /// The folder cannot be made or written, or another process holds it.
    pub fn lock(path: &Path) -> Result<Self, DataFolderError> {
        let unwritable = |source| DataFolderError::Unwritable { path: path.to_owned(), source };
        create_private(path).map_err(unwritable)?;
        let path_absolute = path.canonicalize().map_err(unwritable)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(path_absolute.join("lock")).map_err(unwritable)?;
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
