//! Reads single cells of a batch, with an error that names the place. For the decoders of all tables.

use annals_core::time::Micros;
use arrow::array::{Array, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::TimestampMicrosecondType;

use super::ColumnsError;

pub fn column<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a dyn Array, ColumnsError> {
    batch.column_by_name(name).map(AsRef::as_ref).ok_or(ColumnsError { column: name, row: 0, problem: "missing" })
}

pub fn typed<T>(name: &'static str, array: Option<T>) -> Result<T, ColumnsError> {
    array.ok_or(ColumnsError { column: name, row: 0, problem: "unexpected type" })
}

pub fn text<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, ColumnsError> {
    typed(name, column(batch, name)?.as_string_opt::<i32>())
}

pub fn time<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a TimestampMicrosecondArray, ColumnsError> {
    typed(name, column(batch, name)?.as_primitive_opt::<TimestampMicrosecondType>())
}

pub fn optional(array: &StringArray, at: usize) -> Option<&str> {
    array.is_valid(at).then(|| array.value(at))
}

pub fn micros(column: &'static str, array: &TimestampMicrosecondArray, row: usize) -> Result<Micros, ColumnsError> {
    Micros::new(array.value(row)).ok_or(ColumnsError { column, row, problem: "outside the years 0000 to 9999" })
}
