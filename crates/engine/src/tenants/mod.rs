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
mod told;
mod turns;

pub use crate::entities::{
    Action, ApiKey, Domain, DomainState, DomainStrategy, KeyOwner, NewSchema, Organization, OrganizationFilter, Schema,
    TargetSchema,
};
pub use actions::SchemaError;
pub use api_keys::{ApiKeyError, NewApiKey, RefusedKey};
pub use handle::Tenants;
pub use organizations::{NewDomain, NewOrganization, OrganizationChange, OrganizationError};
pub use retention::{Configuration, RetentionDays};
pub use scope::{EnvironmentScope, Forbidden, OrganizationScope, Scope};
pub use turns::{Owner, Shares, Turn, Turns};
