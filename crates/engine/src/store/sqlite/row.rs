//! Rows into values. What cannot be a value that we wrote is `Damaged`, with table and column: never served, never skipped.

use annals_core::ids::{ActionId, ApiKeyId, DomainId, EnvironmentId, ExportId, OrganizationId, SchemaId};
use annals_core::time::Micros;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use super::error::store_error;
use crate::store::StoreError;

/// One row of a table, read column by column.
#[derive(Clone, Copy)]
pub(super) struct Columns<'r> {
    row: &'r SqliteRow,
    table: &'static str,
}

impl<'r> Columns<'r> {
    pub fn new(table: &'static str, row: &'r SqliteRow) -> Self {
        Self { row, table }
    }

    pub fn get<T: Decode<'r, Sqlite> + Type<Sqlite>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|error| match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => self.damaged(column),
            other => store_error(other),
        })
    }

    pub fn id<I: StoredId>(&self, column: &'static str) -> Result<I, StoreError> {
        Ok(I::from_stored(self.bytes(column)?))
    }

    pub fn optional_id<I: StoredId>(&self, column: &'static str) -> Result<Option<I>, StoreError> {
        match self.get::<Option<&[u8]>>(column)? {
            None => Ok(None),
            Some(bytes) => Ok(Some(I::from_stored(bytes.try_into().map_err(|_| self.damaged(column))?))),
        }
    }

    pub fn bytes<const N: usize>(&self, column: &'static str) -> Result<[u8; N], StoreError> {
        self.get::<&[u8]>(column)?.try_into().map_err(|_| self.damaged(column))
    }

    pub fn time(&self, column: &'static str) -> Result<Micros, StoreError> {
        Micros::new(self.get(column)?).ok_or_else(|| self.damaged(column))
    }

    pub fn optional_time(&self, column: &'static str) -> Result<Option<Micros>, StoreError> {
        match self.get(column)? {
            None => Ok(None),
            Some(micros) => Micros::new(micros).map(Some).ok_or_else(|| self.damaged(column)),
        }
    }

    pub fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(self.get(column)?).map_err(|_| self.damaged(column))
    }

    /// A value that is stored as one of some words.
    pub fn word<T>(&self, column: &'static str, meaning: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        meaning(self.get(column)?).ok_or_else(|| self.damaged(column))
    }

    pub fn damaged(&self, column: &'static str) -> StoreError {
        StoreError::Damaged { what: format!("column {column} of a row of {}", self.table) }
    }
}

/// An id as its 16 bytes.
pub(super) trait StoredId: Copy + Send {
    fn from_stored(bytes: [u8; 16]) -> Self;
    fn to_stored(self) -> Vec<u8>;
}

macro_rules! stored_ids {
    ($($id:ty),*) => {$(
        impl StoredId for $id {
            fn from_stored(bytes: [u8; 16]) -> Self {
                Self::from_bytes(bytes)
            }
            fn to_stored(self) -> Vec<u8> {
                self.to_bytes().to_vec()
            }
        }
    )*};
}

stored_ids!(ActionId, ApiKeyId, DomainId, EnvironmentId, ExportId, OrganizationId, SchemaId);

/// For a column that holds JSON. Fails only for values that JSON cannot hold, of which we have none.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unavailable(Box::new(error)))
}

/// Numbers in SQLite are signed.
pub(super) fn signed(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Damaged { what: format!("the number {value}") })
}
