//! What is made once, when the database is empty.

use annals_core::ids::ShardId;

use super::SqliteStore;
use super::api_keys;
use super::error::store_error;
use super::row::{Columns, StoredId};
use crate::store::{Founded, Founding, StoreError, StoredApiKey};

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
            return Ok(Founded { environment: columns.id("environment")?, signing_secret: columns.bytes("signing_secret")?, shard, now: false });
        }
        sqlx::query("INSERT INTO environments (id, name, created_at) VALUES (?1, ?2, ?3)")
            .bind(founding.environment.to_stored())
            .bind(founding.environment_name.as_str())
            .bind(founding.at.get())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        sqlx::query("INSERT INTO installation (one, environment, shard, signing_secret, created_at) VALUES (1, ?1, ?2, ?3, ?4)")
            .bind(founding.environment.to_stored())
            .bind(founding.shard.get())
            .bind(founding.signing_secret.as_slice())
            .bind(founding.at.get())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        let key = StoredApiKey { environment: founding.environment, key: founding.key.clone(), digest: founding.key_digest };
        api_keys::insert(transaction.connection(), &key).await?;
        transaction.commit().await?;
        Ok(Founded { environment: founding.environment, signing_secret: founding.signing_secret, shard: founding.shard, now: true })
    }

    pub(super) async fn look(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT one FROM installation").fetch_optional(&self.readers).await.map_err(store_error)?;
        Ok(())
    }
}
