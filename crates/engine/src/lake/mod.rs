//! The lake: the Delta table `audit_events`, everything older than the tail. Writes whole flushes, exactly once, and lists
//! the files that hold them. Never reads events for an answer: that is `read`.

mod append;
pub mod columns;
mod durable;
mod error;
mod file;
mod snapshot;
mod stats;
mod storage;
mod table;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use error::LakeError;
pub use snapshot::{LakeFile, LakeSnapshot};
pub use table::{Lake, LakeSettings};
