//! Entities in the words of the wire: answers and events of the feed show the same object.

use annals_core::ids::OrganizationId;
use annals_core::wire::{self, Timestamp};

use super::{ApiKey, Domain, DomainState, DomainStrategy, Organization};

impl Organization {
    #[must_use]
    pub fn to_wire(&self) -> wire::Organization {
        wire::Organization {
            object: Default::default(),
            id: self.id.to_string(),
            name: self.name.clone(),
            allow_profiles_outside_organization: self.allow_profiles_outside_organization,
            domains: self.domains.iter().map(|domain| domain.to_wire(self.id)).collect(),
            stripe_customer_id: self.stripe_customer_id.clone(),
            metadata: self.metadata.clone(),
            external_id: self.external_id.clone(),
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
        }
    }
}

impl Domain {
    #[must_use]
    pub fn to_wire(&self, owner: OrganizationId) -> wire::OrganizationDomain {
        let state = match self.state {
            DomainState::Failed => wire::DomainState::Failed,
            DomainState::LegacyVerified => wire::DomainState::LegacyVerified,
            DomainState::Pending => wire::DomainState::Pending,
            DomainState::Unverified => wire::DomainState::Unverified,
            DomainState::Verified => wire::DomainState::Verified,
        };
        let strategy = |strategy| match strategy {
            DomainStrategy::Dns => wire::DomainStrategy::Dns,
            DomainStrategy::Manual => wire::DomainStrategy::Manual,
        };
        wire::OrganizationDomain {
            object: Default::default(),
            id: self.id.to_string(),
            organization_id: owner.to_string(),
            domain: self.domain.clone(),
            state,
            verification_strategy: self.strategy.map(strategy),
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
        }
    }
}

impl ApiKey {
    /// As a key of that organization: the environment's own keys have no form on the wire.
    #[must_use]
    pub fn to_wire(&self, owner: OrganizationId) -> wire::ApiKey {
        wire::ApiKey {
            object: Default::default(),
            id: self.id.to_string(),
            owner: wire::ApiKeyOwner { kind: Default::default(), id: owner.to_string() },
            name: self.name.clone(),
            obfuscated_value: self.obfuscated_value.clone(),
            last_used_at: self.last_used_at.map(Timestamp),
            expires_at: self.expires_at.map(Timestamp),
            permissions: self.permissions.clone(),
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
        }
    }
}
