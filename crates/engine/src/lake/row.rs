//! What a table of the lake needs to know of its rows. One implementation for each kind of record; everything else here is
//! written once for all of them.

use std::borrow::Borrow;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use annals_core::ids::{AuditEventId, CommitNumber, ShardId};
use annals_core::time::Micros;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::file::properties::WriterProperties;

use super::columns::ColumnsError;

/// A record in the shape that a table keeps. Columns [`DATE`](super::columns::DATE), [`ID`](super::columns::ID) and
/// [`SHARD`](super::columns::SHARD) are in every table.
pub trait Row: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Name and folder of the table. Readers of the lake know it: never changes.
    const TABLE: &'static str;
    /// The column of [`Row::owner`].
    const OWNER: &'static str;
    /// Columns of times that have statistics in Delta's log. The first is the time that the row was received.
    const TIMES: &'static [TimeColumn<Self>];

    type Id: RowId;
    /// Whose the row is. Files are sorted by it first, so that one owner's rows lie next to each other.
    type Owner: Copy + Debug + Display + FromStr + Ord + Send + Sync;

    fn id(&self) -> Self::Id;
    fn owner(&self) -> Self::Owner;
    /// Sorts one owner's rows within a file, before the id does.
    fn place(&self) -> u64 {
        0
    }
    /// The day of this time is the partition.
    fn received_at(&self) -> Micros;

    /// The columns inside a data file, in order. Without the partition.
    fn schema() -> SchemaRef;
    /// How the columns lie in a Parquet file.
    fn layout() -> WriterProperties;
    /// In the order of `rows`.
    ///
    /// # Errors
    /// A column would pass 2 GiB of text.
    fn to_batch<R: Borrow<Self>>(rows: &[R]) -> Result<RecordBatch, ArrowError>;
    /// # Errors
    /// A row is not one that [`Row::to_batch`] made.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, ColumnsError>;
}

/// A column of times, and where its value is.
pub struct TimeColumn<R> {
    pub name: &'static str,
    pub of: fn(&R) -> Micros,
}

/// The id of a committed record: rises within a shard.
pub trait RowId: Copy + Debug + Display + FromStr + Ord + Send + Sync + 'static {
    fn shard(self) -> ShardId;
    fn commit(self) -> CommitNumber;
    /// Received time, since the epoch.
    fn millis(self) -> u64;
}

macro_rules! row_id {
    ($id:ty) => {
        impl RowId for $id {
            fn shard(self) -> ShardId {
                self.shard()
            }
            fn commit(self) -> CommitNumber {
                self.commit()
            }
            fn millis(self) -> u64 {
                self.millis()
            }
        }
    };
}

row_id!(AuditEventId);
