//! The columns of `api_requests` and both directions.

use std::borrow::Borrow;
use std::sync::{Arc, LazyLock};

use annals_core::ids::{ApiRequestId, EnvironmentId};
use annals_core::record::{ApiRequest, RequestActor, RequestActorKind, RequestFacts, RequestTarget};
use annals_core::time::Micros;
use arrow::array::{
    ArrayRef, AsArray, Int32Array, Int32Builder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::cells::{column, micros, optional, text, time, typed};
use super::{
    ACTION, ACTOR_ID, ACTOR_NAME, ACTOR_TYPE, ColumnsError, ENVIRONMENT_ID, ID, ORGANIZATION_ID, RECEIVED_AT, SHARD, USER_AGENT,
    layout, timestamp,
};
use crate::lake::data_file::Kind;
use crate::lake::row::{Row, TimeColumn};

/// When the request was made, which its sender says.
pub const CREATED_AT: &str = "created_at";
pub const CLIENT_IP: &str = "client_ip";
pub const METHOD: &str = "method";
pub const PATH: &str = "path";
pub const STATUS_CODE: &str = "status_code";
pub const TARGET_ID: &str = "target_id";
pub const TARGET_TYPE: &str = "target_type";

impl Row for ApiRequest {
    const TABLE: &'static str = "api_requests";
    const OWNER: &'static str = ENVIRONMENT_ID;
    const TIMES: &'static [TimeColumn<Self>] = &[
        TimeColumn { name: RECEIVED_AT, of: |request| request.received_at },
        TimeColumn { name: CREATED_AT, of: |request| request.created_at },
    ];

    type Id = ApiRequestId;
    type Owner = EnvironmentId;

    fn id(&self) -> ApiRequestId {
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
            let always = |name: &str| Field::new(name, DataType::Utf8, false);
            let maybe = |name: &str| Field::new(name, DataType::Utf8, true);
            Arc::new(Schema::new(vec![
                always(ENVIRONMENT_ID),
                maybe(ORGANIZATION_ID),
                always(SHARD),
                always(ID),
                Field::new(RECEIVED_AT, timestamp(), false),
                Field::new(CREATED_AT, timestamp(), false),
                always(ACTION),
                always(ACTOR_ID),
                always(ACTOR_TYPE),
                maybe(ACTOR_NAME),
                always(CLIENT_IP),
                always(METHOD),
                always(PATH),
                Field::new(STATUS_CODE, DataType::Int32, false),
                maybe(USER_AGENT),
                maybe(TARGET_ID),
                maybe(TARGET_TYPE),
            ]))
        });
        Arc::clone(&SCHEMA)
    }

    fn layout(kind: Kind) -> WriterProperties {
        let filtered =
            [ENVIRONMENT_ID, ORGANIZATION_ID, ID, CREATED_AT, ACTION, ACTOR_ID, CLIENT_IP, METHOD, STATUS_CODE, TARGET_ID];
        let properties = layout::common(kind, &Self::schema(), &[ENVIRONMENT_ID, ID], &filtered, &[RECEIVED_AT, CREATED_AT]);
        [ACTOR_ID, TARGET_ID].into_iter().map(ColumnPath::from).fold(properties, layout::with_bloom_filter).build()
    }

    fn to_batch<R: Borrow<Self>>(rows: &[R]) -> Result<RecordBatch, ArrowError> {
        let mut builders = Builders::new(rows.len());
        for row in rows {
            builders.push(row.borrow());
        }
        RecordBatch::try_new(Self::schema(), builders.finish())
    }

    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, ColumnsError> {
        let columns = Columns::of(batch)?;
        (0..batch.num_rows()).map(|row| columns.request(row)).collect()
    }
}

struct Builders {
    environment: StringBuilder,
    organization: StringBuilder,
    shard: StringBuilder,
    id: StringBuilder,
    received_at: TimestampMicrosecondBuilder,
    created_at: TimestampMicrosecondBuilder,
    action: StringBuilder,
    actor_id: StringBuilder,
    actor_type: StringBuilder,
    actor_name: StringBuilder,
    client_ip: StringBuilder,
    method: StringBuilder,
    path: StringBuilder,
    status_code: Int32Builder,
    user_agent: StringBuilder,
    target_id: StringBuilder,
    target_type: StringBuilder,
}

impl Builders {
    fn new(rows: usize) -> Self {
        let text = |bytes_each: usize| StringBuilder::with_capacity(rows, rows * bytes_each);
        let time = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
        Self {
            environment: text(38),
            organization: text(30),
            shard: text(6),
            id: text(38),
            received_at: time(),
            created_at: time(),
            action: text(24),
            actor_id: text(30),
            actor_type: text(8),
            actor_name: text(16),
            client_ip: text(16),
            method: text(5),
            path: text(32),
            status_code: Int32Builder::with_capacity(rows),
            user_agent: text(64),
            target_id: text(30),
            target_type: text(16),
        }
    }

