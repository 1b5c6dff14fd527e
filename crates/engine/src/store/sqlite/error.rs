//! What SQLite's errors mean to a caller.

use sqlx::error::DatabaseError;

use crate::store::{StoreError, Unique};

/// Primary result codes (<https://www.sqlite.org/rescode.html>): the low byte of an extended one.
const ERROR: i32 = 1;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

/// Busy, full disk, failed I/O, closed pool: try later. A file that SQLite itself finds broken, or a value of a wrong type: damaged.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(cause) if matches!(primary_code(&**cause), Some(CORRUPT | NOT_A_DATABASE)) => {
            StoreError::Damaged { what: format!("the database file: {}", cause.message()) }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            StoreError::Damaged { what: error.to_string() }
        }
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

/// The same for the connection of commits.
pub(super) fn direct_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error().map(|cause| cause.extended_code & 0xFF) {
        Some(CORRUPT | NOT_A_DATABASE) => StoreError::Damaged { what: format!("the database file: {error}") },
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

/// `Taken` when the error says that a unique value is used, and `unique_of` knows the columns of the constraint, such as
/// `organizations.environment, organizations.external_id`.
pub(super) fn taken(error: sqlx::Error, unique_of: impl FnOnce(&str) -> Option<Unique>) -> StoreError {
    let unique = match &error {
        sqlx::Error::Database(cause) if cause.is_unique_violation() => {
            cause.message().split_once("constraint failed: ").and_then(|(_, columns)| unique_of(columns))
        }
        _ => None,
    };
    unique.map_or_else(|| store_error(error), StoreError::Taken)
}

pub(super) fn unavailable(reason: &'static str) -> StoreError {
    StoreError::Unavailable(reason.into())
}

pub(super) fn is_not_a_database(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if primary_code(&**cause) == Some(NOT_A_DATABASE))
}

/// `ROLLBACK` outside a transaction fails with the general code. SQLite has then rolled back by itself, as it does when the disk is full.
pub(super) fn is_without_transaction(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if primary_code(&**cause) == Some(ERROR))
}

fn primary_code(cause: &dyn DatabaseError) -> Option<i32> {
    cause.code()?.parse::<i32>().ok().map(|code| code & 0xFF)
}
