//! Lake, then tail: one ordered stream of an organization's events.
//!
//! The lake comes first because all its commits are older than the tail's. Within it, files come in the order of their
//! commits and each is sorted by organization and place, so an organization's rows come out in commit order with no sort.
//! The tail is filtered by the very expression that the lake is filtered by.

use std::sync::Arc;

use annals_core::event::CommittedEvent;
use annals_core::ids::OrganizationId;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::common::DFSchema;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::table::{LakeTable, Source};
use super::{Filter, ReadError, Snapshot};
use crate::lake::columns::{self, to_batch};
use crate::lake::{Lake, LakeFile};

/// Decoded footers that are kept, least recently used first to go.
const FOOTER_CACHE_BYTES: usize = 128 * 1024 * 1024;
/// Events of the tail that become columns at a time.
const TAIL_ROWS: usize = 4096;

/// Batches of the columns of `audit_events`, in commit order.
pub type Batches = BoxStream<'static, Result<RecordBatch, ReadError>>;

/// Keep one: it holds the cache of footers. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    context: SessionContext,
    audit_events: Source,
}

impl Reader {
    /// # Errors
    /// DataFusion cannot be set up.
    pub fn new(lake: &Lake) -> Result<Self, ReadError> {
        let runtime = RuntimeEnvBuilder::new().with_metadata_cache_limit(FOOTER_CACHE_BYTES).build_arc()?;
        // One partition: rows must come out in the order of files.
        let mut config = SessionConfig::new().with_target_partitions(1);
        let parquet = &mut config.options_mut().execution.parquet;
        parquet.pushdown_filters = true;
        parquet.reorder_filters = true;
        let context = SessionContext::new_with_config_rt(config, runtime);
        Ok(Self { audit_events: Source::register(&lake.audit_events, &context)?, context })
    }

    /// The events of `filter`, each once. Reads nothing before the stream is polled; memory does not grow with the number
    /// of events.
    ///
    /// # Errors
    /// The filter cannot be compiled.
    pub fn scan(&self, snapshot: &Snapshot, filter: &Filter) -> Result<Batches, ReadError> {
        let expression = filter.expression();
        let schema = DFSchema::try_from(columns::schema())?;
        let compiled = self.context.create_physical_expr(expression.clone(), &schema)?;
        let tail = tail(snapshot.tail.clone(), filter.organization, compiled);
        let files: Vec<_> = snapshot.lake.files().iter().filter(|file| filter.may_pass(file)).cloned().collect();
        if files.is_empty() {
            return Ok(tail);
        }
        let reader = self.clone();
        let lake = stream::once(async move { reader.lake(files, expression).await }).try_flatten();
        Ok(lake.chain(tail).boxed())
    }

    async fn lake(&self, files: Vec<LakeFile>, filter: Expr) -> Result<Batches, ReadError> {
        let plan = self.lake_plan(files, filter).await?;
        Ok(execute_stream(plan, self.context.task_ctx())?.err_into().boxed())
    }

    pub(super) async fn lake_plan(&self, files: Vec<LakeFile>, filter: Expr) -> Result<Arc<dyn ExecutionPlan>, ReadError> {
        let table = LakeTable { source: self.audit_events.clone(), files };
        Ok(self.context.read_table(Arc::new(table))?.filter(filter)?.create_physical_plan().await?)
    }
}

/// Only the organization's events become columns; the filter then decides on those.
fn tail(commits: Vec<Arc<[CommittedEvent]>>, organization: OrganizationId, filter: Arc<dyn PhysicalExpr>) -> Batches {
    let places = move |commit: Arc<[CommittedEvent]>| {
        let places: Vec<_> = (0..commit.len()).filter(|place| commit[*place].organization == organization).collect();
        places.into_iter().map(move |place| Place { commit: Arc::clone(&commit), place })
    };
    stream::iter(commits.into_iter().flat_map(places))
        .ready_chunks(TAIL_ROWS)
        .map(move |events| {
            let batch = to_batch(&events)?;
            let keep = filter.evaluate(&batch)?.into_array(batch.num_rows())?;
            Ok(filter_record_batch(&batch, keep.as_boolean())?)
        })
        .try_filter(|batch| std::future::ready(batch.num_rows() > 0))
        .boxed()
}

/// An event of the tail that keeps its commit alive.
struct Place {
    commit: Arc<[CommittedEvent]>,
    place: usize,
}

impl std::borrow::Borrow<CommittedEvent> for Place {
    fn borrow(&self) -> &CommittedEvent {
        &self.commit[self.place]
    }
}
