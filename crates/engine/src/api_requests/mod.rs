//! The API-request log (wire contract §8): one entry for each request that somebody made to an application, and for the requests to this
//! server itself.

mod in_memory;
mod own;
mod publish;
mod query;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use annals_core::ids::{ApiRequestId, EnvironmentId, OrganizationId};
use annals_core::record::ApiRequest;

pub use own::{NotRecorded, OwnRequest, Requester};
pub use publish::{EntriesError, Entry, Receipt};
pub use query::{Direction, Place, RequestFilter, RequestsPage, RequestsQuery, Side, Sort, SortField};

use crate::commit_log::CommitLog;
use crate::tenants::{Scope, Tenants};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestsError {
    /// 404: not there, or not this key's business.
    #[error("API request not found")]
    NotFound,
    /// 404: the filter names an organization that this key may not see.
    #[error("organization not found")]
    OrganizationNotFound(OrganizationId),
}

/// Cheap to clone.
#[derive(Clone)]
pub struct ApiRequests {
    tenants: Tenants,
    log: Arc<CommitLog>,
    /// Where requests go whose key says nothing of an environment.
    first_environment: EnvironmentId,
}

impl ApiRequests {
    pub(crate) fn new(tenants: Tenants, log: Arc<CommitLog>, first_environment: EnvironmentId) -> Self {
        Self { tenants, log, first_environment }
    }

    /// Entries of the caller's environment; an organization's key sees those of its organization only.
    ///
    /// # Errors
    /// `OrganizationNotFound`.
    pub async fn list(&self, scope: &Scope, query: &RequestsQuery) -> Result<RequestsPage, RequestsError> {
        let organization = match (scope.organization_id(), query.filter.organization) {
            (Some(own), Some(asked)) if own != asked => return Err(RequestsError::OrganizationNotFound(asked)),
            (own, asked) => own.or(asked),
        };
        let filter = RequestFilter { organization, ..query.filter.clone() };
        Ok(in_memory::page(self.log.tail(), scope.environment_id(), &RequestsQuery { filter, ..query.clone() }))
    }

    /// # Errors
    /// `NotFound`: not there, or not visible to this key.
    pub async fn get(&self, scope: &Scope, id: ApiRequestId) -> Result<ApiRequest, RequestsError> {
        let visible = |request: &ApiRequest| match request.organization {
            Some(organization) => scope.may_see(request.environment, organization),
            None => scope.environment().is_ok_and(|own| own.environment_id() == request.environment),
        };
        in_memory::find(self.log.tail(), id).filter(visible).ok_or(RequestsError::NotFound)
    }
}