    fn push(&mut self, row: &ApiRequest) {
        let RequestFacts { action, actor, client_ip, method, path, status_code, user_agent, target } = &row.request;
        self.environment.append_value(row.environment.to_string());
        self.organization.append_option(row.organization.map(|id| id.to_string()));
        self.shard.append_value(row.id.shard().to_string());
        self.id.append_value(row.id.to_string());
        self.received_at.append_value(row.received_at.get());
        self.created_at.append_value(row.created_at.get());
        self.action.append_value(action);
        self.actor_id.append_value(&actor.id);
        self.actor_type.append_value(actor.kind.as_str());
        self.actor_name.append_option(actor.name.as_deref());
        self.client_ip.append_value(client_ip);
        self.method.append_value(method);
        self.path.append_value(path);
        self.status_code.append_value(i32::from(*status_code));
        self.user_agent.append_option(user_agent.as_deref());
        self.target_id.append_option(target.as_ref().map(|target| target.id.as_str()));
        self.target_type.append_option(target.as_ref().map(|target| target.kind.as_str()));
    }

    /// In the order of the schema.
    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.environment.finish()),
            Arc::new(self.organization.finish()),
            Arc::new(self.shard.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.received_at.finish()),
            Arc::new(self.created_at.finish()),
            Arc::new(self.action.finish()),
            Arc::new(self.actor_id.finish()),
            Arc::new(self.actor_type.finish()),
            Arc::new(self.actor_name.finish()),
            Arc::new(self.client_ip.finish()),
            Arc::new(self.method.finish()),
            Arc::new(self.path.finish()),
            Arc::new(self.status_code.finish()),
            Arc::new(self.user_agent.finish()),
            Arc::new(self.target_id.finish()),
            Arc::new(self.target_type.finish()),
        ]
    }
}

struct Columns<'a> {
    environment: &'a StringArray,
    organization: &'a StringArray,
    id: &'a StringArray,
    received_at: &'a TimestampMicrosecondArray,
    created_at: &'a TimestampMicrosecondArray,
    action: &'a StringArray,
    actor_id: &'a StringArray,
    actor_type: &'a StringArray,
    actor_name: &'a StringArray,
    client_ip: &'a StringArray,
    method: &'a StringArray,
    path: &'a StringArray,
    status_code: &'a Int32Array,
    user_agent: &'a StringArray,
    target_id: &'a StringArray,
    target_type: &'a StringArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ColumnsError> {
        Ok(Self {
            environment: text(batch, ENVIRONMENT_ID)?,
            organization: text(batch, ORGANIZATION_ID)?,
            id: text(batch, ID)?,
            received_at: time(batch, RECEIVED_AT)?,
            created_at: time(batch, CREATED_AT)?,
            action: text(batch, ACTION)?,
            actor_id: text(batch, ACTOR_ID)?,
            actor_type: text(batch, ACTOR_TYPE)?,
            actor_name: text(batch, ACTOR_NAME)?,
            client_ip: text(batch, CLIENT_IP)?,
            method: text(batch, METHOD)?,
            path: text(batch, PATH)?,
            status_code: typed(STATUS_CODE, column(batch, STATUS_CODE)?.as_primitive_opt::<Int32Type>())?,
            user_agent: text(batch, USER_AGENT)?,
            target_id: text(batch, TARGET_ID)?,
            target_type: text(batch, TARGET_TYPE)?,
        })
    }

    fn request(&self, row: usize) -> Result<ApiRequest, ColumnsError> {
        let bad = |column, problem| ColumnsError { column, row, problem };
        let owned = |column: &StringArray| column.value(row).to_owned();
        let maybe = |column| optional(column, row).map(str::to_owned);
        let organization = optional(self.organization, row).map(str::parse).transpose();
        let actor_kind = RequestActorKind::named(self.actor_type.value(row));
        let target = match (maybe(self.target_id), maybe(self.target_type)) {
            (Some(id), Some(kind)) => Some(RequestTarget { id, kind }),
            (None, None) => None,
            _ => return Err(bad(TARGET_ID, "half a target")),
        };
        Ok(ApiRequest {
            id: self.id.value(row).parse().map_err(|_| bad(ID, "not an id"))?,
            environment: self.environment.value(row).parse().map_err(|_| bad(ENVIRONMENT_ID, "not an id"))?,
            organization: organization.map_err(|_| bad(ORGANIZATION_ID, "not an id"))?,
            received_at: micros(RECEIVED_AT, self.received_at, row)?,
            created_at: micros(CREATED_AT, self.created_at, row)?,
            request: RequestFacts {
                action: owned(self.action),
                actor: RequestActor {
                    id: owned(self.actor_id),
                    kind: actor_kind.ok_or_else(|| bad(ACTOR_TYPE, "not a kind of actor"))?,
                    name: maybe(self.actor_name),
                },
                client_ip: owned(self.client_ip),
                method: owned(self.method),
                path: owned(self.path),
                status_code: u16::try_from(self.status_code.value(row)).map_err(|_| bad(STATUS_CODE, "not a status code"))?,
                user_agent: maybe(self.user_agent),
                target,
            },
        })
    }
}
