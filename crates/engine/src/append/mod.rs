//! `POST /audit_logs/events`, below HTTP: check against the action's schema, commit, acknowledge. Many at once: `batch`. From the older
//! Audit Trail API: `trail`.

mod batch;
mod trail;

use std::time::Duration;

use annals_core::event::{BodyDigest, NewEvent, ValidEvent, Violation};
use annals_core::ids::{AuditEventId, OrganizationId};

use crate::commit_log::{Append, Appended, CommitLog, KeyMark, NewRecord, NotAppended, Seen};
use crate::store::StoreError;
use crate::tenants::{Forbidden, OrganizationError, OrganizationScope, Scope, Tenants};

pub(crate) use batch::append_batch;
pub use batch::{BatchOutcome, Together};
pub use trail::UnknownGroup;
pub(crate) use trail::append_trail;

/// Part of the digest of an idempotency key, so that a key of one request never counts for another.
const AUDIT_LOGS: &[u8] = b"POST /audit_logs/events";

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
    /// 403: only with a key of the environment.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// 400: no such action and version.
    #[error("event '{action}', version '{version}' has not been configured in this environment")]
    NotConfigured { action: String, version: u32 },
    /// 400 `invalid_audit_log_event`.
    #[error("the event does not match its action's schema")]
    Violations(Vec<Violation>),
    /// 413: the events of a batch take more room than they took in the request, and more than one commit has.
    #[error("the batch is too large for one commit")]
    TooMuch,
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
    let (action, version) = event.action_and_version();
    let action = action.to_owned();
    let key = idempotency_key.map(|key| key_mark(scope, AUDIT_LOGS, key, event.digest()));
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
    receipt(log.append(audit_event(organization, event, key)).await)
}

fn audit_event(organization: OrganizationScope, event: ValidEvent, key: Option<KeyMark>) -> Append {
    let record = NewRecord::AuditEvent { organization: organization.organization_id(), event };
    Append { environment: organization.environment_id(), record, key }
}

fn receipt(appended: Result<Appended, NotAppended>) -> Result<Receipt, AppendError> {
    match appended? {
        Appended::Stored(place) => Ok(Receipt::Stored(place.into())),
        Appended::Replayed => Ok(Receipt::Replayed),
        Appended::KeyReused | Appended::LeftOut => Err(AppendError::KeyReused),
    }
}

impl From<NotAppended> for AppendError {
    fn from(refused: NotAppended) -> Self {
        Self::Unavailable { reason: refused.reason, retry_after: refused.retry_after }
    }
}

async fn organization(tenants: &Tenants, scope: &Scope, id: &str) -> Result<OrganizationScope, AppendError> {
    let id: OrganizationId = id.parse().map_err(|_| AppendError::OrganizationNotFound)?;
    Ok(tenants.organization_scope(scope, id).await?)
}

impl From<OrganizationError> for AppendError {
    fn from(error: OrganizationError) -> Self {
        match error {
            OrganizationError::Store(error) => error.into(),
            _ => Self::OrganizationNotFound,
        }
    }
}

fn key_mark(scope: &Scope, request: &[u8], key: &str, body: BodyDigest) -> KeyMark {
    KeyMark::new(scope.owner_bytes(), request, key, body.0)
}
