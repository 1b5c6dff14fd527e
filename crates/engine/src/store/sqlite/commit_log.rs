//! The commit log's rows.

use annals_core::ids::{CommitNumber, OrganizationId, ShardId};

use super::SqliteStore;
use super::error::store_error;
use super::row::{Columns, StoredId, json, signed};
use super::writer::Transaction;
use crate::store::{Fence, StoreError, StoredCommit};

/// Bits of a position that hold the commit's number; the shard is above them.
const NUMBER_BITS: u32 = 40;
/// Heads written by one statement.
const HEADS_PER_STATEMENT: usize = 4096;

/// One statement, and so one round trip and one write to the disk. It reads and writes under SQLite's write lock, so no claim can
/// come between the check and the row.
const COMMIT: &str = "
    INSERT INTO commits (position, blob)
    SELECT ?1, ?2 FROM shards
    WHERE id = ?3 AND epoch = ?4
      AND ?1 = 1 + COALESCE((SELECT max(position) FROM commits WHERE position BETWEEN ?5 AND ?6), ?5 + released)";

/// A shard that was never claimed has no row, no epoch and no commit.
const STATE: &str = "
    SELECT epoch, COALESCE((SELECT max(position) FROM commits WHERE position BETWEEN ?2 AND ?3) - ?2, released) AS last
    FROM shards WHERE id = ?1";

const RAISE_HEADS: &str = "
    INSERT INTO heads (shard, organization, next_seq)
    SELECT ?1, unhex(value ->> 0), value ->> 1 FROM json_each(?2) WHERE true
    ON CONFLICT (shard, organization) DO UPDATE SET next_seq = max(next_seq, excluded.next_seq)";

/// The positions of one shard: `first + number`.
pub(super) struct Positions {
    pub first: i64,
    pub last: i64,
}

impl Positions {
    pub fn of(shard: ShardId) -> Self {
        // The upper half of all shards has negative positions; within a shard they rise all the same.
        let first = (u64::from(shard.get()) << NUMBER_BITS).cast_signed();
        Self { first, last: first + ((1 << NUMBER_BITS) - 1) }
    }

    pub fn at(&self, number: CommitNumber) -> i64 {
        self.first + number.get().cast_signed()
    }

    /// A row with its `position` and its `blob`.
    pub fn commit(&self, row: &sqlx::sqlite::SqliteRow) -> Result<StoredCommit, StoreError> {
        let columns = Columns::new("commits", row);
        let number = number(columns.get::<i64>("position")? - self.first).ok_or_else(|| columns.damaged("position"))?;
        Ok(StoredCommit { number, blob: columns.get("blob")? })
    }
}

struct ShardState {
    epoch: u64,
    last: CommitNumber,
}

impl SqliteStore {
    pub(super) async fn claim(&self, shard: ShardId) -> Result<Fence, StoreError> {
        let mut transaction = self.writer.begin_first().await?;
        let row = sqlx::query(
            "INSERT INTO shards (id, epoch, released) VALUES (?1, 1, 0)
             ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
        )
        .bind(shard.get())
        .fetch_one(transaction.connection())
        .await
        .map_err(store_error)?;
        let epoch = Columns::new("shards", &row).get("epoch")?;
        transaction.commit().await?;
        Ok(Fence { shard, epoch })
    }

    pub(super) async fn append_commit(&self, fence: Fence, commit: &StoredCommit) -> Result<(), StoreError> {
        let positions = Positions::of(fence.shard);
        let values = (
            positions.at(commit.number),
            commit.blob.as_slice(),
            fence.shard.get(),
            signed(fence.epoch)?,
            positions.first,
            positions.last,
        );
        if self.writer.commit(COMMIT, values).await? == 1 {
            return Ok(());
        }
        match self.shard_state(fence.shard).await? {
            Some(state) if state.epoch == fence.epoch => Err(StoreError::Damaged {
                what: format!("the order of commits: {} does not follow {}", commit.number, state.last),
            }),
            _ => Err(StoreError::Fenced),
        }
    }

