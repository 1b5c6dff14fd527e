//! One customer of the application (wire contract §5), as it is kept.

use std::collections::BTreeMap;

use annals_core::ids::{DomainId, OrganizationId};
use annals_core::time::Micros;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub domains: Vec<Domain>,
    pub metadata: BTreeMap<String, String>,
    pub external_id: Option<String>,
    pub stripe_customer_id: Option<String>,
    pub allow_profiles_outside_organization: bool,
    /// Never set means `None`.
    pub retention_days: Option<u32>,
    pub created_at: Micros,
    pub updated_at: Micros,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    pub id: DomainId,
    pub domain: String,
    pub state: DomainState,
    pub strategy: Option<DomainStrategy>,
    pub created_at: Micros,
    pub updated_at: Micros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    Failed,
    LegacyVerified,
    Pending,
    Unverified,
    Verified,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainStrategy {
    Dns,
    Manual,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrganizationFilter {
    /// Organizations that have any of these domains. Empty: all.
    pub domains: Vec<String>,
    /// Case-insensitive part of the name.
    pub search: Option<String>,
}
