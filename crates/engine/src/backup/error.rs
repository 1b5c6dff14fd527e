//! Why there is no backup, or no installation out of one, by what the operator does next.

use std::path::PathBuf;

use crate::commit_log::keys::KeyIndexError;
use crate::data_folder::DataFolderError;
use crate::lake::LakeError;
use crate::place::LakeUrlError;
use crate::store::{ConnectError, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("the database cannot be opened: {0}")]
    Database(#[from] ConnectError),
    /// `Damaged`: no copy of it is made; a doctor says more.
    #[error("the database cannot be copied: {0}")]
    Store(#[from] StoreError),
    #[error("no server has ever run here: there is nothing to copy")]
    Nothing,
    #[error("{to} is inside of {of}, which is copied: choose another folder", to = to.display(), of = of.display())]
    Inside { to: PathBuf, of: PathBuf },
    #[error("{to} holds {of}, which is copied: choose another folder", to = to.display(), of = of.display())]
    Around { to: PathBuf, of: PathBuf },
    #[error(transparent)]
    LakeUrl(#[from] LakeUrlError),
    #[error("the lake cannot be copied: {0}")]
    Lake(#[from] LakeError),
    #[error("idempotency keys cannot be copied: {0}")]
    Keys(#[from] KeyIndexError),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error("{path} cannot be read: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// Try again when fewer merges and deletions are going on.
    #[error("the data kept changing while it was copied")]
    KeptChanging,
    #[error("the copying broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl BackupError {
    /// The installation itself is damaged: a doctor says more.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Damaged { .. })
                | Self::Database(ConnectError::Foreign { .. } | ConnectError::Store(StoreError::Damaged { .. }))
                | Self::Lake(LakeError::Damaged(_))
                | Self::Keys(KeyIndexError::Damaged { .. })
        )
    }

    /// There is no installation.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Nothing | Self::Database(ConnectError::Empty { .. }) => true,
            Self::Database(ConnectError::File { source, .. }) => source.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Of a URL this program does not know the kind, or the place of backups is no good one.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        matches!(
            self,
            Self::Database(ConnectError::Url(_))
                | Self::LakeUrl(_)
                | Self::Shelf(ShelfError::Url(_))
                | Self::Inside { .. }
                | Self::Around { .. }
        )
    }

    /// The same may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Lake(LakeError::Unavailable(_)) | Self::Store(StoreError::Unavailable(_)) | Self::KeptChanging => true,
            Self::Shelf(error) => error.is_passing(),
            _ => false,
        }
    }
}

impl ShelfError {
    /// There is no such folder.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Folder { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }

    /// The URL is of a kind that this program does not know.
    #[must_use]
    pub fn is_wrong_url(&self) -> bool {
        matches!(self, Self::Url(_))
    }

    /// The same may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::InUse { .. } | Self::Storage(_))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error("there is no backup in {0}")]
    NoBackup(String),
    #[error("there is no backup {name} in {shelf}")]
    NotFound { shelf: String, name: String },
    #[error("backup {name} has format {found}, made by a newer annals: run that one, this one knows formats up to {known}")]
    Newer { name: String, found: u32, known: u32 },
    /// Nothing was restored. Another backup may be whole.
    #[error("backup {name} is damaged: {what}")]
    Damaged { name: String, what: String },
    #[error("the folder {path} is not empty: a backup is only restored into an empty one", path = path.display())]
    NotEmpty { path: PathBuf },
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    #[error("{path} cannot be written: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the restoring broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// What is wrong with the place of backups.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("backups cannot be kept at {0}: use a folder, or s3://bucket/prefix")]
    Url(String),
    #[error("{path} cannot be used: {source}", path = path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("another backup is being written into {path}", path = path.display())]
    InUse { path: PathBuf },
    #[error("the place of backups does not answer: {0}")]
    Storage(#[from] object_store::Error),
}
