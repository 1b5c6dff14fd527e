//! The embedded backend: one SQLite file in WAL mode, every commit synced.
//!
//! The files mirror the sections of the contract; this one is their table of contents.

mod actions;
mod answers;
mod api_keys;
mod commit_log;
mod direct;
mod error;
mod exports;
mod installation;
mod lists;
mod migrate;
mod open;
mod organization_rows;
mod organizations;
mod outbox;
mod row;
#[cfg(test)]
pub(in crate::store) mod tests;
pub(super) mod view;
mod wal;
mod writer;

use annals_core::ids::{ActionId, ApiKeyId, CommitNumber, EnvironmentId, ExportId, OrganizationId, SchemaId, ShardId};
use annals_core::record::NewFeedEvent;
use annals_core::secret::ApiKeyDigest;
use annals_core::time::Micros;
use async_trait::async_trait;
use sqlx::SqlitePool;

pub use self::view::{DatabaseView, ShardRow};

use self::writer::Writer;
use super::{
    AnswerKey, Changed, Fence, Founded, Founding, Keep, Leaving, OutboxEvent, Store, StoreError, StoredAnswer, StoredApiKey,
    StoredCommit, Tell,
};
use crate::entities::{Action, ApiKey, NewSchema, Organization, OrganizationFilter, Schema};
use crate::entities::{Export, ExportState};
use crate::page::{ListQuery, Page};

pub(super) struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
}

#[async_trait]
impl Store for SqliteStore {
    // ---- installation ----
    async fn found(&self, founding: &Founding) -> Result<Founded, StoreError> {
        self.found_once(founding).await
    }
    async fn insert_environment(&self, name: &str, key: &StoredApiKey, at: Micros) -> Result<(), StoreError> {
        self.insert_one_environment(name, key, at).await
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.look().await
    }
    async fn close(&self) {
        // The writer goes last, so that it can copy the whole log into the database.
        self.readers.close().await;
        self.writer.close().await;
    }

    // ---- commit log ----
    async fn claim_shard(&self, shard: ShardId) -> Result<Fence, StoreError> {
        self.claim(shard).await
    }
    async fn commit(&self, fence: Fence, commit: &StoredCommit) -> Result<(), StoreError> {
        self.append_commit(fence, commit).await
    }
    async fn last_commit(&self, shard: ShardId) -> Result<CommitNumber, StoreError> {
        self.last(shard).await
    }
    async fn commits_after(&self, shard: ShardId, after: CommitNumber, limit: u32) -> Result<Vec<StoredCommit>, StoreError> {
        self.rows_after(shard, after, limit).await
    }
    async fn release(&self, fence: Fence, through: CommitNumber, heads: &[(OrganizationId, u64)]) -> Result<(), StoreError> {
        self.release_through(fence, through, heads).await
    }
    async fn heads(&self, shard: ShardId) -> Result<Vec<(OrganizationId, u64)>, StoreError> {
        self.saved_heads(shard).await
    }

