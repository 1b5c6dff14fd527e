//! Entries that an application sends (`POST /v1/audit_logs`): all of a request are kept, or none.

use std::time::Duration;

use annals_core::ids::{ApiRequestId, OrganizationId};
use annals_core::record::NewApiRequest;
use sha2::{Digest, Sha256};

use super::ApiRequests;
use crate::commit_log::{Append, Appended, KeyMark, NewRecord, Together};
use crate::store::StoreError;
use crate::tenants::{OrganizationError, Scope};

/// Part of the digest of an idempotency key, so that a key of another request never counts here.
const REQUEST: &[u8] = b"POST /v1/audit_logs";

/// One entry to be kept.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As sent: it may not even be an id. Takes the place of the one in `request`.
    pub organization: Option<String>,
    pub request: NewApiRequest,
    pub idempotency_key: Option<String>,
}

/// The entry is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    Stored(ApiRequestId),
    /// The same entry was stored with the same key within the last 24 hours.
    Replayed,
}

/// Nothing was stored, except that it is not known after `Unavailable`.
#[derive(Debug, thiserror::Error)]
pub enum EntriesError {
    /// 404.
    #[error("organization not found")]
    OrganizationNotFound { organization: String },
    /// 400: the key was used with another entry.
    #[error("idempotency key reused with another entry")]
    KeyReused { key: String },
    /// 503 with `Retry-After`: sending again with the same keys is safe.
    #[error("{reason}")]
    Unavailable { reason: &'static str, retry_after: Duration },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiRequests {
    /// Keeps all entries in one commit. One receipt for each, in their order.
    ///
    /// # Errors
    /// An organization that is not there, a key that came with another entry, or the log cannot take them.
    pub async fn publish(&self, scope: &Scope, entries: Vec<Entry>) -> Result<Vec<Receipt>, EntriesError> {
        let environment = scope.environment_id();
        let keys: Vec<_> = entries.iter().map(|entry| entry.idempotency_key.clone()).collect();
        let mut appends = Vec::with_capacity(entries.len());
        for Entry { organization, request, idempotency_key } in entries {
            let organization = self.organization(scope, organization).await?;
            let request = NewApiRequest { organization, ..request };
            let key = idempotency_key.map(|key| key_mark(scope, &key, &request));
            appends.push(Append { environment, record: NewRecord::ApiRequest(request), key });
        }
        let appended = self.log.append_all(appends, Together::AllOrNone).await;
        let appended =
            appended.map_err(|refused| EntriesError::Unavailable { reason: refused.reason, retry_after: refused.retry_after })?;
        if let Some(reused) = appended.iter().position(|outcome| *outcome == Appended::KeyReused) {
            let key = keys.into_iter().nth(reused).flatten().unwrap_or_default();
            return Err(EntriesError::KeyReused { key });
        }
        let receipts = appended.into_iter().filter_map(|outcome| match outcome {
            Appended::Stored(place) => Some(Receipt::Stored(place.into())),
            Appended::Replayed => Some(Receipt::Replayed),
            // Never without a reused key, which was told above.
            Appended::KeyReused | Appended::LeftOut => None,
        });
        Ok(receipts.collect())
    }

    async fn organization(&self, scope: &Scope, sent: Option<String>) -> Result<Option<OrganizationId>, EntriesError> {
        let Some(organization) = sent else { return Ok(None) };
        let Ok(id) = organization.parse() else { return Err(EntriesError::OrganizationNotFound { organization }) };
        match self.tenants.organization_scope(scope, id).await {
            Ok(found) => Ok(Some(found.organization_id())),
            Err(OrganizationError::Store(error)) => Err(error.into()),
            Err(_) => Err(EntriesError::OrganizationNotFound { organization }),
        }
    }
}

/// The entry's own content tells a repeated request from a changed one.
fn key_mark(scope: &Scope, key: &str, request: &NewApiRequest) -> KeyMark {
    let content = serde_json::to_vec(request).expect("entries have text keys and no failing parts");
    KeyMark::new(scope.owner_bytes(), REQUEST, key, KeyMark::body(Sha256::new().chain_update(content)))
}
