//! What is kept of tenants: plain data that `store` reads and writes and the modules above it give meaning. No rules, no I/O.

mod action;
mod api_key;
mod export;
mod on_the_wire;
mod organization;

pub use action::{Action, NewSchema, Schema, TargetSchema};
pub use api_key::{ApiKey, KeyOwner};
pub use export::{Export, ExportFilter, ExportState};
pub use organization::{Domain, DomainState, DomainStrategy, Organization, OrganizationFilter};
