//! Answers from tail and lake as one: each event exactly once, in commit order. Never writes events.

mod any_of;
mod csv;
mod error;
mod export;
mod filter;
mod scan;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

pub use error::ReadError;
pub use export::{ExportFileError, ExportFiles, ExportedFile};
pub use filter::Filter;
pub use scan::{Batches, Reader};
pub use snapshot::Snapshot;
