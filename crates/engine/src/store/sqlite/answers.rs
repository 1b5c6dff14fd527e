//! Idempotent answers: most come with the change that they tell of, in its transaction.

use annals_core::time::Micros;
use sqlx::SqliteConnection;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};

use super::SqliteStore;
use super::error::store_error;
use super::lists::in_environment;
use super::row::Columns;
use crate::store::{AnswerKey, KeptAnswer, StoreError, StoredAnswer};

const PUT: &str = "
    INSERT INTO answers (environment, digest, request_digest, status, body, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (environment, digest) DO UPDATE
    SET request_digest = excluded.request_digest, status = excluded.status, body = excluded.body, at = excluded.at";

/// Part of the transaction that makes the change.
pub(super) async fn keep(connection: &mut SqliteConnection, kept: Option<KeptAnswer>) -> Result<(), StoreError> {
    if let Some(KeptAnswer { key, answer }) = &kept {
        put(key, answer).execute(connection).await.map_err(store_error)?;
    }
    Ok(())
}

fn put<'q>(key: &'q AnswerKey, answer: &'q StoredAnswer) -> Query<'q, Sqlite, SqliteArguments> {
    in_environment(PUT, key.environment)
        .bind(key.digest.as_slice())
        .bind(answer.request_digest.as_slice())
        .bind(answer.status)
        .bind(answer.body.as_slice())
        .bind(answer.at.get())
}

impl SqliteStore {
    pub(super) async fn answer_of(&self, key: &AnswerKey) -> Result<Option<StoredAnswer>, StoreError> {
        let statement = in_environment("SELECT * FROM answers WHERE environment = ?1 AND digest = ?2", key.environment)
            .bind(key.digest.as_slice());
        let Some(row) = statement.fetch_optional(&self.readers).await.map_err(store_error)? else {
            return Ok(None);
        };
        let columns = Columns::new("answers", &row);
        Ok(Some(StoredAnswer {
            request_digest: columns.bytes("request_digest")?,
            status: columns.get("status")?,
            body: columns.get("body")?,
            at: columns.time("at")?,
        }))
    }

    pub(super) async fn put_answer_alone(&self, key: &AnswerKey, answer: &StoredAnswer) -> Result<(), StoreError> {
        self.writer.execute(put(key, answer)).await?;
        Ok(())
    }

    pub(super) async fn delete_answers(&self, before: Micros, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers WHERE at < ?1 ORDER BY at LIMIT ?2)";
        self.writer.execute(sqlx::query(sql).bind(before.get()).bind(limit)).await
    }
}
