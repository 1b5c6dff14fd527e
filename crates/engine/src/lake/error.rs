//! What may go wrong with the lake, by what the caller does next.

use std::error::Error;
use std::io;

use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::TransactionError;

type Cause = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// Try again later: the storage failed, or another writer was quicker. It is not known whether anything was
    /// written; trying again is safe.
    #[error("the lake's storage failed: {0}")]
    Unavailable(#[source] Cause),
    /// Trying again does not help, a person must look: the table is not what this server wrote, or the URL is wrong.
    #[error("the lake is damaged or not ours: {0}")]
    Damaged(#[source] Cause),
}

impl LakeError {
    pub(crate) fn damaged(cause: impl Into<Cause>) -> Self {
        Self::Damaged(cause.into())
    }
    pub(super) fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }
}

impl From<object_store::Error> for LakeError {
    fn from(error: object_store::Error) -> Self {
        if is_missing(&error) { Self::damaged(error) } else { Self::unavailable(error) }
    }
}

impl From<io::Error> for LakeError {
    fn from(error: io::Error) -> Self {
        Self::unavailable(error)
    }
}

impl From<DeltaTableError> for LakeError {
    fn from(error: DeltaTableError) -> Self {
        let lost_race = matches!(
            error,
            DeltaTableError::VersionAlreadyExists(_)
                | DeltaTableError::Transaction {
                    source: TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_)
                }
        );
        if let Some(what) = unsupported(&error) {
            return Self::damaged(format!("{what}: it was made by a newer annals: run that one"));
        }
        if lost_race || storage_failed(&error) { Self::unavailable(error) } else { Self::damaged(error) }
    }
}

/// What of the table's protocol is not known here.
fn unsupported(error: &DeltaTableError) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(delta_kernel::Error::Unsupported(what)) = current.downcast_ref() {
            return Some(what.clone());
        }
        cause = current.source();
    }
    None
}

/// Whether the innermost cause that we know is the storage itself, and not the absence of a file that must be there.
fn storage_failed(error: &DeltaTableError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<object_store::Error>() {
            return !is_missing(error);
        }
        // The kernel does not name the storage's error as its source.
        if let Some(delta_kernel::Error::ObjectStore(error)) = current.downcast_ref() {
            return !is_missing(error);
        }
        let kernel_io = matches!(current.downcast_ref(), Some(delta_kernel::Error::IOError(_)));
        if kernel_io || current.is::<io::Error>() || current.is::<tokio::task::JoinError>() {
            return true;
        }
        cause = current.source();
    }
    false
}

fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
}
