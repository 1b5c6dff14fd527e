//! One customer of the application (wire contract §5).

mod change;
mod groups;
mod verbs;

use std::collections::BTreeMap;

pub(super) use groups::GroupDigest;

use crate::entities::DomainState;

/// A domain as the caller gives it. `state` is `LegacyVerified` for the deprecated `domains` list, which says nothing about the
/// state: in an update a domain that is already there keeps its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDomain {
    pub domain: String,
    pub state: DomainState,
}

/// Already checked against the limits by the caller. Domains may come in any case and twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewOrganization {
    pub name: String,
    pub domains: Vec<NewDomain>,
    pub metadata: BTreeMap<String, String>,
    pub external_id: Option<String>,
    pub allow_profiles_outside_organization: bool,
}

/// What an update changes; `None` leaves it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrganizationChange {
    pub name: Option<String>,
    /// Replaces the set.
    pub domains: Option<Vec<NewDomain>>,
    /// Merged: `None` as a value removes the key.
    pub metadata: BTreeMap<String, Option<String>>,
    /// `Some(None)` clears.
    pub external_id: Option<Option<String>>,
    /// `Some(None)` clears.
    pub stripe_customer_id: Option<Option<String>>,
    pub allow_profiles_outside_organization: Option<bool>,
}

#[derive(Debug, thiserror::Error)]
pub enum OrganizationError {
    /// 404 (400 on exports). Also when another environment or another organization's key asks.
    #[error("organization not found")]
    NotFound,
    /// 409.
    #[error("an organization with the domain {domain} already exists")]
    DomainTaken { domain: String },
    /// 400 `external_id_already_used`.
    #[error("external id already used")]
    ExternalIdTaken,
    /// 400 `stripe_customer_id_already_used`.
    #[error("stripe customer id already used")]
    StripeCustomerIdTaken,
    /// 400 `invalid_metadata`: merged metadata would have more than 50 keys.
    #[error("too many metadata keys")]
    TooMuchMetadata,
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
