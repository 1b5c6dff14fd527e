//! A store that fails on demand, for tests of what happens then.
//!
//! # Fault model
//!
//! * A fault names a method and the number of the call to it, counted from the moment it is armed: the first is 1.
//! * That one call ends with [`StoreError::Unavailable`]; before and after it the store underneath answers.
//! * Two kinds, because the second is the one that people forget:
//!   [`Fault::NotStored`]: nothing was done, like a refused connection;
//!   [`Fault::StoredUnanswered`]: all was done and the answer was lost, like a connection that broke after the commit.
//! * Never half of a call: the contract says that every call is atomic, and the conformance suite checks that.
//! * Never a wrong answer, never a delay, never a call that hangs.
//!
//! With no fault armed it is the store underneath, so it passes the conformance suite.
//!
//! It is compiled for tests only: what is shipped has no switch that makes it fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use annals_core::ids::{ActionId, ApiKeyId, CommitNumber, EnvironmentId, ExportId, OrganizationId, SchemaId, ShardId};
use annals_core::record::NewFeedEvent;
use annals_core::secret::ApiKeyDigest;
use annals_core::time::Micros;
use async_trait::async_trait;

use super::{
    AnswerKey, Changed, Fence, Founded, Founding, Keep, Leaving, OutboxEvent, Store, StoreError, StoredAnswer, StoredApiKey,
    StoredCommit, Tell,
};
use crate::entities::{Action, ApiKey, NewSchema, Organization, OrganizationFilter, Schema};
use crate::entities::{Export, ExportState};
use crate::page::{ListQuery, Page};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call fails and was not carried out.
    NotStored,
    /// The call fails although it was carried out.
    StoredUnanswered,
}

/// Both, for tests that try each.
pub(crate) const FAULTS: [Fault; 2] = [Fault::NotStored, Fault::StoredUnanswered];

pub(crate) struct Faulty<S: ?Sized> {
    /// By method: calls to go until the fault.
    armed: Mutex<HashMap<&'static str, Vec<(u32, Fault)>>>,
    inner: Arc<S>,
}

impl<S: Store + ?Sized> Faulty<S> {
    pub fn new(inner: Arc<S>) -> Self {
        Self { armed: Mutex::default(), inner }
    }

    /// The `nth` call of `method` from now on will fail. Several faults may wait at once.
    pub fn arm(&self, method: &'static str, nth: u32, fault: Fault) {
        assert!(METHODS.contains(&method) && nth > 0, "no call {nth} of {method}");
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).entry(method).or_default().push((nth, fault));
    }

    /// Whether every armed fault has happened.
    pub fn is_spent(&self) -> bool {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).values().all(Vec::is_empty)
    }

    fn next_fault(&self, method: &'static str) -> Option<Fault> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = armed.get_mut(method)?;
        waiting.iter_mut().for_each(|(calls, _)| *calls -= 1);
        let due = waiting.iter().position(|(calls, _)| *calls == 0)?;
        Some(waiting.swap_remove(due).1)
    }

    /// A future does nothing before it is polled, so dropping it is a call that never happened.
    async fn call<T>(&self, method: &'static str, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match self.next_fault(method) {
            None => return call.await,
            Some(Fault::NotStored) => drop(call),
            Some(Fault::StoredUnanswered) => drop(call.await?),
        }
        Err(StoreError::Unavailable(format!("a fault was armed for {method}").into()))
    }
}

