//! Pages of the log, and single entries, out of tail and lake.

use annals_core::ids::{ApiRequestId, OrganizationId};
use annals_core::record::ApiRequest;

use super::{ApiRequests, Place, RequestFilter, Side, Sort};
use crate::read::api_requests::RequestSelection;
use crate::read::{ReadError, Snapshot};
use crate::tenants::Scope;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestsQuery {
    pub filter: RequestFilter,
    pub sort: Sort,
    /// `None`: the first page.
    pub beside: Option<(Side, Place)>,
    /// At least 1.
    pub limit: u32,
}

/// Entries in the order that was asked for, whichever side of a place they lie on.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestsPage {
    pub items: Vec<ApiRequest>,
    /// Where a page begins, entries came before it: those may be gone when somebody goes back to them.
    pub has_before: bool,
    pub has_after: bool,
    /// Entries that pass the filter, on all pages.
    pub total: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestsError {
    /// 404: not there, or not this key's business.
    #[error("API request not found")]
    NotFound,
    /// 404: the filter names an organization that this key may not see.
    #[error("organization not found")]
    OrganizationNotFound(OrganizationId),
    /// 503 with `Retry-After`.
    #[error("{0}")]
    Unavailable(#[source] ReadError),
    /// 500: a person must look.
    #[error("{0}")]
    Damaged(#[source] ReadError),
}

impl From<ReadError> for RequestsError {
    fn from(error: ReadError) -> Self {
        if error.is_passing() { Self::Unavailable(error) } else { Self::Damaged(error) }
    }
}

impl ApiRequests {
    /// Entries of the caller's environment; an organization's key sees those of its organization only.
    ///
    /// # Errors
    /// The filter names an organization that this key may not see, or entries cannot be read.
    pub async fn list(&self, scope: &Scope, query: &RequestsQuery) -> Result<RequestsPage, RequestsError> {
        let organization = match (scope.organization_id(), query.filter.organization) {
            (Some(own), Some(asked)) if own != asked => return Err(RequestsError::OrganizationNotFound(asked)),
            (own, asked) => own.or(asked),
        };
        let selection = selection(scope, RequestFilter { organization, ..query.filter.clone() });
        let (requests, query) = (self.clone(), query.clone());
        self.room.read(scope.owner(), async move { requests.page(&selection, &query).await }).await
    }

    async fn page(&self, selection: &RequestSelection, query: &RequestsQuery) -> Result<RequestsPage, RequestsError> {
        // One snapshot, so that the number is that of the list which the page is from.
        let snapshot = Snapshot::of_api_requests(self.log.tail(), &self.lake);
        let limit = query.limit as usize;
        // One more than asked tells whether there is another page.
        let mut items = self.reader.requests(&snapshot, selection, &query.sort, query.beside, limit + 1).await?;
        let more = items.len() > limit;
        let total = self.reader.count_requests(&snapshot, selection).await?;
        let (has_before, has_after) = match query.beside {
            None => (false, more),
            Some((Side::After, _)) => (true, more),
            Some((Side::Before, _)) => (more, true),
        };
        match query.beside {
            Some((Side::Before, _)) if more => drop(items.remove(0)),
            _ => items.truncate(limit),
        }
        Ok(RequestsPage { items, has_before, has_after, total })
    }

    /// # Errors
    /// `NotFound` also when the key may not see it; or it cannot be read.
    pub async fn get(&self, scope: &Scope, id: ApiRequestId) -> Result<ApiRequest, RequestsError> {
        let selection = selection(scope, RequestFilter { organization: scope.organization_id(), ..RequestFilter::default() });
        let requests = self.clone();
        let reading = async move {
            let snapshot = Snapshot::of_api_requests(requests.log.tail(), &requests.lake);
            Ok(requests.reader.by_id(&snapshot, &selection, id).await?)
        };
        self.room.read(scope.owner(), reading).await.and_then(|request| request.ok_or(RequestsError::NotFound))
    }
}

fn selection(scope: &Scope, filter: RequestFilter) -> RequestSelection {
    RequestSelection { environment: scope.environment_id(), filter }
}
