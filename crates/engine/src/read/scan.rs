//! Lake, then tail: one stream of the records of one kind.
//!
//! The lake comes first because all its commits are older than the tail's. Within it, files come in the order of their
//! commits and each is sorted by owner and place, so an owner's rows come out in commit order with no sort. Those of several
//! owners come out owner by owner within each file.
//! The tail is filtered by the very expression that the lake is filtered by.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use annals_core::event::CommittedEvent;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::filter::conjunction;
use super::narrow::Narrow;
use super::table::{LakeTable, Source};
use super::{ReadError, Snapshot};
use crate::lake::{LakeFile, Row, Table};

/// Rows of the lake that are decoded at a time: an export holds three batches, as columns and as text.
const BATCH_ROWS: usize = 2048;
/// Records of the tail that become columns at a time.
const TAIL_ROWS: usize = 4096;

/// Batches of columns of one table.
pub type Batches = BoxStream<'static, Result<RecordBatch, ReadError>>;

/// Reads one table. Keep one: it holds the cache of footers. Cheap to clone.
#[derive(Clone)]
pub struct Reader<R: Row = CommittedEvent> {
    context: SessionContext,
    pub(super) source: Source,
    rows: PhantomData<fn() -> R>,
}

/// Which rows of a table.
pub trait Select<R: Row>: Debug + Send + Sync + 'static {
    /// Whether the row belongs to whom the answer is for: cheap, and enough to keep tenants apart.
    fn owns(&self, row: &R) -> bool;
    /// The same as conditions on columns. What these columns mean, the statistics of a file know.
    fn owner(&self) -> Vec<Expr>;
    /// Whether a file may have a row that [`Select::owns`] is true of.
    fn may_hold(&self, file: &LakeFile<R>) -> bool;
    /// The one owner that all rows have, when it is known.
    fn one_owner(&self) -> Option<R::Owner> {
        None
    }
    /// All other conditions, those on few bytes first.
    fn conditions(&self) -> Vec<Expr>;
    /// The whole condition, the owner's included.
    fn expression(&self) -> Expr {
        conjunction(self.owner().into_iter().chain(self.conditions()))
    }
    /// Whether a file may have a row that passes.
    fn may_pass(&self, file: &LakeFile<R>) -> bool {
        self.may_hold(file)
    }
}

impl<R: Row> Reader<R> {
    /// # Errors
    /// DataFusion cannot be set up.
    pub fn new(table: &Table<R>) -> Result<Self, ReadError> {
        // One partition: rows must come out in the order of files.
        let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(BATCH_ROWS);
        let parquet = &mut config.options_mut().execution.parquet;
        parquet.pushdown_filters = true;
        parquet.reorder_filters = true;
        let context = SessionContext::new_with_config(config);
        Ok(Self { source: Source::register(table, &context)?, context, rows: PhantomData })
    }

    /// # Errors
    /// The selection's expression cannot be compiled.
    pub fn query(&self, selection: impl Select<R>) -> Result<Query<R>, ReadError> {
        let expression = selection.expression();
        let narrow = Narrow::of(&self.context, &selection)?;
        Ok(Query { selection: Arc::new(selection), expression, narrow })
    }

