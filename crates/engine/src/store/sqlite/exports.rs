//! Export jobs and their states.

use annals_core::ids::{EnvironmentId, ExportId};
use annals_core::time::Micros;
use sqlx::sqlite::SqliteRow;

use super::error::store_error;
use super::lists::in_environment;
use super::row::{Columns, StoredId, json};
use super::{SqliteStore, answers};
use crate::entities::{Export, ExportState};
use crate::store::{Keep, StoreError};

const INSERT: &str = "
    INSERT INTO exports (environment, id, organization, state, filter, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

impl SqliteStore {
    pub(super) async fn insert_one_export(
        &self,
        environment: EnvironmentId,
        export: &Export,
        keep: Keep<'_, Export>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        in_environment(INSERT, environment)
            .bind(export.id.to_stored())
            .bind(export.organization.to_stored())
            .bind(word(export.state))
            .bind(json(&export.filter)?)
            .bind(export.created_at.get())
            .bind(export.updated_at.get())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        answers::keep(transaction.connection(), keep(export)).await?;
        transaction.commit().await
    }

    pub(super) async fn export_by_id(&self, id: ExportId) -> Result<Option<(EnvironmentId, Export)>, StoreError> {
        let statement = sqlx::query("SELECT * FROM exports WHERE id = ?1").bind(id.to_stored());
        let row = statement.fetch_optional(&self.readers).await.map_err(store_error)?;
        row.as_ref().map(stored_export).transpose()
    }

    pub(super) async fn move_export(
        &self,
        id: ExportId,
        from: ExportState,
        to: ExportState,
        at: Micros,
    ) -> Result<bool, StoreError> {
        let statement = sqlx::query("UPDATE exports SET state = ?3, updated_at = ?4 WHERE id = ?1 AND state = ?2")
            .bind(id.to_stored())
            .bind(word(from))
            .bind(word(to))
            .bind(at.get());
        Ok(self.writer.execute(statement).await? > 0)
    }

    pub(super) async fn exports_waiting(
        &self,
        state: ExportState,
        before: Micros,
        limit: u32,
    ) -> Result<Vec<(EnvironmentId, Export)>, StoreError> {
        let rows = sqlx::query("SELECT * FROM exports WHERE state = ?1 AND updated_at < ?2 ORDER BY updated_at, id LIMIT ?3")
            .bind(word(state))
            .bind(before.get())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(store_error)?;
        rows.iter().map(stored_export).collect()
    }

    pub(super) async fn count_pending(&self, environment: EnvironmentId) -> Result<u64, StoreError> {
        let statement =
            in_environment("SELECT count(*) AS pending FROM exports WHERE environment = ?1 AND state = 'pending'", environment);
        let row = statement.fetch_one(&self.readers).await.map_err(store_error)?;
        Columns::new("exports", &row).get("pending")
    }
}

fn stored_export(row: &SqliteRow) -> Result<(EnvironmentId, Export), StoreError> {
    let columns = Columns::new("exports", row);
    let export = Export {
        id: columns.id("id")?,
        organization: columns.id("organization")?,
        state: columns.word("state", meaning)?,
        filter: columns.json("filter")?,
        created_at: columns.time("created_at")?,
        updated_at: columns.time("updated_at")?,
    };
    Ok((columns.id("environment")?, export))
}

fn word(state: ExportState) -> &'static str {
    match state {
        ExportState::Pending => "pending",
        ExportState::Ready => "ready",
        ExportState::Error => "error",
        ExportState::Expired => "expired",
    }
}

fn meaning(word: &str) -> Option<ExportState> {
    Some(match word {
        "pending" => ExportState::Pending,
        "ready" => ExportState::Ready,
        "error" => ExportState::Error,
        "expired" => ExportState::Expired,
        _ => return None,
    })
}
