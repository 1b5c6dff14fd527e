//! `POST /events` of the older Audit Trail API, below HTTP: find or make the organization of the group, commit, acknowledge. What it
//! commits is an ordinary audit event; its mark tells where it came from.

use annals_core::event::TrailEvent;
use annals_core::ids::OrganizationId;

use super::{AppendError, Receipt, audit_event, key_mark, receipt};
use crate::commit_log::{CommitLog, Seen};
use crate::tenants::{OrganizationScope, Scope, Tenants};

/// Part of the digest of an idempotency key.
const AUDIT_TRAIL: &[u8] = b"POST /events";

/// What happens to a group that no organization answers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownGroup {
    /// An organization with this name and external id is made.
    Create,
    Refuse,
}

/// Records one event of the organization that its group leads to.
///
/// # Errors
/// `OrganizationNotFound`: the group leads to none that this key may touch, and none is made. An organization's own key makes none.
pub(crate) async fn append_trail(
    tenants: &Tenants,
    log: &CommitLog,
    scope: &Scope,
    event: TrailEvent,
    idempotency_key: Option<&str>,
    unknown: UnknownGroup,
) -> Result<Receipt, AppendError> {
    let group = event.group().to_owned();
    let event = event.into_marked();
    let key = idempotency_key.map(|key| key_mark(scope, AUDIT_TRAIL, key, event.digest()));
    let organization = match tenants.organization_of_group(scope, &group).await? {
        Some(found) => found,
        // A request that was seen before makes no organization: its answer is known.
        None => match key {
            Some(mark) => match log.probe(mark).await {
                Seen::SameBody => return Ok(Receipt::Replayed),
                Seen::OtherBody => return Err(AppendError::KeyReused),
                Seen::Never => make(tenants, scope, &group, unknown).await?,
            },
            None => make(tenants, scope, &group, unknown).await?,
        },
    };
    receipt(log.append(audit_event(organization, event.into_valid(), key)).await)
}

async fn make(tenants: &Tenants, scope: &Scope, group: &str, unknown: UnknownGroup) -> Result<OrganizationScope, AppendError> {
    // The id of an organization that is gone, or of another environment's, is not the name of a new one.
    let is_id = group.parse::<OrganizationId>().is_ok();
    match (unknown, scope.environment()) {
        (UnknownGroup::Create, Ok(environment)) if !is_id => {
            Ok(tenants.create_organization_of_group(&environment, group).await?)
        }
        // To an organization's key every other group is one that does not exist.
        _ => Err(AppendError::OrganizationNotFound),
    }
}