    /// These columns, or all when none is named, of the rows of the query, each once. Reads nothing before the stream is polled;
    /// memory does not grow with the number of rows.
    pub fn scan(&self, snapshot: &Snapshot<R>, query: &Query<R>, columns: &'static [&'static str]) -> Batches {
        let tail = tail(snapshot.tail.clone(), query.clone(), columns);
        let files: Vec<_> = snapshot.lake.files().iter().filter(|file| query.selection.may_pass(file)).cloned().collect();
        if files.is_empty() {
            return tail;
        }
        let (reader, expression) = (self.clone(), query.expression.clone());
        let lake = stream::once(async move { reader.lake(files, expression, columns).await }).try_flatten();
        lake.chain(tail).boxed()
    }

    /// Like [`Reader::scan`], of these files only.
    pub(super) async fn lake(&self, files: Vec<LakeFile<R>>, filter: Expr, columns: &[&str]) -> Result<Batches, ReadError> {
        let plan = self.lake_plan(files, filter, columns).await?;
        Ok(execute_stream(plan, self.context.task_ctx())?.err_into().boxed())
    }

    pub(super) async fn lake_plan(
        &self,
        files: Vec<LakeFile<R>>,
        filter: Expr,
        columns: &[&str],
    ) -> Result<Arc<dyn ExecutionPlan>, ReadError> {
        let mut rows = self.frame(files)?.filter(filter)?;
        if !columns.is_empty() {
            rows = rows.select_columns(columns)?;
        }
        Ok(rows.create_physical_plan().await?)
    }

    /// These files, for a plan.
    pub(super) fn frame(&self, files: Vec<LakeFile<R>>) -> Result<DataFrame, ReadError> {
        Ok(self.context.read_table(Arc::new(LakeTable { source: self.source.clone(), files }))?)
    }
}

/// A selection, compiled. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Query<R: Row = CommittedEvent> {
    pub(super) selection: Arc<dyn Select<R>>,
    pub(super) expression: Expr,
    /// What is asked of the rows that the selection owns; `None` when it is nothing.
    pub(super) narrow: Option<Narrow>,
}

impl<R: Row> Query<R> {
    /// Those that pass, in their order.
    pub(super) fn passing(&self, mut places: Vec<Place<R>>) -> Result<Vec<Place<R>>, ReadError> {
        let Some(narrow) = &self.narrow else { return Ok(places) };
        let keep = decide(narrow, &R::to_batch(&places)?)?;
        let mut keep = keep.iter().map(|keep| keep == Some(true));
        places.retain(|_| keep.next() == Some(true));
        Ok(places)
    }

    /// These columns of those that pass.
    fn passing_columns(&self, places: &[Place<R>], columns: &[&str]) -> Result<RecordBatch, ReadError> {
        let mut batch = R::to_batch(places)?;
        if let Some(narrow) = &self.narrow {
            batch = filter_record_batch(&batch, &decide(narrow, &batch)?)?;
        }
        if columns.is_empty() { Ok(batch) } else { Ok(project(&batch, columns.iter().copied())?) }
    }
}

fn decide(narrow: &Narrow, batch: &RecordBatch) -> Result<BooleanArray, ReadError> {
    narrow.decide(&project(batch, narrow.columns.iter().map(String::as_str))?)
}

fn project<'a>(batch: &RecordBatch, columns: impl Iterator<Item = &'a str>) -> Result<RecordBatch, ArrowError> {
    batch.project(&columns.map(|name| batch.schema_ref().index_of(name)).collect::<Result<Vec<_>, _>>()?)
}

/// Only the owner's rows become columns; the filter then decides on those.
fn tail<R: Row>(commits: Vec<Arc<[R]>>, query: Query<R>, columns: &'static [&'static str]) -> Batches {
    let selection = Arc::clone(&query.selection);
    let places = move |commit: Arc<[R]>| {
        let places: Vec<_> = (0..commit.len()).filter(|place| selection.owns(&commit[*place])).collect();
        places.into_iter().map(move |place| Place { commit: Arc::clone(&commit), place })
    };
    stream::iter(commits.into_iter().flat_map(places))
        .ready_chunks(TAIL_ROWS)
        .then(move |places| {
            let decided = query.passing_columns(&places, columns);
            // Nothing else in here waits, and others want to read too.
            async {
                tokio::task::yield_now().await;
                decided
            }
        })
        .try_filter(|batch| std::future::ready(batch.num_rows() > 0))
        .boxed()
}

/// A record of the tail that keeps its commit alive.
pub(super) struct Place<R> {
    pub commit: Arc<[R]>,
    pub place: usize,
}

impl<R> Place<R> {
    pub fn row(&self) -> &R {
        &self.commit[self.place]
    }
}

impl<R> std::borrow::Borrow<R> for Place<R> {
    fn borrow(&self) -> &R {
        self.row()
    }
}
