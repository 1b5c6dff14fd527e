//! The database: one contract, several backends.

mod connect;
pub mod contract;
pub(crate) mod listing;
mod sqlite;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
pub(crate) mod faulty;

pub use connect::{ConnectError, connect, copy, file_of, look};
pub use contract::*;
pub use sqlite::{DatabaseView, ShardRow};

#[cfg(test)]
pub(crate) use sqlite::tests::SqliteFile;