/// Those that can fail.
const METHODS: [&str; 37] = [
    "found",
    "insert_environment",
    "ping",
    "claim_shard",
    "commit",
    "last_commit",
    "commits_after",
    "release",
    "heads",
    "api_key_by_digest",
    "insert_api_key",
    "api_keys",
    "api_key",
    "set_api_key_expiry",
    "delete_api_key",
    "touch_api_keys",
    "insert_organization",
    "organization",
    "organization_by_external_id",
    "organizations",
    "retention_periods",
    "update_organization",
    "delete_organization",
    "outbox",
    "clear_outbox",
    "insert_schema",
    "schema",
    "actions",
    "schemas",
    "insert_export",
    "export",
    "set_export_state",
    "exports_in_state",
    "pending_exports",
    "answer",
    "put_answer",
    "expire_answers",
];

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store + ?Sized> Store for Faulty<S> {
    // ---- installation ----
    async fn found(&self, founding: &Founding) -> Result<Founded, StoreError> {
        self.call("found", self.inner.found(founding)).await
    }
    async fn insert_environment(&self, name: &str, key: &StoredApiKey, at: Micros) -> Result<(), StoreError> {
        self.call("insert_environment", self.inner.insert_environment(name, key, at)).await
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.call("ping", self.inner.ping()).await
    }
    async fn close(&self) {
        self.inner.close().await;
    }

    // ---- commit log ----
    async fn claim_shard(&self, shard: ShardId) -> Result<Fence, StoreError> {
        self.call("claim_shard", self.inner.claim_shard(shard)).await
    }
    async fn commit(&self, fence: Fence, commit: &StoredCommit) -> Result<(), StoreError> {
        self.call("commit", self.inner.commit(fence, commit)).await
    }
    async fn last_commit(&self, shard: ShardId) -> Result<CommitNumber, StoreError> {
        self.call("last_commit", self.inner.last_commit(shard)).await
    }
    async fn commits_after(&self, shard: ShardId, after: CommitNumber, limit: u32) -> Result<Vec<StoredCommit>, StoreError> {
        self.call("commits_after", self.inner.commits_after(shard, after, limit)).await
    }
    async fn release(&self, fence: Fence, through: CommitNumber, heads: &[(OrganizationId, u64)]) -> Result<(), StoreError> {
        self.call("release", self.inner.release(fence, through, heads)).await
    }
    async fn heads(&self, shard: ShardId) -> Result<Vec<(OrganizationId, u64)>, StoreError> {
        self.call("heads", self.inner.heads(shard)).await
    }

    // ---- API keys ----
    async fn api_key_by_digest(&self, digest: ApiKeyDigest) -> Result<Option<StoredApiKey>, StoreError> {
        self.call("api_key_by_digest", self.inner.api_key_by_digest(digest)).await
    }
    async fn insert_api_key(&self, key: &StoredApiKey, events: &[NewFeedEvent]) -> Result<bool, StoreError> {
        self.call("insert_api_key", self.inner.insert_api_key(key, events)).await
    }
    async fn api_keys(
        &self,
        environment: EnvironmentId,
        organization: OrganizationId,
        query: &ListQuery<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, StoreError> {
        self.call("api_keys", self.inner.api_keys(environment, organization, query)).await
    }
    async fn api_key(&self, environment: EnvironmentId, id: ApiKeyId) -> Result<Option<StoredApiKey>, StoreError> {
        self.call("api_key", self.inner.api_key(environment, id)).await
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
        self.call("set_api_key_expiry", self.inner.set_api_key_expiry(environment, id, expires_at, at, tell, keep)).await
    }
    async fn delete_api_key(&self, environment: EnvironmentId, id: ApiKeyId, tell: Tell<'_, ApiKey>) -> Result<bool, StoreError> {
        self.call("delete_api_key", self.inner.delete_api_key(environment, id, tell)).await
    }
    async fn touch_api_keys(&self, used: &[(ApiKeyId, Micros)]) -> Result<(), StoreError> {
        self.call("touch_api_keys", self.inner.touch_api_keys(used)).await
    }

    // ---- organizations ----
    async fn insert_organization(
        &self,
        environment: EnvironmentId,
        organization: &Organization,
        events: &[NewFeedEvent],
        keep: Keep<'_, Organization>,
    ) -> Result<(), StoreError> {
        self.call("insert_organization", self.inner.insert_organization(environment, organization, events, keep)).await
    }
    async fn organization(&self, environment: EnvironmentId, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        self.call("organization", self.inner.organization(environment, id)).await
    }
    async fn organization_by_external_id(
        &self,
        environment: EnvironmentId,
        external_id: &str,
    ) -> Result<Option<Organization>, StoreError> {
        self.call("organization_by_external_id", self.inner.organization_by_external_id(environment, external_id)).await
    }
    async fn organizations(
        &self,
        environment: EnvironmentId,
        query: &ListQuery<OrganizationId>,
        filter: &OrganizationFilter,
    ) -> Result<Page<Organization, OrganizationId>, StoreError> {
        self.call("organizations", self.inner.organizations(environment, query, filter)).await
    }
    async fn update_organization(
        &self,
        environment: EnvironmentId,
        organization: &Organization,
        read_at: Micros,
        events: &[NewFeedEvent],
    ) -> Result<(), StoreError> {
        self.call("update_organization", self.inner.update_organization(environment, organization, read_at, events)).await
    }
    async fn delete_organization(
        &self,
        environment: EnvironmentId,
        id: OrganizationId,
        tell: Tell<'_, Leaving>,
    ) -> Result<bool, StoreError> {
        self.call("delete_organization", self.inner.delete_organization(environment, id, tell)).await
    }

    async fn retention_periods(&self) -> Result<Vec<(OrganizationId, u32)>, StoreError> {
        self.call("retention_periods", self.inner.retention_periods()).await
    }

    // ---- outbox ----
    async fn outbox(&self, limit: u32) -> Result<Vec<OutboxEvent>, StoreError> {
        self.call("outbox", self.inner.outbox(limit)).await
    }
    async fn clear_outbox(&self, through: u64) -> Result<(), StoreError> {
        self.call("clear_outbox", self.inner.clear_outbox(through)).await
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
        self.call("insert_schema", self.inner.insert_schema(environment, action, ids, body, at, keep)).await
    }
    async fn schema(&self, environment: EnvironmentId, action: &str, version: u32) -> Result<Option<Schema>, StoreError> {
        self.call("schema", self.inner.schema(environment, action, version)).await
    }
    async fn actions(
        &self,
        environment: EnvironmentId,
        query: &ListQuery<ActionId>,
    ) -> Result<Page<Action, ActionId>, StoreError> {
        self.call("actions", self.inner.actions(environment, query)).await
    }
    async fn schemas(
        &self,
        environment: EnvironmentId,
        action: &str,
        query: &ListQuery<SchemaId>,
    ) -> Result<Option<Page<Schema, SchemaId>>, StoreError> {
        self.call("schemas", self.inner.schemas(environment, action, query)).await
    }

    // ---- exports ----
    async fn insert_export(&self, environment: EnvironmentId, export: &Export, keep: Keep<'_, Export>) -> Result<(), StoreError> {
        self.call("insert_export", self.inner.insert_export(environment, export, keep)).await
    }
    async fn export(&self, id: ExportId) -> Result<Option<(EnvironmentId, Export)>, StoreError> {
        self.call("export", self.inner.export(id)).await
    }
    async fn set_export_state(&self, id: ExportId, from: ExportState, to: ExportState, at: Micros) -> Result<bool, StoreError> {
        self.call("set_export_state", self.inner.set_export_state(id, from, to, at)).await
    }
    async fn exports_in_state(
        &self,
        state: ExportState,
        before: Micros,
        limit: u32,
    ) -> Result<Vec<(EnvironmentId, Export)>, StoreError> {
        self.call("exports_in_state", self.inner.exports_in_state(state, before, limit)).await
    }
    async fn pending_exports(&self, environment: EnvironmentId) -> Result<u64, StoreError> {
        self.call("pending_exports", self.inner.pending_exports(environment)).await
    }

    // ---- idempotent answers ----
    async fn answer(&self, key: &AnswerKey) -> Result<Option<StoredAnswer>, StoreError> {
        self.call("answer", self.inner.answer(key)).await
    }
    async fn put_answer(&self, key: &AnswerKey, answer: &StoredAnswer) -> Result<(), StoreError> {
        self.call("put_answer", self.inner.put_answer(key, answer)).await
    }
    async fn expire_answers(&self, before: Micros, limit: u32) -> Result<u64, StoreError> {
        self.call("expire_answers", self.inner.expire_answers(before, limit)).await
    }
}

#[path = "faulty_tests.rs"]
mod tests;
