//! Opens the file: how durable, how private, how many connections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::SqliteStore;
use super::error::store_error;
use super::migrate;
use super::writer::Writer;
use crate::store::ConnectError;

/// Readers never wait for the writer; four are enough for the look-ups of a few cores.
const READERS_MAX: u32 = 4;
/// Only another process can hold a lock for long.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READER_WAIT: Duration = Duration::from_secs(5);
/// The log is copied into the database after so many pages (16 MiB), by the commit that crosses the line. Its file is then written
/// again from the start and never cut: a write into space that exists is faster than one that grows the file.
const CHECKPOINT_PAGES: &str = "4096";

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
        migrate::inspect(&plain, &path).await?;
        let writing = plain
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .thread_name(|_| "annals-sqlite-writer".to_owned());
        let mut connection = writing.connect().await.map_err(store_error)?;
        migrate::migrate(&mut connection).await.map_err(store_error)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(READER_WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(plain.pragma("query_only", "ON").thread_name(|_| "annals-sqlite-reader".to_owned()));
        Ok(Self { writer: Writer::new(writing, connection), readers })
    }
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
