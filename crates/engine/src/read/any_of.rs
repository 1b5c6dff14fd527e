//! `array_has_any(list, list)` for lists of text: whether they share an item.
//!
//! DataFusion has one in its nested expressions, which cost a minute of build time for this one function. The name is the
//! same on purpose: DataFusion pushes a function of that name down into the decoding of Parquet lists.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::prelude::{col, lit};
use datafusion::scalar::ScalarValue;

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ArrayHasAny {
    signature: Signature,
}

impl Default for ArrayHasAny {
    fn default() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ArrayHasAny {
    /// Whether a row's list in `column` has one of the texts.
    pub fn of(column: &str, texts: &[String]) -> Expr {
        let function = Arc::new(ScalarUDF::from(Self::default()));
        Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![col(column), lit(Self::list(texts))]))
    }

    /// The second argument.
    fn list(texts: &[String]) -> ScalarValue {
        let texts: Vec<_> = texts.iter().map(|text| ScalarValue::from(text.as_str())).collect();
        ScalarValue::List(ScalarValue::new_list_nullable(&texts, &DataType::Utf8))
    }
}

impl ScalarUDFImpl for ArrayHasAny {
    fn name(&self) -> &'static str {
        "array_has_any"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let of_text = |kind: &DataType| matches!(kind, DataType::List(item) if Field::data_type(item) == &DataType::Utf8);
        match arguments {
            [left, right] if of_text(left) && of_text(right) => Ok(DataType::Boolean),
            _ => exec_err!("array_has_any takes two lists of text, not {arguments:?}"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.as_slice() {
            [column, ColumnarValue::Scalar(ScalarValue::List(wanted))] if wanted.len() == 1 => {
                let wanted = wanted.value(0);
                let Some(wanted) = wanted.as_string_opt::<i32>() else { return exec_err!("the second list has no texts") };
                let lists = column.to_array(arguments.number_rows)?;
                Ok(ColumnarValue::Array(any_of(&lists, wanted)?))
            }
            _ => exec_err!("the second list of array_has_any must be constant"),
        }
    }
}

fn any_of(lists: &ArrayRef, wanted: &StringArray) -> Result<ArrayRef> {
    let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("not lists") };
    let Some(items) = lists.values().as_string_opt::<i32>() else { return exec_err!("not lists of text") };
    // Few are wanted: looking at each is quicker than hashing.
    let is_wanted = |at: usize| items.is_valid(at) && wanted.iter().flatten().any(|text| text == items.value(at));
    let rows = lists.value_offsets().windows(2).enumerate().map(|(row, ends)| {
        let has_any = || (ends[0]..ends[1]).any(|at| is_wanted(at.unsigned_abs() as usize));
        lists.is_valid(row).then(has_any)
    });
    Ok(Arc::new(rows.collect::<BooleanArray>()))
}
