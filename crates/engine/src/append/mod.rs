//! `POST /audit_logs/events`, below HTTP: check against the action's schema, commit, acknowledge.

use std::time::Duration;

use annals_core::event::{NewEvent, Violation};
use annals_core::ids::{AuditEventId, OrganizationId};
use sha2::{Digest, Sha256};

use crate::commit_log::{Append, Appended, CommitLog, KeyMark, NewRecord, Seen};
use crate::store::StoreError;
use crate::tenants::{OrganizationError, OrganizationScope, Scope, Tenants};

/// Part of the digest of an idempotency key, so that a key of another request never counts here.
const REQUEST: &[u8] = b"POST /audit_logs/events";

/// The event is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    Stored(AuditEventId),
    /// The same key and body were stored within the last 24 hours.
    Replayed,
}

#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// 404.
    #[error("organization not found")]
    OrganizationNotFound,
    /// 400: no such action and version.
    #[error("event '{action}', version '{version}' has not been configured in this environment")]
    NotConfigured { action: String, version: u32 },
    /// 400 `invalid_audit_log_event`.
    #[error("the event does not match its action's schema")]
    Violations(Vec<Violation>),
    /// 400: the key was used with another body.
    #[error("idempotency key reused with another body")]
    KeyReused,
    /// 503 with `Retry-After`: nothing is stored, or it is not known whether it is; sending again with the same key is safe.
    #[error("{reason}")]
    Unavailable { reason: &'static str, retry_after: Duration },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Records one event of the organization that it names.
pub(crate) async fn append(
    tenants: &Tenants,
    log: &CommitLog,
    scope: &Scope,
    event: NewEvent,
    idempotency_key: Option<&str>,
) -> Result<Receipt, AppendError> {
    let organization = organization(tenants, scope, &event.organization).await?;
    let (action, version) = (event.event().action.clone(), event.event().version.unwrap_or(1));
    let key = idempotency_key.map(|key| KeyMark { key: key_digest(scope, key), body: event.digest().0 });
    let checked = match tenants.rules(organization.environment_id(), &action, version).await? {
        Some(rules) => event.check(&*rules).map_err(AppendError::Violations),
        None => Err(AppendError::NotConfigured { action, version }),
    };
    let event = match checked {
        Ok(event) => event,
        // A reused key is the first thing to tell, whatever else is wrong with the new body.
        Err(refused) => match key {
            Some(mark) if log.probe(mark).await == Seen::OtherBody => return Err(AppendError::KeyReused),
            _ => return Err(refused),
        },
    };
    let record = NewRecord::AuditEvent { organization: organization.organization_id(), event };
    let append = Append { environment: organization.environment_id(), record, key };
    match log.append(append).await {
        Ok(Appended::Stored(place)) => Ok(Receipt::Stored(place.into())),
        Ok(Appended::Replayed) => Ok(Receipt::Replayed),
        Ok(Appended::KeyReused | Appended::LeftOut) => Err(AppendError::KeyReused),
        Err(refused) => Err(AppendError::Unavailable { reason: refused.reason, retry_after: refused.retry_after }),
    }
}

async fn organization(tenants: &Tenants, scope: &Scope, id: &str) -> Result<OrganizationScope, AppendError> {
    let id: OrganizationId = id.parse().map_err(|_| AppendError::OrganizationNotFound)?;
    match tenants.organization_scope(scope, id).await {
        Ok(organization) => Ok(organization),
        Err(OrganizationError::Store(error)) => Err(error.into()),
        Err(_) => Err(AppendError::OrganizationNotFound),
    }
}

/// Keys of one owner never meet those of another: an organization's own key must not learn which keys others used.
fn key_digest(scope: &Scope, key: &str) -> [u8; 16] {
    let digest =
        Sha256::new().chain_update(scope.owner_bytes()).chain_update(REQUEST).chain_update([0]).chain_update(key).finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    first
}
