//! Why events cannot be read, by what the caller does next.

use std::error::Error;

use datafusion::error::DataFusionError;

use crate::lake::LakeError;
use crate::lake::columns::ColumnsError;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Storage or memory; try again later.
    #[error("events cannot be read: {0}")]
    Unavailable(#[source] DataFusionError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A person must look.
    #[error("a data file is damaged: {0}")]
    Damaged(#[from] ColumnsError),
}

impl ReadError {
    /// Whether the same may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Lake(LakeError::Unavailable(_)) => true,
            Self::Damaged(_) | Self::Lake(LakeError::Damaged(_)) => false,
        }
    }
}

impl From<DataFusionError> for ReadError {
    /// What the lake's files say of themselves passes through Parquet and DataFusion, which wrap it.
    fn from(error: DataFusionError) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if let Some(LakeError::Damaged(why)) = current.downcast_ref() {
                return Self::Lake(LakeError::damaged(why.to_string()));
            }
            cause = current.source();
        }
        Self::Unavailable(error)
    }
}

impl From<tokio::task::JoinError> for ReadError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Unavailable(DataFusionError::External(Box::new(error)))
    }
}

impl From<arrow::error::ArrowError> for ReadError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Unavailable(error.into())
    }
}
