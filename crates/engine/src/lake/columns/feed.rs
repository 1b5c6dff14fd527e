//! The columns of `events`, the feed, and both directions.
//!
//! `data` and `context` are canonical JSON text. Other tables call the time that a record was received `received_at`; readers of
//! the feed know it as `created_at`.

use std::borrow::Borrow;
use std::sync::{Arc, LazyLock};

use annals_core::ids::{EnvironmentId, FeedEventId};
use annals_core::record::{FeedEvent, NewFeedEvent, ObjectText};
use annals_core::time::Micros;
use arrow::array::{ArrayRef, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::cells::{micros, optional, text, time};
use super::{ColumnsError, ENVIRONMENT_ID, ID, ORGANIZATION_ID, SHARD, layout, timestamp};
use crate::lake::data_file::Kind;
use crate::lake::row::{Row, TimeColumn};

pub const CREATED_AT: &str = "created_at";
pub const EVENT: &str = "event";
pub const DATA: &str = "data";
pub const CONTEXT: &str = "context";

/// Rows between two looks at how large a page has become. One row may take 128 KiB.
const ROWS_PER_WRITE: usize = 64;

impl Row for FeedEvent {
    const TABLE: &'static str = "events";
    const OWNER: &'static str = ENVIRONMENT_ID;
    const TIMES: &'static [TimeColumn<Self>] = &[TimeColumn { name: CREATED_AT, of: |event| event.received_at }];

    type Id = FeedEventId;
    type Owner = EnvironmentId;

    fn id(&self) -> FeedEventId {
        self.id
    }
    fn owner(&self) -> EnvironmentId {
        self.environment
    }
    fn received_at(&self) -> Micros {
        self.received_at
    }

    fn schema() -> SchemaRef {
        static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
            Arc::new(Schema::new(vec![
                Field::new(ENVIRONMENT_ID, DataType::Utf8, false),
                Field::new(ORGANIZATION_ID, DataType::Utf8, true),
                Field::new(SHARD, DataType::Utf8, false),
                Field::new(ID, DataType::Utf8, false),
                Field::new(CREATED_AT, timestamp(), false),
                Field::new(EVENT, DataType::Utf8, false),
                Field::new(DATA, DataType::Utf8, false),
                Field::new(CONTEXT, DataType::Utf8, true),
            ]))
        });
        Arc::clone(&SCHEMA)
    }

    fn layout(kind: Kind) -> WriterProperties {
        let filtered = [ENVIRONMENT_ID, ORGANIZATION_ID, ID, CREATED_AT, EVENT];
        let properties = layout::common(kind, &Self::schema(), &[ENVIRONMENT_ID, ID], &filtered, &[CREATED_AT]);
        layout::with_text(properties, kind, DATA)
            .set_write_batch_size(ROWS_PER_WRITE)
            .set_column_dictionary_enabled(ColumnPath::from(DATA), false)
            .build()
    }

    fn to_batch<R: Borrow<Self>>(rows: &[R]) -> Result<RecordBatch, ArrowError> {
        let text = |bytes_each: usize| StringBuilder::with_capacity(rows.len(), rows.len() * bytes_each);
        let (mut environment, mut organization, mut shard, mut id) = (text(38), text(30), text(6), text(32));
        let (mut event, mut data, mut context) = (text(24), text(256), text(0));
        let mut created_at = TimestampMicrosecondBuilder::with_capacity(rows.len()).with_timezone("UTC");
        for row in rows.iter().map(Borrow::borrow) {
            environment.append_value(row.environment.to_string());
            organization.append_option(row.event.organization.map(|id| id.to_string()));
            shard.append_value(row.id.shard().to_string());
            id.append_value(row.id.to_string());
            created_at.append_value(row.received_at.get());
            event.append_value(row.event.name.as_str());
            data.append_value(row.event.data.as_str());
            context.append_option(row.event.context.as_ref().map(ObjectText::as_str));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(environment.finish()),
            Arc::new(organization.finish()),
            Arc::new(shard.finish()),
            Arc::new(id.finish()),
            Arc::new(created_at.finish()),
            Arc::new(event.finish()),
            Arc::new(data.finish()),
            Arc::new(context.finish()),
        ];
        RecordBatch::try_new(Self::schema(), columns)
    }

    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, ColumnsError> {
        let (environment, organization) = (text(batch, ENVIRONMENT_ID)?, text(batch, ORGANIZATION_ID)?);
        let (id, created_at) = (text(batch, ID)?, time(batch, CREATED_AT)?);
        let (event, data, context) = (text(batch, EVENT)?, text(batch, DATA)?, text(batch, CONTEXT)?);
        let row = |row: usize| {
            let bad = |column, problem| ColumnsError { column, row, problem };
            let object = |column, text| ObjectText::from_stored(text).ok_or_else(|| bad(column, "not a canonical JSON object"));
            let organization = optional(organization, row).map(str::parse).transpose();
            Ok(Self {
                id: id.value(row).parse().map_err(|_| bad(ID, "not an id"))?,
                environment: environment.value(row).parse().map_err(|_| bad(ENVIRONMENT_ID, "not an id"))?,
                received_at: micros(CREATED_AT, created_at, row)?,
                event: NewFeedEvent {
                    organization: organization.map_err(|_| bad(ORGANIZATION_ID, "not an id"))?,
                    name: event.value(row).parse().map_err(|_| bad(EVENT, "not the name of an event"))?,
                    data: object(DATA, data.value(row))?,
                    context: optional(context, row).map(|text| object(CONTEXT, text)).transpose()?,
                },
            })
        };
        (0..batch.num_rows()).map(row).collect()
    }
}
