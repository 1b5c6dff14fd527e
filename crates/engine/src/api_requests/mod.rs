//! The API-request log (wire contract §8): one entry for each request that somebody made to an application, and for the requests to this
//! server itself.

mod own;
mod publish;
mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use crate::read::api_requests::{Direction, Place, RequestFilter, Side, Sort, SortField};
use annals_core::ids::EnvironmentId;
use annals_core::record::ApiRequest;
pub use own::{NotRecorded, OwnRequest, Requester};
pub use publish::{EntriesError, Entry, Receipt};
pub use reading::{RequestsError, RequestsPage, RequestsQuery};

use crate::commit_log::CommitLog;
use crate::lake::Lake;
use crate::read::{ReadError, Reader, ReadingRoom};
use crate::tenants::Tenants;

/// Cheap to clone.
#[derive(Clone)]
pub struct ApiRequests {
    tenants: Tenants,
    log: Arc<CommitLog>,
    lake: Lake,
    reader: Reader<ApiRequest>,
    room: ReadingRoom,
    /// Where requests go whose key says nothing of an environment.
    first_environment: EnvironmentId,
}

impl ApiRequests {
    /// # Errors
    /// DataFusion cannot be set up.
    pub(crate) fn new(
        tenants: Tenants,
        log: Arc<CommitLog>,
        lake: Lake,
        first_environment: EnvironmentId,
        room: ReadingRoom,
    ) -> Result<Self, ReadError> {
        let reader = Reader::new(&lake.api_requests)?;
        Ok(Self { tenants, log, lake, reader, room, first_environment })
    }
}
