//! Who may touch what. A scope proves that a key was checked; only this module makes one, from an API key.

use annals_core::ids::{ApiKeyId, EnvironmentId, OrganizationId};

/// What a valid API key stands for: an environment, or one organization in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    pub(super) key: ApiKeyId,
    pub(super) environment: EnvironmentId,
    /// Set for an organization's own key.
    pub(super) only: Option<OrganizationId>,
}

/// The right to touch everything in one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvironmentScope {
    key: ApiKeyId,
    environment: EnvironmentId,
}

/// The right to touch one organization, which exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganizationScope {
    pub(super) environment: EnvironmentId,
    pub(super) organization: OrganizationId,
}

/// The key is good, but not for this: answer 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this API key belongs to one organization and cannot do this")]
pub struct Forbidden;

impl Scope {
    #[must_use]
    pub fn key(&self) -> ApiKeyId {
        self.key
    }
    #[must_use]
    pub fn environment_id(&self) -> EnvironmentId {
        self.environment
    }
    /// The only organization that the key may touch; `None` for a key of the whole environment.
    #[must_use]
    pub fn organization_id(&self) -> Option<OrganizationId> {
        self.only
    }
    /// Everything in the environment.
    ///
    /// # Errors
    /// The key belongs to one organization.
    pub fn environment(&self) -> Result<EnvironmentScope, Forbidden> {
        match self.only {
            None => Ok(EnvironmentScope { key: self.key, environment: self.environment }),
            Some(_) => Err(Forbidden),
        }
    }
    /// Whether a row of that environment and organization is this key's business.
    pub(crate) fn may_see(&self, environment: EnvironmentId, organization: OrganizationId) -> bool {
        self.environment == environment && self.covers(organization)
    }
    /// Environment and owner, for digests that must differ between owners.
    #[must_use]
    pub(crate) fn owner_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.environment.to_bytes());
        bytes[16..].copy_from_slice(&self.only.map_or([0; 16], OrganizationId::to_bytes));
        bytes
    }
    /// Whether this key may see the organization at all, should it exist.
    pub(super) fn covers(&self, organization: OrganizationId) -> bool {
        self.only.is_none_or(|only| only == organization)
    }
}

impl EnvironmentScope {
    pub(crate) fn owner(&self) -> super::Owner {
        super::Owner { environment: self.environment, only: None }
    }
    /// Who is asking.
    #[must_use]
    pub fn key(&self) -> ApiKeyId {
        self.key
    }
    #[must_use]
    pub fn environment_id(&self) -> EnvironmentId {
        self.environment
    }
}

impl OrganizationScope {
    #[must_use]
    pub fn environment_id(&self) -> EnvironmentId {
        self.environment
    }
    #[must_use]
    pub fn organization_id(&self) -> OrganizationId {
        self.organization
    }
}
