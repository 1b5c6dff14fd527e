//! Conditions that look into JSON, or into every text of a row: decided by code of ours, row by row.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_core::json::{self, Json, write_string};
use arrow::array::{Array, AsArray, BooleanArray, ListArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::prelude::col;

use super::filter::AuditTrailFilter;
use super::search::{self, Needle, Search};
use crate::lake::columns::{EXTRA, METADATA};

/// The member of an event's context that marks it as one of the older Audit Trail API.
const AUDIT_TRAIL: &str = "annals.audit_trail";

/// What is asked of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Check {
    Metadata(MetadataCheck),
    AuditTrail(AuditTrailFilter),
    Search(Needle),
}

/// One key of the metadata has one of these values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetadataCheck {
    key: String,
    values: Vec<String>,
    /// The key as it stands in canonical JSON: a text without it is not parsed.
    member: String,
}

impl MetadataCheck {
    /// One check for each key.
    pub fn of(wanted: &[(String, String)]) -> Vec<Self> {
        let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (key, value) in wanted {
            keys.entry(key).or_default().push(value.clone());
        }
        let check = |(key, values): (&str, _)| {
            let mut member = String::new();
            write_string(key, &mut member);
            member.push(':');
            Self { key: key.to_owned(), values, member }
        };
        keys.into_iter().map(check).collect()
    }

    fn passes(&self, text: &str) -> bool {
        if !text.contains(&self.member) {
            return false;
        }
        // Nested objects and texts may hold the same: only parsing tells them apart.
        let Ok(metadata) = json::parse(text.as_bytes()) else { return false };
        let value = metadata.member(&self.key).and_then(search::text_of);
        value.is_some_and(|value| self.values.iter().any(|wanted| *wanted == value))
    }
}

impl AuditTrailFilter {
    fn passes(&self, extra: &str) -> bool {
        if !extra.contains(AUDIT_TRAIL) {
            return false;
        }
        let Ok(extra) = json::parse(extra.as_bytes()) else { return false };
        let Some(mark) = extra.member("context").and_then(|context| context.member(AUDIT_TRAIL)) else { return false };
        let has = |name: &str, wanted: &[String]| {
            wanted.is_empty() || mark.member(name).and_then(Json::as_str).is_some_and(|text| wanted.iter().any(|w| w == text))
        };
        has("group", &self.groups) && has("action_type", &self.action_types)
    }
}

impl Check {
    pub fn search(text: &str) -> Self {
        Self::Search(Needle::new(text))
    }

    pub fn expression(self) -> Expr {
        let columns: Vec<_> = match &self {
            Self::Metadata(_) => vec![col(METADATA)],
            Self::AuditTrail(_) => vec![col(EXTRA)],
            Self::Search(_) => search::columns().map(col).collect(),
        };
        let signature = Signature::any(columns.len(), Volatility::Immutable);
        let function = ScalarUDF::from(RowCheck { check: self, signature });
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), columns))
    }
}

/// A check as DataFusion sees it: a function of the columns that it looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RowCheck {
    check: Check,
    signature: Signature,
}

impl ScalarUDFImpl for RowCheck {
    fn name(&self) -> &'static str {
        match self.check {
            Check::Metadata(_) => "metadata_has",
            Check::AuditTrail(_) => "is_of_audit_trail",
            Check::Search(_) => "any_text_contains",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let texts = arrays.iter().map(|array| Texts::of(array)).collect::<Option<Vec<_>>>();
        let Some(texts) = texts else { return exec_err!("{} takes texts and lists of texts", self.name()) };
        let decided: BooleanArray = match &self.check {
            Check::Metadata(check) => one_by_one(rows, |row| texts[0].any(row, |text| check.passes(text))),
            Check::AuditTrail(marks) => one_by_one(rows, |row| texts[0].any(row, |text| marks.passes(text))),
            Check::Search(needle) => {
                let mut search = needle.search();
                let mut found = vec![false; rows];
                for (column, texts) in search::columns().zip(&texts) {
                    texts.find(&mut search, column, &mut found);
                }
                found.into()
            }
        };
        Ok(ColumnarValue::Array(Arc::new(decided)))
    }
}

fn one_by_one(rows: usize, mut passes: impl FnMut(usize) -> bool) -> BooleanArray {
    (0..rows).map(|row| Some(passes(row))).collect()
}

/// The texts of each row: one, none, or a list of them.
enum Texts<'a> {
    One(&'a StringArray),
    List(&'a ListArray, &'a StringArray),
}

impl<'a> Texts<'a> {
    fn of(array: &'a dyn Array) -> Option<Self> {
        match array.as_list_opt::<i32>() {
            Some(lists) => Some(Self::List(lists, lists.values().as_string_opt()?)),
            None => array.as_string_opt().map(Self::One),
        }
    }

    /// Marks the rows with a text that is found.
    fn find(&self, search: &mut Search<'_>, column: &str, found: &mut [bool]) {
        match self {
            Self::One(texts) => search.find_in(column, texts, |row| found[row] = true),
            Self::List(lists, items) => {
                let offsets = lists.value_offsets();
                let begin = offsets[0].unsigned_abs() as usize;
                let end = offsets[lists.len()].unsigned_abs() as usize;
                search.find_in(column, &StringArray::slice(items, begin, end - begin), |item| {
                    // The last row that begins there or before: those before it that do are empty.
                    let row = offsets.partition_point(|offset| offset.unsigned_abs() as usize <= begin + item) - 1;
                    found[row] |= lists.is_valid(row);
                });
            }
        }
    }

    fn any(&self, row: usize, mut passes: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::One(texts) => texts.is_valid(row) && passes(texts.value(row)),
            Self::List(lists, items) if lists.is_valid(row) => {
                let ends = &lists.value_offsets()[row..=row + 1];
                (ends[0]..ends[1]).map(|at| at.unsigned_abs() as usize).any(|at| items.is_valid(at) && passes(items.value(at)))
            }
            Self::List(..) => false,
        }
    }
}
