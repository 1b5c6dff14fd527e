//! Actions and the versions of their schemas.

use annals_core::ids::{ActionId, EnvironmentId, SchemaId};
use annals_core::time::Micros;
use sqlx::sqlite::SqliteRow;

use super::error::store_error;
use super::lists::{in_environment, scan_query, scan_sql};
use super::row::{Columns, StoredId, json};
use super::writer::Transaction;
use super::{SqliteStore, answers};
use crate::entities::{Action, NewSchema, Schema};
use crate::page::{ListQuery, Page};
use crate::store::listing::{self, Scan};
use crate::store::{Keep, StoreError};

/// Counts up inside the write transaction, so no two calls get one version.
const NEXT_VERSION: &str = "
    INSERT INTO actions (environment, id, name, latest_version, created_at, updated_at) VALUES (?1, ?2, ?3, 1, ?4, ?4)
    ON CONFLICT (environment, name) DO UPDATE SET latest_version = latest_version + 1, updated_at = max(updated_at, excluded.updated_at)
    RETURNING id, latest_version";

impl SqliteStore {
    pub(super) async fn append_schema(
        &self,
        environment: EnvironmentId,
        action: &str,
        ids: (ActionId, SchemaId),
        (body, at): (&NewSchema, Micros),
        keep: Keep<'_, Schema>,
    ) -> Result<Schema, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let statement = in_environment(NEXT_VERSION, environment).bind(ids.0.to_stored()).bind(action).bind(at.get());
        let row = statement.fetch_one(transaction.connection()).await.map_err(store_error)?;
        let columns = Columns::new("actions", &row);
        let (action, version): (ActionId, u32) = (columns.id("id")?, columns.get("latest_version")?);
        let id = id_above_last(&mut transaction, action, ids.1).await?;
        sqlx::query("INSERT INTO schemas (action, version, id, body, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(action.to_stored())
            .bind(version)
            .bind(id.to_stored())
            .bind(json(body)?)
            .bind(at.get())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        let schema = Schema { id, version, body: body.clone(), created_at: at };
        answers::keep(transaction.connection(), keep(&schema)).await?;
        transaction.commit().await?;
        Ok(schema)
    }

    pub(super) async fn schema_version(
        &self,
        environment: EnvironmentId,
        action: &str,
        version: u32,
    ) -> Result<Option<Schema>, StoreError> {
        let sql = "SELECT s.* FROM actions AS a JOIN schemas AS s ON s.action = a.id WHERE a.environment = ?1 AND a.name = ?2 AND s.version = ?3";
        let statement = in_environment(sql, environment).bind(action).bind(version);
        let row = statement.fetch_optional(&self.readers).await.map_err(store_error)?;
        row.as_ref().map(schema).transpose()
    }

    pub(super) async fn action_page(
        &self,
        environment: EnvironmentId,
        query: &ListQuery<ActionId>,
    ) -> Result<Page<Action, ActionId>, StoreError> {
        let scan = |scan: Scan<ActionId>| async move {
            let sql =
                scan_sql!(scan.direction, "SELECT * FROM actions_with_latest WHERE environment = ?4 AND id > ?1 AND id < ?2");
            let rows = scan_query(sql, scan).bind(environment.to_stored()).fetch_all(&self.readers).await.map_err(store_error)?;
            rows.iter().map(action).collect()
        };
        listing::page(query, |found: &Action| found.id, scan).await
    }

    pub(super) async fn schema_page(
        &self,
        environment: EnvironmentId,
        action: &str,
        query: &ListQuery<SchemaId>,
    ) -> Result<Option<Page<Schema, SchemaId>>, StoreError> {
        let statement = in_environment("SELECT id FROM actions WHERE environment = ?1 AND name = ?2", environment).bind(action);
        let Some(row) = statement.fetch_optional(&self.readers).await.map_err(store_error)? else {
            return Ok(None);
        };
        let action: ActionId = Columns::new("actions", &row).id("id")?;
        let scan = |scan: Scan<SchemaId>| async move {
            let sql = scan_sql!(scan.direction, "SELECT * FROM schemas WHERE action = ?4 AND id > ?1 AND id < ?2");
            let rows = scan_query(sql, scan).bind(action.to_stored()).fetch_all(&self.readers).await.map_err(store_error)?;
            rows.iter().map(schema).collect()
        };
        listing::page(query, |found: &Schema| found.id, scan).await.map(Some)
    }
}

/// The proposed id, or the one after the action's last.
async fn id_above_last(transaction: &mut Transaction<'_>, action: ActionId, proposed: SchemaId) -> Result<SchemaId, StoreError> {
    let row = sqlx::query("SELECT max(id) AS last FROM schemas WHERE action = ?1")
        .bind(action.to_stored())
        .fetch_one(transaction.connection())
        .await
        .map_err(store_error)?;
    Ok(match Columns::new("schemas", &row).optional_id::<SchemaId>("last")? {
        Some(last) if last >= proposed => {
            SchemaId::from_bytes(u128::from_be_bytes(last.to_bytes()).saturating_add(1).to_be_bytes())
        }
        _ => proposed,
    })
}

fn schema(row: &SqliteRow) -> Result<Schema, StoreError> {
    let columns = Columns::new("schemas", row);
    Ok(Schema {
        id: columns.id("id")?,
        version: columns.get("version")?,
        body: columns.json("body")?,
        created_at: columns.time("created_at")?,
    })
}

fn action(row: &SqliteRow) -> Result<Action, StoreError> {
    let columns = Columns::new("actions", row);
    let schema = Schema {
        id: columns.id("schema_id")?,
        version: columns.get("latest_version")?,
        body: columns.json("schema_body")?,
        created_at: columns.time("schema_created_at")?,
    };
    Ok(Action {
        id: columns.id("id")?,
        name: columns.get("name")?,
        schema,
        created_at: columns.time("created_at")?,
        updated_at: columns.time("updated_at")?,
    })
}
