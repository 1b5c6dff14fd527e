//! One data file of the lake: a Parquet file in which no byte can change unnoticed, and which knows whose rows lie where.
//!
//! ```text
//! row groups │ directory │ checksums │ page indexes, footer
//! ```
//!
//! Between the row groups and the page indexes stand two parts that readers of Parquet skip: the [`directory`] says which rows are
//! whose, the [`checksums`] have a CRC-32 of each block of the row groups. The places of these parts, and a CRC-32 of each and of all
//! that follows, are the [`Parts`], which stand in Delta's log beside the file's name. So every byte of the file is covered by
//! something that is outside of it. Files of older versions have no parts: they are read as they are.
//!
//! | | |
//! |---|---|
//! | [`DataFileWriter`] | writes one, a batch of rows at a time |
//! | [`DataFiles`], [`DataFileReader`] | read any part of one, and check what they read |
//! | [`verify`] | reads all of one, and checks it against the log |

mod checksums;
mod directory;
mod footers;
mod parts;
mod reader;
mod rows;
mod summary;
#[cfg(test)]
mod tests;
mod unpack;
mod verify;
mod writer;

pub use directory::Directory;
pub use footers::{DataFile, DataFiles, Footers};
pub use parts::{Parts, is_packed};
pub use writer::{DataFileWriter, Written};

pub(super) use verify::verify;

/// How a data file came to be, which decides how much work it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Written while commits wait, and soon replaced.
    Flushed,
    /// Made of others while their day goes on, and replaced when it has ended.
    Merged,
    /// Made of all that a day has, to stay for years.
    Packed,
}