    pub(super) async fn last(&self, shard: ShardId) -> Result<CommitNumber, StoreError> {
        Ok(self.shard_state(shard).await?.map_or(CommitNumber::ZERO, |state| state.last))
    }

    pub(super) async fn rows_after(
        &self,
        shard: ShardId,
        after: CommitNumber,
        limit: u32,
    ) -> Result<Vec<StoredCommit>, StoreError> {
        let positions = Positions::of(shard);
        let rows =
            sqlx::query("SELECT position, blob FROM commits WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3")
                .bind(positions.at(after))
                .bind(positions.last)
                .bind(limit)
                .fetch_all(&self.readers)
                .await
                .map_err(store_error)?;
        rows.iter().map(|row| positions.commit(row)).collect()
    }

    pub(super) async fn release_through(
        &self,
        fence: Fence,
        through: CommitNumber,
        heads: &[(OrganizationId, u64)],
    ) -> Result<(), StoreError> {
        let positions = Positions::of(fence.shard);
        let mut transaction = self.writer.begin_first().await?;
        match state_in(&mut transaction, fence.shard).await? {
            Some(state) if state.epoch == fence.epoch && through <= state.last => {}
            Some(state) if state.epoch == fence.epoch => {
                return Err(StoreError::Damaged {
                    what: format!("the order of commits: {through} is released before {} follows", state.last),
                });
            }
            _ => return Err(StoreError::Fenced),
        }
        // Before the rows go: the last number is read from the rows as long as there are any.
        sqlx::query("UPDATE shards SET released = max(released, ?2) WHERE id = ?1")
            .bind(fence.shard.get())
            .bind(signed(through.get())?)
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        sqlx::query("DELETE FROM commits WHERE position BETWEEN ?1 AND ?2")
            .bind(positions.first)
            .bind(positions.at(through))
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        for heads in heads.chunks(HEADS_PER_STATEMENT) {
            raise_heads(&mut transaction, fence.shard, heads).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn saved_heads(&self, shard: ShardId) -> Result<Vec<(OrganizationId, u64)>, StoreError> {
        let rows = sqlx::query("SELECT organization, next_seq FROM heads WHERE shard = ?1")
            .bind(shard.get())
            .fetch_all(&self.readers)
            .await
            .map_err(store_error)?;
        let decode = |row| {
            let columns = Columns::new("heads", row);
            Ok((columns.id("organization")?, columns.get("next_seq")?))
        };
        rows.iter().map(decode).collect()
    }

    async fn shard_state(&self, shard: ShardId) -> Result<Option<ShardState>, StoreError> {
        let row = state_query(shard).fetch_optional(&self.readers).await.map_err(store_error)?;
        row.as_ref().map(shard_state).transpose()
    }
}

async fn state_in(transaction: &mut Transaction<'_>, shard: ShardId) -> Result<Option<ShardState>, StoreError> {
    let row = state_query(shard).fetch_optional(transaction.connection()).await.map_err(store_error)?;
    row.as_ref().map(shard_state).transpose()
}

fn state_query(shard: ShardId) -> sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    let positions = Positions::of(shard);
    sqlx::query(STATE).bind(shard.get()).bind(positions.first).bind(positions.last)
}

fn shard_state(row: &sqlx::sqlite::SqliteRow) -> Result<ShardState, StoreError> {
    let columns = Columns::new("shards", row);
    let last = number(columns.get("last")?).ok_or_else(|| columns.damaged("last"))?;
    Ok(ShardState { epoch: columns.get("epoch")?, last })
}

async fn raise_heads(
    transaction: &mut Transaction<'_>,
    shard: ShardId,
    heads: &[(OrganizationId, u64)],
) -> Result<(), StoreError> {
    let pairs: Vec<(String, u64)> =
        heads.iter().map(|(organization, next)| (hex::encode(organization.to_stored()), *next)).collect();
    sqlx::query(RAISE_HEADS)
        .bind(shard.get())
        .bind(json(&pairs)?)
        .execute(transaction.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

pub(super) fn number(value: i64) -> Option<CommitNumber> {
    CommitNumber::new(u64::try_from(value).ok()?)
}
