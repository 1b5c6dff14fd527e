//! What is asked of the rows of an owner, compiled against the few columns that it looks at.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::SessionContext;

use super::filter::conjunction;
use super::{ReadError, Select};
use crate::lake::Row;

#[derive(Debug, Clone)]
pub(super) struct Narrow {
    /// Those of the conditions.
    pub columns: Arc<[String]>,
    predicate: Arc<dyn PhysicalExpr>,
}

impl Narrow {
    /// `None` when every row of the owner passes.
    ///
    /// # Errors
    /// A condition cannot be compiled.
    pub fn of<R: Row>(context: &SessionContext, selection: &impl Select<R>) -> Result<Option<Self>, ReadError> {
        let conditions = selection.conditions();
        if conditions.is_empty() {
            return Ok(None);
        }
        let condition = conjunction(conditions);
        let asked = condition.column_refs();
        let schema = R::schema();
        // In the order in which a file gives them.
        let is_asked = |name: &str| asked.iter().any(|column| column.name() == name);
        let fields: Vec<_> = schema.fields().iter().filter(|field| is_asked(field.name())).collect();
        let columns = fields.iter().map(|field| field.name().clone()).collect();
        let schema = DFSchema::try_from(Schema::new(fields.into_iter().cloned().collect::<Vec<_>>()))?;
        Ok(Some(Self { columns, predicate: context.create_physical_expr(condition, &schema)? }))
    }

    /// Which rows pass; null is no. The columns are [`Narrow::columns`], in their order.
    ///
    /// # Errors
    /// The columns are not ours.
    pub fn decide(&self, batch: &RecordBatch) -> Result<BooleanArray, ReadError> {
        Ok(self.predicate.evaluate(batch)?.into_array(batch.num_rows())?.as_boolean().clone())
    }
}
