//! A database as another process finds it: nothing is made, migrated or written. The server may be running: in WAL mode readers wait
//! for nobody, and one transaction here sees one moment.

use std::path::Path;

use annals_core::ids::{CommitNumber, ExportId, OrganizationId, ShardId};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::commit_log::{Positions, number};
use super::error::store_error;
use super::migrate;
use super::open::{BUSY_TIMEOUT, check_wal};
use super::row::Columns;
use crate::store::{ConnectError, StoreError, StoredCommit};

/// Rows that one look at the commit log brings into memory.
const COMMITS_PER_READ: u32 = 64;

pub struct DatabaseView {
    connection: SqliteConnection,
    /// The version of its format.
    pub version: u32,
}

/// What the table of shards says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardRow {
    pub shard: ShardId,
    /// Commits up to here are in the lake.
    pub released: CommitNumber,
    pub last: CommitNumber,
}

fn reading(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_TIMEOUT);
    // Pages are looked at more closely than SQLite does by itself.
    options.pragma("cell_size_check", "ON").disable_statement_logging()
}

/// The whole file, as of one moment. Free pages stay behind.
pub(in crate::store) async fn copy(path: &Path, to: &Path) -> Result<(), ConnectError> {
    std::fs::metadata(path).map_err(|source| ConnectError::File { path: path.to_owned(), source })?;
    check_wal(path).await?;
    let options = reading(path);
    migrate::inspect_made(&options, path).await?;
    let mut connection = options.connect().await.map_err(store_error)?;
    let copied = sqlx::query("VACUUM INTO ?1").bind(to.to_string_lossy().into_owned()).execute(&mut connection).await;
    // An error while closing a connection that only read has no consequence.
    let _ = connection.close().await;
    copied.map_err(store_error)?;
    Ok(())
}

impl DatabaseView {
    /// Everything that is read is of the moment of this call, until [`DatabaseView::close`].
    ///
    /// # Errors
    /// There is no such file, it is not ours, or newer than this program.
    pub(in crate::store) async fn open(path: &Path) -> Result<Self, ConnectError> {
        let file = |source| ConnectError::File { path: path.to_owned(), source };
        std::fs::metadata(path).map_err(file)?;
        check_wal(path).await?;
        let options = reading(path);
        let version = migrate::inspect_made(&options, path).await?;
        let mut connection = options.connect().await.map_err(store_error)?;
        // The first read of the transaction decides which moment it sees.
        sqlx::raw_sql("BEGIN; SELECT count(*) FROM sqlite_schema").execute(&mut connection).await.map_err(store_error)?;
        Ok(Self { connection, version })
    }

    pub async fn close(self) {
        // An error while closing a connection that only read has no consequence.
        let _ = self.connection.close().await;
    }

    /// What SQLite finds wrong with its own file, a line for each; empty when nothing is.
    ///
    /// # Errors
    /// The check could not be finished: that is damage too when it is `Damaged`.
    pub async fn faults(&mut self) -> Result<Vec<String>, StoreError> {
        let checked: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut self.connection).await.map_err(store_error)?;
        let mut faults: Vec<String> = checked.into_iter().filter(|line| line != "ok").collect();
        let strangers = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut self.connection).await.map_err(store_error)?;
        for row in &strangers {
            let columns = Columns::new("foreign_key_check", row);
            let (table, parent): (String, String) = (columns.get("table")?, columns.get("parent")?);
            faults.push(format!("a row of {table} names a row of {parent} that is not there"));
        }
        Ok(faults)
    }

    /// The shard that this installation writes; `None` before its first start is finished.
    pub async fn shard(&mut self) -> Result<Option<ShardId>, StoreError> {
        let row =
            sqlx::query("SELECT shard FROM installation").fetch_optional(&mut self.connection).await.map_err(store_error)?;
        row.map(|row| Ok(ShardId::new(Columns::new("installation", &row).get("shard")?))).transpose()
    }

    /// Every shard that was ever claimed.
    pub async fn shards(&mut self) -> Result<Vec<ShardRow>, StoreError> {
        let rows = sqlx::query("SELECT id, released FROM shards ORDER BY id").fetch_all(&mut self.connection).await;
        let mut shards = Vec::new();
        for row in rows.map_err(store_error)? {
            let columns = Columns::new("shards", &row);
            let shard = ShardId::new(columns.get("id")?);
            let released = number(columns.get("released")?).ok_or_else(|| columns.damaged("released"))?;
            let positions = Positions::of(shard);
            let newest = sqlx::query("SELECT max(position) AS newest FROM commits WHERE position BETWEEN ?1 AND ?2")
                .bind(positions.first)
                .bind(positions.last)
                .fetch_one(&mut self.connection)
                .await
                .map_err(store_error)?;
            let columns = Columns::new("commits", &newest);
            let last = match columns.get::<Option<i64>>("newest")? {
                None => released,
                Some(position) => number(position - positions.first).ok_or_else(|| columns.damaged("position"))?,
            };
            shards.push(ShardRow { shard, released, last });
        }
        Ok(shards)
    }

    /// Some commits with numbers above `after`, rising; none when there are no more.
    pub async fn commits_after(&mut self, shard: ShardId, after: CommitNumber) -> Result<Vec<StoredCommit>, StoreError> {
        let positions = Positions::of(shard);
        let rows =
            sqlx::query("SELECT position, blob FROM commits WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3")
                .bind(positions.at(after))
                .bind(positions.last)
                .bind(COMMITS_PER_READ)
                .fetch_all(&mut self.connection)
                .await
                .map_err(store_error)?;
        rows.iter().map(|row| positions.commit(row)).collect()
    }

    pub async fn heads(&mut self, shard: ShardId) -> Result<Vec<(OrganizationId, u64)>, StoreError> {
        let statement = sqlx::query("SELECT organization, next_seq FROM heads WHERE shard = ?1").bind(shard.get());
        let rows = statement.fetch_all(&mut self.connection).await.map_err(store_error)?;
        let decode = |row| {
            let columns = Columns::new("heads", row);
            Ok((columns.id("organization")?, columns.get("next_seq")?))
        };
        rows.iter().map(decode).collect()
    }

    pub async fn organizations(&mut self) -> Result<Vec<OrganizationId>, StoreError> {
        let rows = sqlx::query("SELECT id FROM organizations").fetch_all(&mut self.connection).await.map_err(store_error)?;
        rows.iter().map(|row| Columns::new("organizations", row).id("id")).collect()
    }

    /// Exports whose file must be there.
    pub async fn ready_exports(&mut self) -> Result<Vec<ExportId>, StoreError> {
        let statement = sqlx::query("SELECT id FROM exports WHERE state = 'ready' ORDER BY id");
        let rows = statement.fetch_all(&mut self.connection).await.map_err(store_error)?;
        rows.iter().map(|row| Columns::new("exports", row).id("id")).collect()
    }
}
