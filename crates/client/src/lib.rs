//! The Rust client of Annals: typed requests for every endpoint, live streams that mend themselves, and one kind of error for each thing
//! that a caller can do next. It works with any server that speaks the same protocols, as far as that server goes.
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
//!
//! # Requests that fail
//!
//! What may pass by itself is sent again: no connection, no answer in time, half an answer, 408, 429 and 5xx. A pause that the server asks for
//! (`Retry-After`) is kept; otherwise the pauses double and are drawn at random. Every POST carries an idempotency key that stays the same
//! over all attempts, so that it counts once. [`RetryPolicy`] has the numbers; each failed attempt is a `tracing` event. What is left is an
//! [`Error`]:
//!
//! ```no_run
//! # use annals_client::{Client, Error, wire::CreateAuditEvent};
//! # async fn record(client: &Client, event: &CreateAuditEvent) -> Result<(), Error> {
//! match client.audit_events().create(event).await {
//!     Ok(()) => println!("durable"),
//!     Err(error) if error.is_temporary() => println!("keep it and try again later: {error}"),
//!     Err(Error::Refused(refusal)) => println!("wrong fields: {:?}", refusal.fields),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Coming from Go
//!
//! Package `auditlogs` of WorkOS:
//!
//! | `auditlogs` | here |
//! |---|---|
//! | `ResponseLimit` | [`PAGE_ITEMS_DEFAULT`]; [`Paging::limit`] |
//! | `DefaultClient`, `SetAPIKey` | [`Client::from_env`]: there is no global client, pass a clone |
//! | `Client` | [`Client`] |
//! | `Client.APIKey` | [`ClientBuilder::api_key`] |
//! | `Client.HTTPClient` | [`ClientBuilder::timeout`], [`ClientBuilder::connect_timeout`], [`ClientBuilder::retry_policy`] |
//! | `Client.EventsEndpoint`, `Client.ExportsEndpoint` | [`ClientBuilder::base_url`] |
//! | `Client.JSONEncode` | none: the types in [`wire`] have one form |
//! | `CreateEvent`, `Client.CreateEvent` | [`AuditLogs::create_event`], [`AuditEvents::create`] |
//! | `CreateExport`, `Client.CreateExport` | [`AuditLogs::create_export`], [`Exports::create`] |
//! | `GetExport`, `Client.GetExport` | [`AuditLogs::get_export`], [`Exports::get`], [`Exports::wait_until_ready`] |
//! | `AuditLogEventOpts` | [`wire::CreateAuditEvent`] |
//! | `AuditLogEventOpts.IdempotencyKey` | [`AuditLogs::idempotency_key`]; drawn when it is not given |
//! | `Event`, `Actor`, `Target`, `Context` | [`wire::AuditEvent`], [`wire::Actor`], [`wire::Target`], [`wire::Context`] |
//! | `Event.OccurredAt`, default now | [`wire::AuditEvent::occurred_at`], with [`now`] |
//! | `CreateExportOpts` | [`wire::CreateExport`] |
//! | `GetExportOpts` | the argument of [`Exports::get`] |
//! | `CreateExportResponse`, `GetExportResponse` | [`wire::Export`] |
//!
//! Package `events`:
//!
//! | `events` | here |
//! |---|---|
//! | `ConnectionActivated` and all other names | [`event_names`], which lists them one by one |
//! | `ResponseLimit` | [`PAGE_ITEMS_DEFAULT`]; [`Paging::limit`] |
//! | `DefaultClient`, `SetAPIKey` | [`Client::from_env`] |
//! | `Client`, `Client.APIKey`, `Client.HTTPClient`, `Client.Endpoint` | [`Client`] and [`ClientBuilder`], as above |
//! | `ListEvents`, `Client.ListEvents` | [`Events::list`], [`Events::list_all`], [`Events::follow`] |
//! | `ListEventsOpts` | [`EventQuery`] |
//! | `ListEventsResponse` and its `ListMetadata` | [`Page`] |
//! | `Event` | [`wire::Event`] |

mod builder;
mod client;
pub mod emitter;
mod error;
pub mod event_names;
pub mod layer;
mod page;
mod resources;
mod tail;
mod transport;

pub use annals_core::counting::{CountedTime, GroupBy, Interval};
pub use annals_core::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
pub use annals_core::record::{EventName, ObjectText};
pub use annals_core::wire;

pub use builder::{BuildError, ClientBuilder};
pub use client::Client;
pub use emitter::Emitter;
pub use error::{Error, Refusal};
pub use page::{Order, Page, Paging};
pub use resources::{
    ApiKeys, ApiRequestQuery, ApiRequests, AuditEventFilter, AuditEventQuery, AuditEvents, AuditLogs, AuditTrail, CountedPage,
    EventQuery, Events, ExportFailed, Exports, OrganizationQuery, Organizations, Retention, Schemas, SortField, StatsQuery,
    TrailQuery,
};
pub use tail::Tail;
pub use transport::RetryPolicy;

/// The time of this computer's clock, for `occurred_at`.
#[must_use]
pub fn now() -> wire::Moment {
    std::time::SystemTime::now().into()
}
