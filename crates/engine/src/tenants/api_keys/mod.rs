//! API keys (wire contract §9). Only digests are stored.

mod last_uses;
mod verbs;

use annals_core::ids::{ApiKeyId, EnvironmentId, OrganizationId};
use annals_core::time::Micros;

use crate::entities::KeyOwner;

pub(super) use self::last_uses::LastUses;
use crate::store::StoredApiKey;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    pub name: String,
    pub permissions: Vec<String>,
    pub expires_at: Option<Micros>,
}

#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// 404. Also the environment's own keys, which the API does not manage.
    #[error("API key not found")]
    NotFound,
    /// 409 `api_key_already_expired`.
    #[error("API key already expired")]
    AlreadyExpired,
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// What a check of a key needs, remembered between requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownKey {
    id: ApiKeyId,
    environment: EnvironmentId,
    /// Set for an organization's own key.
    only: Option<OrganizationId>,
    expires_at: Option<Micros>,
}

impl KnownKey {
    fn of(stored: &StoredApiKey) -> Self {
        let only = match stored.key.owner {
            KeyOwner::Environment => None,
            KeyOwner::Organization(organization) => Some(organization),
        };
        Self { id: stored.key.id, environment: stored.environment, only, expires_at: stored.key.expires_at }
    }
}

/// A key that does not work, and whose it was, as far as anybody knows. Gives no right to anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedKey(Option<ExpiredKey>);

/// A key that worked until it expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpiredKey {
    pub key: ApiKeyId,
    pub environment: EnvironmentId,
    /// Set for an organization's own key.
    pub organization: Option<OrganizationId>,
}

impl RefusedKey {
    /// Never seen, deleted, malformed, or not sent at all.
    pub const UNKNOWN: Self = Self(None);

    fn expired(key: &KnownKey) -> Self {
        Self(Some(ExpiredKey { key: key.id, environment: key.environment, organization: key.only }))
    }
    pub(crate) fn known(&self) -> Option<ExpiredKey> {
        self.0
    }
}

fn is_live(expires_at: Option<Micros>, now: Micros) -> bool {
    expires_at.is_none_or(|at| at > now)
}
