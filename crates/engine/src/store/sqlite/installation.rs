//! What is made once, when the database is empty, and further environments.

use annals_core::ids::ShardId;
use annals_core::time::Micros;

use super::SqliteStore;
use super::api_keys;
use super::error::{store_error, taken};
use super::row::{Columns, StoredId};
use super::writer::Transaction;
use crate::store::{Founded, Founding, StoreError, StoredApiKey, Unique};

impl SqliteStore {
    pub(super) async fn found_once(&self, founding: &Founding) -> Result<Founded, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let row = sqlx::query("SELECT environment, shard, signing_secret FROM installation")
            .fetch_optional(transaction.connection())
            .await
            .map_err(store_error)?;
        if let Some(row) = row {
            let columns = Columns::new("installation", &row);
            let shard = ShardId::new(columns.get("shard")?);
            let environment = columns.id("environment")?;
            check_shard(&mut transaction, shard).await?;
            return Ok(Founded { environment, signing_secret: columns.bytes("signing_secret")?, shard, now: false });
        }
        let key = StoredApiKey { environment: founding.environment, key: founding.key.clone(), digest: founding.key_digest };
        insert_environment(&mut transaction, &founding.environment_name, &key, founding.at).await?;
        sqlx::query("INSERT INTO installation (one, environment, shard, signing_secret, created_at) VALUES (1, ?1, ?2, ?3, ?4)")
            .bind(founding.environment.to_stored())
            .bind(founding.shard.get())
            .bind(founding.signing_secret.as_slice())
            .bind(founding.at.get())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        transaction.commit().await?;
        let Founding { environment, signing_secret, shard, .. } = *founding;
        Ok(Founded { environment, signing_secret, shard, now: true })
    }

    pub(super) async fn insert_one_environment(&self, name: &str, key: &StoredApiKey, at: Micros) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        insert_environment(&mut transaction, name, key, at).await?;
        transaction.commit().await
    }

    pub(super) async fn look(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT one FROM installation").fetch_optional(&self.readers).await.map_err(store_error)?;
        Ok(())
    }
}

/// The commits of a shard that nobody writes any more would be left out without a word.
async fn check_shard(transaction: &mut Transaction<'_>, shard: ShardId) -> Result<(), StoreError> {
    let others = sqlx::query(
        "SELECT id FROM shards WHERE (released > 0 OR EXISTS (SELECT 1 FROM commits)) AND NOT EXISTS (SELECT 1 FROM shards WHERE id = ?1)",
    );
    let others = others.bind(shard.get()).fetch_optional(transaction.connection()).await.map_err(store_error)?;
    match others {
        None => Ok(()),
        Some(_) => Err(StoreError::Damaged {
            what: format!("column shard of the row of installation: {shard} was never written, another was"),
        }),
    }
}

async fn insert_environment(
    transaction: &mut Transaction<'_>,
    name: &str,
    key: &StoredApiKey,
    at: Micros,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO environments (id, name, created_at) VALUES (?1, ?2, ?3)")
        .bind(key.environment.to_stored())
        .bind(name)
        .bind(at.get())
        .execute(transaction.connection())
        .await
        .map_err(|error| taken(error, |columns| (columns == "environments.name").then_some(Unique::EnvironmentName)))?;
    api_keys::insert(transaction.connection(), key).await?;
    Ok(())
}
