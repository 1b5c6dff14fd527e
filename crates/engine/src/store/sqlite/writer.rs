//! The connection that writes, and the order in which calls get it.
//!
//! SQLite has one writer at a time whatever we do. With several writing connections the others would poll in its busy handler, and
//! a committer that starts its next commit at once would starve them; with one connection behind a fair lock the queue is ours, nobody
//! sleeps, and the page cache stays warm.
//!
//! Commits pass the line in which all other writes wait: a commit waits for at most one other write. They have a connection of their own
//! (`direct`), which is used by whoever holds the other: what is two for SQLite is one for us.
//!
//! A call may be dropped at any await, because clients hang up. Then its transaction is rolled back, and the next call makes sure of
//! that before it begins. The connection carries out commands in order, so nothing of the dropped call can come later.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::direct::Direct;
use super::error::{is_without_transaction, store_error, unavailable};
use crate::crash_point;
use crate::store::StoreError;

pub(super) struct Writer {
    options: SqliteConnectOptions,
    line: Mutex<()>,
    connection: Mutex<Option<SqliteConnection>>,
    /// Only used by the holder of `connection`.
    direct: std::sync::Mutex<Direct>,
    /// A transaction may be open that nobody will finish, or the connection may be broken. Only changed by the holder of `connection`.
    doubtful: AtomicBool,
    closed: AtomicBool,
}

/// One open transaction. Dropping it without [`Transaction::commit`] undoes it.
pub(super) struct Transaction<'w> {
    connection: MappedMutexGuard<'w, SqliteConnection>,
    writer: &'w Writer,
    committed: bool,
    _line: Option<MutexGuard<'w, ()>>,
}

impl Writer {
    /// `connection` must have been made with `options`.
    pub fn new(options: SqliteConnectOptions, connection: SqliteConnection, direct: Direct) -> Self {
        Self {
            options,
            line: Mutex::new(()),
            connection: Mutex::new(Some(connection)),
            direct: std::sync::Mutex::new(direct),
            doubtful: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    pub async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        let line = self.line.lock().await;
        self.transaction(Some(line)).await
    }

    /// The same, past the line: for the committer, behind which all events wait.
    pub async fn begin_first(&self) -> Result<Transaction<'_>, StoreError> {
        self.transaction(None).await
    }

    async fn transaction<'w>(&'w self, line: Option<MutexGuard<'w, ()>>) -> Result<Transaction<'w>, StoreError> {
        let connection = self.take().await?;
        self.doubtful.store(true, Ordering::Relaxed);
        // Before the statement, so that dropping this call in the middle of it rolls back too.
        let mut transaction = Transaction { connection, writer: self, committed: false, _line: line };
        sqlx::query("BEGIN IMMEDIATE").execute(transaction.connection()).await.map_err(store_error)?;
        Ok(transaction)
    }

    /// One statement that is a transaction by itself, in its turn like any other write. How many rows it changed.
    pub async fn execute(&self, statement: Query<'_, Sqlite, SqliteArguments>) -> Result<u64, StoreError> {
        let _line = self.line.lock().await;
        let mut connection = self.take().await?;
        // Before the statement, so that whoever comes after a call that was dropped in the middle of it waits for its end.
        self.doubtful.store(true, Ordering::Relaxed);
        let done = statement.execute(&mut *connection).await;
        self.doubtful.store(done.is_err(), Ordering::Relaxed);
        Ok(done.map_err(store_error)?.rows_affected())
    }

    /// One statement of a commit, past the line, carried out on this thread.
    pub async fn commit(&self, statement: &str, values: impl rusqlite::Params) -> Result<usize, StoreError> {
        let _alone = self.take().await?;
        self.direct.lock().unwrap_or_else(PoisonError::into_inner).execute(statement, values)
    }

    /// Waits for the running call. Later ones fail.
    pub async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let connection = self.connection.lock().await.take();
        // The last connection copies the log into the database.
        self.direct.lock().unwrap_or_else(PoisonError::into_inner).close();
        if let Some(connection) = connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly; the next start recovers it");
        }
    }

    /// A connection without an open transaction.
    async fn take(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let mut slot = self.connection.lock().await;
        if self.closed.load(Ordering::Relaxed) {
            return Err(unavailable("the store is closed"));
        }
        if self.doubtful.load(Ordering::Relaxed) {
            if let Some(connection) = slot.as_mut()
                && let Err(error) = sqlx::query("ROLLBACK").execute(connection).await
                && !is_without_transaction(&error)
            {
                tracing::warn!(%error, "the writing connection is replaced");
                *slot = None;
            }
            self.doubtful.store(false, Ordering::Relaxed);
        }
        if slot.is_none() {
            *slot = Some(self.options.connect().await.map_err(store_error)?);
        }
        MutexGuard::try_map(slot, Option::as_mut).map_err(|_| unavailable("no connection"))
    }
}

impl Transaction<'_> {
    /// To run statements on.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub async fn commit(mut self) -> Result<(), StoreError> {
        crash_point::pass("store.committing");
        sqlx::query("COMMIT").execute(&mut *self.connection).await.map_err(store_error)?;
        crash_point::pass("store.committed");
        self.writer.doubtful.store(false, Ordering::Relaxed);
        self.committed = true;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // One poll hands the command over, and nobody needs its answer: the next call rolls back once more. Without it the file
            // would stay locked until then.
            let _ = sqlx::query("ROLLBACK").execute(&mut *self.connection).now_or_never();
        }
    }
}
