//! Answers from tail and lake as one: each event exactly once, in commit order. Never writes events.

mod any_of;
pub mod api_requests;
mod csv;
#[cfg(test)]
mod damage_tests;
mod error;
mod export;
mod feed;
mod filter;
mod narrow;
mod nearest;
mod one_owner;
#[cfg(test)]
mod reading_tests;
mod room;
mod row_check;
mod scan;
mod search;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

pub use error::ReadError;
pub use export::{ExportFileError, ExportFiles, ExportedFile};
pub use feed::FeedSelection;
pub use filter::{ALWAYS, ActionPattern, AuditTrailFilter, Between, Filter, Selection};
pub(crate) use room::ReadingRoom;
pub use scan::{Batches, Query, Reader, Select};
pub use snapshot::Snapshot;
