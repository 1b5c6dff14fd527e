//! Why events cannot be shown, by what the caller does next.

use super::{BUCKETS_MAX, GROUPS_MAX};
use crate::read::ReadError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum AuditEventsError {
    /// The organization that the filter names, or the key may not see it.
    #[error("organization not found")]
    OrganizationNotFound,
    #[error("audit event not found")]
    NotFound,
    /// Ask for a longer interval or a shorter range.
    #[error("more than {BUCKETS_MAX} buckets")]
    TooManyBuckets,
    /// Ask for a narrower filter.
    #[error("too many groups: at most {GROUPS_MAX} are counted, and fewer when their keys are long or fall into many buckets")]
    TooManyGroups,
    /// Try again later.
    #[error("audit events cannot be read now: {0}")]
    Unavailable(#[source] ReadError),
    /// A person must look.
    #[error("audit events cannot be read: {0}")]
    Damaged(#[source] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ReadError> for AuditEventsError {
    fn from(error: ReadError) -> Self {
        if error.is_passing() { Self::Unavailable(error) } else { Self::Damaged(error) }
    }
}
