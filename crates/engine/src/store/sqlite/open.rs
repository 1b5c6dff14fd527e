//! Opens the file: how durable, how private, how many connections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

use super::SqliteStore;
use super::direct::Direct;
use super::error::store_error;
use super::migrate;
use super::wal;
use super::writer::Writer;
use crate::store::{ConnectError, StoreError};

/// Readers never wait for the writer; four are enough for the look-ups of a few cores.
const READERS_MAX: u32 = 4;
/// Only another process can hold a lock for long.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READER_WAIT: Duration = Duration::from_secs(5);
/// The log is copied into the database after so many pages (16 MiB), by the commit that crosses the line. Its file is then written
/// again from the start and never cut: a write into space that exists is faster than one that grows the file.
pub(super) const CHECKPOINT_PAGES: i64 = 4096;

impl SqliteStore {
    /// Makes the file when it is not there.
    ///
    /// # Errors
    /// The file cannot be opened, is not ours, or is newer than this program.
    pub(in crate::store) async fn open(path: &Path) -> Result<Self, ConnectError> {
        let path = std::path::absolute(path).map_err(|source| ConnectError::File { path: path.to_owned(), source })?;
        let making = path.clone();
        let made = tokio::task::spawn_blocking(move || make_private(&making)).await;
        made.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)))
            .map_err(|source| ConnectError::File { path: path.clone(), source })?;
        let plain = SqliteConnectOptions::new().filename(&path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
        check_wal(&path).await?;
        migrate::inspect(&plain, &path).await?;
        let writing = plain
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
            .thread_name(|_| "annals-sqlite-writer".to_owned());
        let mut connection = writing.connect().await.map_err(store_error)?;
        check_pages(&mut connection).await?;
        migrate::migrate(&mut connection).await.map_err(store_error)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(READER_WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(plain.pragma("query_only", "ON").thread_name(|_| "annals-sqlite-reader".to_owned()));
        Ok(Self { writer: Writer::new(writing, connection, Direct::new(&path)), readers })
    }
}

/// Before SQLite looks: it would leave out what stands behind the damage. Damage is still there at a second look; half of what another
/// process was just writing is not.
pub(super) async fn check_wal(path: &Path) -> Result<(), ConnectError> {
    let looking = path.to_owned();
    let looked = tokio::task::spawn_blocking(move || wal::fault(&looking)?.map_or(Ok(None), |_| wal::fault(&looking))).await;
    let fault = looked.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
    let fault = fault.map_err(|source| ConnectError::File { path: path.to_owned(), source })?;
    fault.map_or(Ok(()), |what| Err(StoreError::Damaged { what: format!("the database file: {what}") }.into()))
}

/// SQLite finds a broken page only when it comes by, and a row whose place was lost never.
async fn check_pages(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let said: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(connection).await.map_err(store_error)?;
    if said == "ok" { Ok(()) } else { Err(StoreError::Damaged { what: format!("the database file: {said}") }) }
}

/// Makes an empty file for its owner alone. SQLite gives the same rights to the files that it makes beside it.
fn make_private(path: &PathBuf) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        // The name must survive a power loss as well as the content.
        Ok(_) => path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
