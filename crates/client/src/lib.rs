//! The Rust client of Annals.
//!
//! ```no_run
//! use annals_client::wire::{Actor, AuditEvent, Target};
//! use annals_client::{Client, now};
//!
//! # async fn record() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::from_env()?;
//! let event = AuditEvent::new("user.signed_in", now(), Actor::new("user", "user_1"))
//!     .target(Target::new("team", "team_1"))
//!     .location("203.0.113.7");
//! client.audit_events().create(&event.of("org_01EHWNCE74X7JSDV0X3SZ3KJNY")).await?;
//! # Ok(())
//! # }
//! ```

mod builder;
mod client;
mod error;
pub mod event_names;
mod page;
mod resources;
mod tail;
mod transport;

pub use annals_core::counting::{CountedTime, GroupBy, Interval};
pub use annals_core::wire;

pub use builder::{BuildError, ClientBuilder};
pub use client::Client;
pub use error::{Error, Refusal};
pub use page::{Order, Page, Paging};
pub use resources::{
    ApiKeys, ApiRequestQuery, ApiRequests, AuditEventFilter, AuditEventQuery, AuditEvents, AuditLogs, CountedPage, EventQuery,
    Events, ExportFailed, Exports, OrganizationQuery, Organizations, Retention, Schemas, SortField, StatsQuery,
};
pub use tail::Tail;
pub use transport::RetryPolicy;

/// The time of this computer's clock, for `occurred_at`.
#[must_use]
pub fn now() -> wire::Moment {
    std::time::SystemTime::now().into()
}
