//! What a table of the lake needs to know of its rows. One implementation for each kind of record; everything else here is
//! written once for all of them.

use std::borrow::Borrow;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use annals_core::ids::{EnvironmentId, OrganizationId, RecordPlace};
use annals_core::time::Micros;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::file::properties::WriterProperties;

use super::columns::ColumnsError;
use super::data_file::Kind;

/// A record in the shape that a table keeps. Columns [`DATE`](super::columns::DATE), [`ID`](super::columns::ID) and
/// [`SHARD`](super::columns::SHARD) are in every table.
pub trait Row: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Name and folder of the table. Readers of the lake know it: never changes.
    const TABLE: &'static str;
    /// The column of [`Row::owner`].
    const OWNER: &'static str;
    /// The column of [`Row::rank`], if there is one.
    const RANK: Option<&'static str> = None;
    /// Columns of times that have statistics in Delta's log. The first is the time that the row was received.
    const TIMES: &'static [TimeColumn<Self>];

    type Id: Copy + Debug + Display + FromStr + Into<RecordPlace> + Ord + Send + Sync;
    /// Whose the row is. Files are sorted by it first, so that one owner's rows lie next to each other.
    type Owner: Owner;

    fn id(&self) -> Self::Id;
    fn owner(&self) -> Self::Owner;
    /// Where the row stands in the log.
    fn place(&self) -> RecordPlace {
        self.id().into()
    }
    /// Sorts one owner's rows within a file, before the id does.
    fn rank(&self) -> u64 {
        0
    }
    /// The day of this time is the partition.
    fn received_at(&self) -> Micros;

    /// The columns inside a data file, in order. Without the partition.
    fn schema() -> SchemaRef;
    /// How the columns lie in a Parquet file.
    fn layout(kind: Kind) -> WriterProperties;
    /// In the order of `rows`.
    ///
    /// # Errors
    /// A column would pass 2 GiB of text.
    fn to_batch<R: Borrow<Self>>(rows: &[R]) -> Result<RecordBatch, ArrowError>;
    /// # Errors
    /// A row is not one that [`Row::to_batch`] made.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, ColumnsError>;
}

/// Whose a row can be. Owners are ordered as their keys are.
pub trait Owner: Copy + Debug + Display + FromStr + Ord + Send + Sync + 'static {
    fn key(self) -> u128;
    fn of_key(key: u128) -> Self;
}

impl Owner for OrganizationId {
    fn key(self) -> u128 {
        u128::from_be_bytes(self.to_bytes())
    }
    fn of_key(key: u128) -> Self {
        Self::from_bytes(key.to_be_bytes())
    }
}

impl Owner for EnvironmentId {
    fn key(self) -> u128 {
        u128::from_be_bytes(self.to_bytes())
    }
    fn of_key(key: u128) -> Self {
        Self::from_bytes(key.to_be_bytes())
    }
}

/// A column of times, and where its value is.
pub struct TimeColumn<R> {
    pub name: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests hold single rows against it"))]
    pub of: fn(&R) -> Micros,
}
