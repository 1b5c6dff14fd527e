//! Brings a database to the newest version, one numbered step at a time, only forward.
//!
//! The version is SQLite's `user_version`: the number of steps that were taken. A step is one transaction together with the new
//! number, so a crash leaves a database between two steps and never inside one.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::error::{is_not_a_database, store_error};
use crate::store::ConnectError;

/// Steps are never edited once they were released: a database that took one does not take it again.
const MIGRATIONS: [&str; 2] = [include_str!("migrations/0001_first.sql"), include_str!("migrations/0002_outbox.sql")];

/// "ANNL", in the file's header.
const APPLICATION_ID: u32 = 0x414E_4E4C;

/// Looks without changing anything. The version that is there.
///
/// # Errors
/// The file belongs to another program, or to a newer version of this one.
pub(super) async fn inspect(options: &SqliteConnectOptions, path: &Path) -> Result<u32, ConnectError> {
    let mut connection = options.connect().await.map_err(store_error)?;
    let seen = read_header(&mut connection).await;
    // An error while closing a connection that only read has no consequence.
    let _ = connection.close().await;
    let foreign = || ConnectError::Foreign { path: path.to_owned() };
    match seen {
        Err(error) if is_not_a_database(&error) => Err(foreign()),
        Err(error) => Err(store_error(error).into()),
        Ok(Header { application: APPLICATION_ID, version, .. }) if version > known() => {
            Err(ConnectError::Newer { found: version, known: known() })
        }
        Ok(Header { application: APPLICATION_ID, version, .. } | Header { application: 0, version: version @ 0, tables: 0 }) => {
            Ok(version)
        }
        Ok(_) => Err(foreign()),
    }
}

/// The same, of a database in which something is.
///
/// # Errors
/// As [`inspect`], or it is empty.
pub(super) async fn inspect_made(options: &SqliteConnectOptions, path: &Path) -> Result<u32, ConnectError> {
    match inspect(options, path).await? {
        0 => Err(ConnectError::Empty { path: path.to_owned() }),
        version => Ok(version),
    }
}

/// Takes the steps that are missing.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let version = read_header(connection).await?.version;
    for (number, step) in (1u32..).zip(MIGRATIONS).skip(version as usize) {
        let whole =
            format!("BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT;");
        // Safe: our own files and two numbers.
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(whole)).execute(&mut *connection).await {
            // The first error is the one to tell; without a transaction there is nothing to roll back.
            let _ = sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await;
            return Err(error);
        }
    }
    Ok(())
}

fn known() -> u32 {
    MIGRATIONS.len() as u32
}

struct Header {
    application: u32,
    version: u32,
    tables: u32,
}

async fn read_header(connection: &mut SqliteConnection) -> Result<Header, sqlx::Error> {
    Ok(Header {
        application: sqlx::query_scalar("SELECT application_id FROM pragma_application_id").fetch_one(&mut *connection).await?,
        version: sqlx::query_scalar("SELECT user_version FROM pragma_user_version").fetch_one(&mut *connection).await?,
        tables: sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await?,
    })
}
