//! The columns of `audit_events` and both directions: committed events into record batches and back, exactly. The canonical
//! text of an event is not stored: it is made again from its columns, so nothing here may lose or normalise a byte.
//!
//! Only types that every reader of Delta tables knows: text, 32 and 64 bit integers, timestamps in microseconds of UTC, and
//! lists of text. The four target lists have one entry per target, in order. Metadata is canonical JSON text. `extra` holds
//! the members that we do not know (see [`extra`]); it is null for nearly every event.

pub mod api_requests;
mod cells;
mod decode;
mod encode;
mod extra;
pub mod feed;
mod layout;
#[cfg(test)]
mod tests;

pub(super) use cells::{micros, text, time};
pub use decode::Columns;
pub use encode::to_batch;
pub use layout::writer_properties;

use std::borrow::Borrow;
use std::sync::{Arc, LazyLock};

use annals_core::event::CommittedEvent;
use annals_core::ids::{AuditEventId, OrganizationId};
use annals_core::time::Micros;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use parquet::file::properties::WriterProperties;

use super::data_file::Kind;
use super::row::{Row, TimeColumn};

/// Partition of the Delta table: the day of `received_at`. In the folder's name, not in the file.
pub const DATE: &str = "date";

pub const ENVIRONMENT_ID: &str = "environment_id";
pub const ORGANIZATION_ID: &str = "organization_id";
pub const SHARD: &str = "shard";
pub const SEQ: &str = "seq";
pub const ID: &str = "id";
pub const RECEIVED_AT: &str = "received_at";
pub const ACTION: &str = "action";
pub const VERSION: &str = "version";
pub const OCCURRED_AT: &str = "occurred_at";
pub const ACTOR_ID: &str = "actor_id";
pub const ACTOR_TYPE: &str = "actor_type";
pub const ACTOR_NAME: &str = "actor_name";
pub const ACTOR_METADATA: &str = "actor_metadata";
pub const TARGET_IDS: &str = "target_ids";
pub const TARGET_TYPES: &str = "target_types";
pub const TARGET_NAMES: &str = "target_names";
pub const TARGET_METADATA: &str = "target_metadata";
pub const LOCATION: &str = "location";
pub const USER_AGENT: &str = "user_agent";
pub const METADATA: &str = "metadata";
pub const EXTRA: &str = "extra";

/// A row that is not an event that this server wrote. The file is damaged or somebody else wrote it.
#[derive(Debug, thiserror::Error)]
#[error("column {column}, row {row}: {problem}")]
pub struct ColumnsError {
    pub column: &'static str,
    pub row: usize,
    pub problem: &'static str,
}

/// The columns inside a data file, in order.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let always = |name: &str, kind: &DataType| Field::new(name, kind.clone(), false);
        let maybe = |name: &str, kind: &DataType| Field::new(name, kind.clone(), true);
        let list = |name: &str, items_nullable: bool| Field::new(name, DataType::List(list_item(items_nullable)), false);
        Arc::new(Schema::new(vec![
            always(ENVIRONMENT_ID, &DataType::Utf8),
            always(ORGANIZATION_ID, &DataType::Utf8),
            always(SHARD, &DataType::Utf8),
            always(SEQ, &DataType::Int64),
            always(ID, &DataType::Utf8),
            always(RECEIVED_AT, &timestamp()),
            always(ACTION, &DataType::Utf8),
            maybe(VERSION, &DataType::Int32),
            always(OCCURRED_AT, &timestamp()),
            always(ACTOR_ID, &DataType::Utf8),
            always(ACTOR_TYPE, &DataType::Utf8),
            maybe(ACTOR_NAME, &DataType::Utf8),
            maybe(ACTOR_METADATA, &DataType::Utf8),
            list(TARGET_IDS, false),
            list(TARGET_TYPES, false),
            list(TARGET_NAMES, true),
            list(TARGET_METADATA, true),
            maybe(LOCATION, &DataType::Utf8),
            maybe(USER_AGENT, &DataType::Utf8),
            maybe(METADATA, &DataType::Utf8),
            maybe(EXTRA, &DataType::Utf8),
        ]))
    });
    Arc::clone(&SCHEMA)
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Delta calls the items of a list `element`.
fn list_item(nullable: bool) -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Utf8, nullable))
}

/// # Errors
/// A row is not an event that [`to_batch`] made.
pub fn to_events(batch: &RecordBatch) -> Result<Vec<CommittedEvent>, ColumnsError> {
    let columns = Columns::of(batch)?;
    (0..batch.num_rows()).map(|row| columns.event(row)).collect()
}

impl Row for CommittedEvent {
    const TABLE: &'static str = "audit_events";
    const OWNER: &'static str = ORGANIZATION_ID;
    const RANK: Option<&'static str> = Some(SEQ);
    const TIMES: &'static [TimeColumn<Self>] = &[TimeColumn { name: RECEIVED_AT, of: |event| event.received_at }];

    type Id = AuditEventId;
    type Owner = OrganizationId;

    fn id(&self) -> AuditEventId {
        self.id
    }
    fn owner(&self) -> OrganizationId {
        self.organization
    }
    fn rank(&self) -> u64 {
        self.seq
    }
    fn received_at(&self) -> Micros {
        self.received_at
    }
    fn schema() -> SchemaRef {
        schema()
    }
    fn layout(kind: Kind) -> WriterProperties {
        writer_properties(kind)
    }
    fn to_batch<R: Borrow<Self>>(events: &[R]) -> Result<RecordBatch, ArrowError> {
        to_batch(events)
    }
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, ColumnsError> {
        to_events(batch)
    }
}
