//! The Events API (wire contract §6), below HTTP: events of an environment, published by the application or told by the server's own
//! changes, read in the order of their commits.

mod publish;
mod reading;

use std::sync::Arc;

pub use publish::{PublishError, PublishReceipt};
pub use reading::{FeedQuery, Names};

use crate::commit_log::CommitLog;
use crate::tenants::Tenants;

/// Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    tenants: Tenants,
    log: Arc<CommitLog>,
}

impl Feed {
    pub(crate) fn new(tenants: Tenants, log: Arc<CommitLog>) -> Self {
        Self { tenants, log }
    }
}
