//! Append, keep, read and export audit logs. Knows no HTTP: errors say what the caller does next, not which status to send.
//!
//! ```text
//! append ──▶ commit_log ──▶ store (one transaction, fsync) ──▶ acknowledged
//!                │ pull
//!                ├──▶ tail (memory)        read = tail ∪ lake
//!                └──▶ lake (Delta), by jobs::flush
//! ```

pub mod answers;
pub mod api_requests;
pub mod append;
pub mod audit_events;
pub mod backup;
mod clock;
mod commit_log;
mod crash_point;
mod data_folder;
mod disk;
pub mod doctor;
mod engine;
mod entities;
pub mod exports;
pub mod feed;
mod founding;
mod jobs;
mod lake;
pub mod page;
mod place;
mod random;
mod read;
mod store;
pub mod tenants;
#[cfg(test)]
mod testing;

pub use clock::{Clock, SystemClock};
pub use commit_log::{TailLimits, fill_keys};
pub use engine::{Engine, OpenError, Opened, Readiness, Settings, Warning};
pub use jobs::{FlushError, FlushSettings, PurgeError, PurgeReport, PurgedOrganization};
pub use page::{ListQuery, Order, Page};
pub use place::Place;
pub use store::StoreError;