    // ---- API keys ----
    async fn api_key_by_digest(&self, digest: ApiKeyDigest) -> Result<Option<StoredApiKey>, StoreError> {
        self.key_by_digest(digest).await
    }
    async fn insert_api_key(&self, key: &StoredApiKey, events: &[NewFeedEvent]) -> Result<bool, StoreError> {
        self.insert_key(key, events).await
    }
    async fn api_keys(
        &self,
        environment: EnvironmentId,
        organization: OrganizationId,
        query: &ListQuery<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, StoreError> {
        self.key_page(environment, organization, query).await
    }
    async fn api_key(&self, environment: EnvironmentId, id: ApiKeyId) -> Result<Option<StoredApiKey>, StoreError> {
        self.key(environment, id).await
    }
    async fn set_api_key_expiry(
        &self,
        environment: EnvironmentId,
        id: ApiKeyId,
        expires_at: Micros,
        at: Micros,
        tell: Tell<'_, Changed<ApiKey>>,
        keep: Keep<'_, ApiKey>,
    ) -> Result<Option<ApiKey>, StoreError> {
        self.set_key_expiry((environment, id), expires_at, at, tell, keep).await
    }
    async fn delete_api_key(&self, environment: EnvironmentId, id: ApiKeyId, tell: Tell<'_, ApiKey>) -> Result<bool, StoreError> {
        self.delete_key(environment, id, tell).await
    }
    async fn touch_api_keys(&self, used: &[(ApiKeyId, Micros)]) -> Result<(), StoreError> {
        self.touch_keys(used).await
    }

    // ---- organizations ----
    async fn insert_organization(
        &self,
        environment: EnvironmentId,
        organization: &Organization,
        events: &[NewFeedEvent],
        keep: Keep<'_, Organization>,
    ) -> Result<(), StoreError> {
        self.insert_one_organization(environment, organization, events, keep).await
    }
    async fn organization(&self, environment: EnvironmentId, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        self.organization_by_id(environment, id).await
    }
    async fn organization_by_external_id(
        &self,
        environment: EnvironmentId,
        external_id: &str,
    ) -> Result<Option<Organization>, StoreError> {
        self.organization_named(environment, external_id).await
    }
    async fn organizations(
        &self,
        environment: EnvironmentId,
        query: &ListQuery<OrganizationId>,
        filter: &OrganizationFilter,
    ) -> Result<Page<Organization, OrganizationId>, StoreError> {
        self.organization_page(environment, query, filter).await
    }
    async fn update_organization(
        &self,
        environment: EnvironmentId,
        organization: &Organization,
        read_at: Micros,
        events: &[NewFeedEvent],
    ) -> Result<(), StoreError> {
        self.replace_organization(environment, organization, read_at, events).await
    }
    async fn delete_organization(
        &self,
        environment: EnvironmentId,
        id: OrganizationId,
        tell: Tell<'_, Leaving>,
    ) -> Result<bool, StoreError> {
        self.delete_one_organization(environment, id, tell).await
    }

    async fn retention_periods(&self) -> Result<Vec<(OrganizationId, u32)>, StoreError> {
        self.all_retention_periods().await
    }

    // ---- outbox ----
    async fn outbox(&self, limit: u32) -> Result<Vec<OutboxEvent>, StoreError> {
        self.waiting_events(limit).await
    }
    async fn clear_outbox(&self, through: u64) -> Result<(), StoreError> {
        self.delete_events_through(through).await
    }

    // ---- actions ----
    async fn insert_schema(
        &self,
        environment: EnvironmentId,
        action: &str,
        ids: (ActionId, SchemaId),
        body: &NewSchema,
        at: Micros,
        keep: Keep<'_, Schema>,
    ) -> Result<Schema, StoreError> {
        self.append_schema(environment, action, ids, (body, at), keep).await
    }
    async fn schema(&self, environment: EnvironmentId, action: &str, version: u32) -> Result<Option<Schema>, StoreError> {
        self.schema_version(environment, action, version).await
    }
    async fn actions(
        &self,
        environment: EnvironmentId,
        query: &ListQuery<ActionId>,
    ) -> Result<Page<Action, ActionId>, StoreError> {
        self.action_page(environment, query).await
    }
    async fn schemas(
        &self,
        environment: EnvironmentId,
        action: &str,
        query: &ListQuery<SchemaId>,
    ) -> Result<Option<Page<Schema, SchemaId>>, StoreError> {
        self.schema_page(environment, action, query).await
    }

    // ---- exports ----
    async fn insert_export(&self, environment: EnvironmentId, export: &Export, keep: Keep<'_, Export>) -> Result<(), StoreError> {
        self.insert_one_export(environment, export, keep).await
    }
    async fn export(&self, id: ExportId) -> Result<Option<(EnvironmentId, Export)>, StoreError> {
        self.export_by_id(id).await
    }
    async fn set_export_state(&self, id: ExportId, from: ExportState, to: ExportState, at: Micros) -> Result<bool, StoreError> {
        self.move_export(id, from, to, at).await
    }
    async fn exports_in_state(
        &self,
        state: ExportState,
        before: Micros,
        limit: u32,
    ) -> Result<Vec<(EnvironmentId, Export)>, StoreError> {
        self.exports_waiting(state, before, limit).await
    }
    async fn pending_exports(&self, environment: EnvironmentId) -> Result<u64, StoreError> {
        self.count_pending(environment).await
    }

    // ---- idempotent answers ----
    async fn answer(&self, key: &AnswerKey) -> Result<Option<StoredAnswer>, StoreError> {
        self.answer_of(key).await
    }
    async fn put_answer(&self, key: &AnswerKey, answer: &StoredAnswer) -> Result<(), StoreError> {
        self.put_answer_alone(key, answer).await
    }
    async fn expire_answers(&self, before: Micros, limit: u32) -> Result<u64, StoreError> {
        self.delete_answers(before, limit).await
    }
}
