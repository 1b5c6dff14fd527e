//! API keys: their public side and the digest, never the key.

use annals_core::ids::{ApiKeyId, EnvironmentId, OrganizationId};
use annals_core::record::NewFeedEvent;
use annals_core::secret::ApiKeyDigest;
use annals_core::time::Micros;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::error::{store_error, taken};
use super::lists::{in_environment, scan_query, scan_sql};
use super::row::{Columns, StoredId, json};
use super::{SqliteStore, answers, outbox};
use crate::entities::{ApiKey, KeyOwner};
use crate::page::{ListQuery, Page};
use crate::store::listing::{self, Scan};
use crate::store::{Changed, Keep, StoreError, StoredApiKey, Tell, Unique};

/// The owner is looked up in the same statement, so a key cannot be made while its organization is deleted.
const INSERT: &str = "
    INSERT INTO api_keys (id, environment, organization, digest, name, obfuscated_value, permissions, last_used_at, expires_at, created_at, updated_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11
    WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM organizations WHERE id = ?3 AND environment = ?2)";

const ONE: &str = "SELECT * FROM api_keys WHERE environment = ?1 AND id = ?2";

const TOUCH: &str = "
    UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, used.at), used.at)
    FROM (SELECT unhex(value ->> 0) AS id, value ->> 1 AS at FROM json_each(?1)) AS used
    WHERE api_keys.id = used.id";

impl SqliteStore {
    pub(super) async fn key_by_digest(&self, digest: ApiKeyDigest) -> Result<Option<StoredApiKey>, StoreError> {
        let query = sqlx::query("SELECT * FROM api_keys WHERE digest = ?1").bind(digest.0.as_slice());
        let row = query.fetch_optional(&self.readers).await.map_err(store_error)?;
        row.as_ref().map(stored_key).transpose()
    }

    pub(super) async fn insert_key(&self, key: &StoredApiKey, events: &[NewFeedEvent]) -> Result<bool, StoreError> {
        let mut transaction = self.writer.begin().await?;
        if !insert(transaction.connection(), key).await? {
            return Ok(false);
        }
        outbox::put(transaction.connection(), key.environment, events).await?;
        transaction.commit().await?;
        Ok(true)
    }

    pub(super) async fn key_page(
        &self,
        environment: EnvironmentId,
        organization: OrganizationId,
        query: &ListQuery<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, StoreError> {
        let scan = |scan: Scan<ApiKeyId>| async move {
            let sql = scan_sql!(
                scan.direction,
                "SELECT * FROM api_keys WHERE id > ?1 AND id < ?2 AND environment = ?4 AND organization = ?5"
            );
            let statement = scan_query(sql, scan).bind(environment.to_stored()).bind(organization.to_stored());
            let rows = statement.fetch_all(&self.readers).await.map_err(store_error)?;
            rows.iter().map(|row| Ok(stored_key(row)?.key)).collect()
        };
        listing::page(query, |key: &ApiKey| key.id, scan).await
    }

    pub(super) async fn key(&self, environment: EnvironmentId, id: ApiKeyId) -> Result<Option<StoredApiKey>, StoreError> {
        let statement = in_environment(ONE, environment).bind(id.to_stored());
        let row = statement.fetch_optional(&self.readers).await.map_err(store_error)?;
        row.as_ref().map(stored_key).transpose()
    }

    pub(super) async fn set_key_expiry(
        &self,
        (environment, id): (EnvironmentId, ApiKeyId),
        expires_at: Micros,
        at: Micros,
        tell: Tell<'_, Changed<ApiKey>>,
        keep: Keep<'_, ApiKey>,
    ) -> Result<Option<ApiKey>, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let Some(before) = key_in(transaction.connection(), environment, id).await? else { return Ok(None) };
        let after = ApiKey { expires_at: Some(expires_at), updated_at: at, ..before.clone() };
        let changed = Changed { before, after };
        let events = tell(&changed)?;
        in_environment("UPDATE api_keys SET expires_at = ?3, updated_at = ?4 WHERE environment = ?1 AND id = ?2", environment)
            .bind(id.to_stored())
            .bind(expires_at.get())
            .bind(at.get())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        outbox::put(transaction.connection(), environment, &events).await?;
        answers::keep(transaction.connection(), keep(&changed.after)).await?;
        transaction.commit().await?;
        Ok(Some(changed.after))
    }

