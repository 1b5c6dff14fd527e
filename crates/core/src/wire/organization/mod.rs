//! Organizations (wire contract §5): what servers answer. `request` has what clients send.

mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::Timestamp;

pub use request::{CreateOrganization, DomainData, DomainDataState, UpdateOrganization};

super::constant!(OrganizationTag, "organization");
super::constant!(DomainTag, "organization_domain");

/// One customer of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    #[schema(inline)]
    pub object: OrganizationTag,
    #[schema(example = "org_01EHWNCE74X7JSDV0X3SZ3KJNY")]
    pub id: String,
    #[schema(example = "Acme Inc.")]
    pub name: String,
    // Other servers leave it out.
    #[serde(default)]
    #[schema(required)]
    pub allow_profiles_outside_organization: bool,
    pub domains: Vec<OrganizationDomain>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub stripe_customer_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
    #[schema(required)]
    pub external_id: Option<String>,
    #[schema(inline)]
    pub created_at: Timestamp,
    #[schema(inline)]
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganizationDomain {
    #[schema(inline)]
    pub object: DomainTag,
    pub id: String,
    pub organization_id: String,
    #[schema(example = "foo-corp.com")]
    pub domain: String,
    #[schema(inline)]
    pub state: DomainState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub verification_strategy: Option<DomainStrategy>,
    #[schema(inline)]
    pub created_at: Timestamp,
    #[schema(inline)]
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainState {
    Failed,
    LegacyVerified,
    Pending,
    Unverified,
    Verified,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainStrategy {
    Dns,
    Manual,
}
