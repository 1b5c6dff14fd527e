//! Environments, API keys, organizations, actions and their schemas. The only maker of [`Scope`].

mod actions;
mod api_keys;
#[cfg(test)]
pub(crate) mod fixtures;
mod handle;
mod lookups;
mod mint;
mod organizations;
mod retention;
mod scope;
#[cfg(test)]
mod tests;

pub use actions::{Action, NewSchema, Schema, SchemaError, TargetSchema};
pub use api_keys::{ApiKey, ApiKeyError, KeyOwner, NewApiKey};
pub use handle::Tenants;
pub use organizations::{
    Domain, DomainState, DomainStrategy, NewDomain, NewOrganization, Organization, OrganizationChange, OrganizationError,
    OrganizationFilter,
};
pub use retention::{Configuration, RetentionDays};
pub use scope::{EnvironmentScope, Forbidden, OrganizationScope, Scope};