    pub(super) async fn delete_key(
        &self,
        environment: EnvironmentId,
        id: ApiKeyId,
        tell: Tell<'_, ApiKey>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let Some(key) = key_in(transaction.connection(), environment, id).await? else { return Ok(false) };
        let events = tell(&key)?;
        in_environment("DELETE FROM api_keys WHERE environment = ?1 AND id = ?2", environment)
            .bind(id.to_stored())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        outbox::put(transaction.connection(), environment, &events).await?;
        transaction.commit().await?;
        Ok(true)
    }

    pub(super) async fn touch_keys(&self, used: &[(ApiKeyId, Micros)]) -> Result<(), StoreError> {
        let pairs: Vec<(String, i64)> = used.iter().map(|(id, at)| (hex::encode(id.to_stored()), at.get())).collect();
        self.writer.execute(sqlx::query(TOUCH).bind(json(&pairs)?)).await?;
        Ok(())
    }
}

/// An organization's keys as the transaction sees them, oldest first.
pub(super) async fn keys_of(
    connection: &mut SqliteConnection,
    environment: EnvironmentId,
    organization: OrganizationId,
) -> Result<Vec<ApiKey>, StoreError> {
    let sql = "SELECT * FROM api_keys WHERE environment = ?1 AND organization = ?2 ORDER BY id";
    let statement = in_environment(sql, environment).bind(organization.to_stored());
    let rows = statement.fetch_all(connection).await.map_err(store_error)?;
    rows.iter().map(|row| Ok(stored_key(row)?.key)).collect()
}

async fn key_in(
    connection: &mut SqliteConnection,
    environment: EnvironmentId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, StoreError> {
    let statement = in_environment(ONE, environment).bind(id.to_stored());
    let row = statement.fetch_optional(connection).await.map_err(store_error)?;
    Ok(row.as_ref().map(stored_key).transpose()?.map(|stored| stored.key))
}

/// Whether the owner was there.
pub(super) async fn insert(connection: &mut SqliteConnection, stored: &StoredApiKey) -> Result<bool, StoreError> {
    let key = &stored.key;
    let organization = match key.owner {
        KeyOwner::Environment => None,
        KeyOwner::Organization(id) => Some(id.to_stored()),
    };
    let done = sqlx::query(INSERT)
        .bind(key.id.to_stored())
        .bind(stored.environment.to_stored())
        .bind(organization)
        .bind(stored.digest.0.as_slice())
        .bind(key.name.as_str())
        .bind(key.obfuscated_value.as_str())
        .bind(json(&key.permissions)?)
        .bind(key.last_used_at.map(Micros::get))
        .bind(key.expires_at.map(Micros::get))
        .bind(key.created_at.get())
        .bind(key.updated_at.get())
        .execute(connection)
        .await
        .map_err(|error| taken(error, |columns| (columns == "api_keys.digest").then_some(Unique::ApiKey)))?;
    Ok(done.rows_affected() > 0)
}

fn stored_key(row: &SqliteRow) -> Result<StoredApiKey, StoreError> {
    let columns = Columns::new("api_keys", row);
    let key = ApiKey {
        id: columns.id("id")?,
        owner: columns.optional_id("organization")?.map_or(KeyOwner::Environment, KeyOwner::Organization),
        name: columns.get("name")?,
        obfuscated_value: columns.get("obfuscated_value")?,
        permissions: columns.json("permissions")?,
        last_used_at: columns.optional_time("last_used_at")?,
        expires_at: columns.optional_time("expires_at")?,
        created_at: columns.time("created_at")?,
        updated_at: columns.time("updated_at")?,
    };
    Ok(StoredApiKey { environment: columns.id("environment")?, key, digest: ApiKeyDigest(columns.bytes("digest")?) })
}
