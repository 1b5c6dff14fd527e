//! What every database backend promises. The conformance suite has one test per promise; each backend runs them all.
//!
//! For every call that changes something:
//! * **atomic**: all of it is stored, or nothing;
//! * **durable**: `Ok` means that it survives kill -9 and power loss;
//! * **unknown on error**: after [`StoreError::Unavailable`] it may be stored or not; the caller reads before it goes on;
//! * **visible**: a call that starts after `Ok` sees it.
//!
//! Calls on tenant data name their environment and never answer with another environment's rows. Three find it instead: a key by its
//! digest (that is how an environment is known), an export by its id (a download link carries no key; the caller compares), and the
//! calls of background jobs, which work for all environments.
//!
//! Changes that the feed tells of take their events along: change and events are stored together or not at all, and a change that was
//! refused or found nothing stores none. Events wait in the outbox in the order in which their changes happened. When too many wait,
//! changes are refused as `Unavailable`.
//!
//! Changes that a request with an idempotency key can ask for take its answer along in the same way ([`Keep`]).

use annals_core::ids::{ActionId, ApiKeyId, CommitNumber, EnvironmentId, ExportId, OrganizationId, SchemaId, ShardId};
use annals_core::record::NewFeedEvent;
use annals_core::secret::ApiKeyDigest;
use annals_core::time::Micros;
use async_trait::async_trait;

use crate::entities::{Action, ApiKey, NewSchema, Organization, OrganizationFilter, Schema};
use crate::entities::{Export, ExportState};
use crate::page::{ListQuery, Page};

/// Why a call did not do what it says.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Try again later: busy, full, unreachable. What was asked may or may not have been stored.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row that cannot be what we wrote. Never served as truth, never skipped.
    #[error("{what} is damaged")]
    Damaged { what: String },
    /// Another writer owns the shard now. Nothing was stored; this process must stop writing.
    #[error("another process has taken over this shard")]
    Fenced,
    /// A value that must be unique is taken. Nothing was stored.
    #[error("{0:?} is already used")]
    Taken(Unique),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unique {
    /// The domain that is taken.
    Domain(String),
    ExternalId,
    StripeCustomerId,
    /// The row was changed by somebody else since it was read.
    Revision,
    ApiKey,
    EnvironmentName,
}

/// What is made once, when the store is empty.
#[derive(Debug, Clone)]
pub struct Founding {
    pub environment: EnvironmentId,
    pub environment_name: String,
    pub key: ApiKey,
    pub key_digest: ApiKeyDigest,
    /// Signs download links.
    pub signing_secret: [u8; 32],
    pub shard: ShardId,
    pub at: Micros,
}

/// What an opened store says of itself.
#[derive(Debug, Clone)]
pub struct Founded {
    /// The first one.
    pub environment: EnvironmentId,
    pub signing_secret: [u8; 32],
    pub shard: ShardId,
    /// Whether this call made it.
    pub now: bool,
}

/// The right to write a shard: granted by [`Store::claim_shard`], checked inside every commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    pub shard: ShardId,
    /// Rises with every claim.
    pub epoch: u64,
}

/// One group commit as it is stored: a row, whatever number of records it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCommit {
    pub number: CommitNumber,
    /// Opaque here; `commit_log::blob` reads and writes it.
    pub blob: Vec<u8>,
}

/// A key with what checks of it need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApiKey {
    pub environment: EnvironmentId,
    pub key: ApiKey,
    pub digest: ApiKeyDigest,
}

/// A finished answer to a request that carried an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Of the request's body.
    pub request_digest: [u8; 32],
    pub status: u16,
    pub body: Vec<u8>,
    pub at: Micros,
}

/// Method, path and key of an idempotent request, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerKey {
    pub environment: EnvironmentId,
    /// SHA-256 over method, path, key owner and key.
    pub digest: [u8; 32],
}

/// An answer, and the request that gets it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    pub key: AnswerKey,
    pub answer: StoredAnswer,
}

/// The answer to whoever asked for a change, made from the thing as it is after the change. Called inside the change's transaction, at
/// most once, and only when the change is made. `None`: nobody asks for it again.
pub type Keep<'a, T> = &'a (dyn Fn(&T) -> Option<KeptAnswer> + Send + Sync);

/// The [`Keep`] of a change that no request with an idempotency key asked for.
pub fn unkept<T>(_: &T) -> Option<KeptAnswer> {
    None
}

/// What the feed is told of a change, made from what the store finds. Called inside the change's transaction, at most once, and only
/// when there is something to change. Its error undoes the change.
pub type Tell<'a, T> = &'a (dyn Fn(&T) -> Result<Vec<NewFeedEvent>, StoreError> + Send + Sync);

/// A row before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<T> {
    pub before: T,
    pub after: T,
}

/// An organization that is deleted, and the keys that go with it, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    pub organization: Organization,
    pub api_keys: Vec<ApiKey>,
}

/// An event in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Rises with every event and is never given twice.
    pub place: u64,
    pub environment: EnvironmentId,
    pub event: NewFeedEvent,
}

#[async_trait]
pub trait Store: Send + Sync + 'static {
    // ---- installation ----

    /// Makes the first environment and key when the store is empty; otherwise changes nothing and says what is there.
    async fn found(&self, founding: &Founding) -> Result<Founded, StoreError>;
    /// Makes another environment, named by `key.environment`, with its first key. `Taken`: the name or the key is used.
    async fn insert_environment(&self, name: &str, key: &StoredApiKey, at: Micros) -> Result<(), StoreError>;
    /// A cheap round trip, for `/ready`.
    async fn ping(&self) -> Result<(), StoreError>;
    /// Waits for running calls and closes. Later calls fail.
    async fn close(&self);

    // ---- commit log ----

    /// Takes over the shard, raising its epoch: every earlier fence is refused from now on.
    async fn claim_shard(&self, shard: ShardId) -> Result<Fence, StoreError>;
    /// Appends one commit, if the fence holds and `number` follows the shard's last one.
    /// `Fenced`: it does not hold. A number that does not follow is `Damaged`: the caller's memory is wrong.
    async fn commit(&self, fence: Fence, commit: &StoredCommit) -> Result<(), StoreError>;
    /// The number of the shard's last commit, also when its row was released.
    async fn last_commit(&self, shard: ShardId) -> Result<CommitNumber, StoreError>;
    /// Up to `limit` rows with numbers above `after`, rising, without holes.
    async fn commits_after(&self, shard: ShardId, after: CommitNumber, limit: u32) -> Result<Vec<StoredCommit>, StoreError>;
    /// Deletes rows up to `through`, which are in the lake, and raises the saved heads: for each organization the seq that its
    /// next event takes. A head never falls. Repeating it is harmless.
    async fn release(&self, fence: Fence, through: CommitNumber, heads: &[(OrganizationId, u64)]) -> Result<(), StoreError>;
    /// All saved heads of a shard.
    async fn heads(&self, shard: ShardId) -> Result<Vec<(OrganizationId, u64)>, StoreError>;

    // ---- API keys ----

    async fn api_key_by_digest(&self, digest: ApiKeyDigest) -> Result<Option<StoredApiKey>, StoreError>;
    /// Whether the owner exists: a key of an organization that is not in the environment is not stored. `Taken`: another key
    /// has the digest.
    async fn insert_api_key(&self, key: &StoredApiKey, events: &[NewFeedEvent]) -> Result<bool, StoreError>;
    /// Keys owned by the organization.
    async fn api_keys(
        &self,
        environment: EnvironmentId,
        organization: OrganizationId,
        query: &ListQuery<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, StoreError>;
    async fn api_key(&self, environment: EnvironmentId, id: ApiKeyId) -> Result<Option<StoredApiKey>, StoreError>;
    /// Sets `expires_at` and `updated_at`. `None`: no such key.
    async fn set_api_key_expiry(
        &self,
        environment: EnvironmentId,
        id: ApiKeyId,
        expires_at: Micros,
        at: Micros,
        tell: Tell<'_, Changed<ApiKey>>,
        keep: Keep<'_, ApiKey>,
    ) -> Result<Option<ApiKey>, StoreError>;
    /// Whether it was there.
    async fn delete_api_key(&self, environment: EnvironmentId, id: ApiKeyId, tell: Tell<'_, ApiKey>) -> Result<bool, StoreError>;
    /// Raises `last_used_at`, which never falls; unknown ids are passed over.
    async fn touch_api_keys(&self, used: &[(ApiKeyId, Micros)]) -> Result<(), StoreError>;

    // ---- organizations ----

    /// `Taken`: a domain, the external id or the Stripe id belongs to another organization of the environment. Domains are
    /// compared as they are; callers bring them in lower case.
    async fn insert_organization(
        &self,
        environment: EnvironmentId,
        organization: &Organization,
        events: &[NewFeedEvent],
        keep: Keep<'_, Organization>,
    ) -> Result<(), StoreError>;
    async fn organization(&self, environment: EnvironmentId, id: OrganizationId) -> Result<Option<Organization>, StoreError>;
    async fn organization_by_external_id(
        &self,
        environment: EnvironmentId,
        external_id: &str,
    ) -> Result<Option<Organization>, StoreError>;
    async fn organizations(
        &self,
        environment: EnvironmentId,
        query: &ListQuery<OrganizationId>,
        filter: &OrganizationFilter,
    ) -> Result<Page<Organization, OrganizationId>, StoreError>;
    /// Replaces the row and its domains if `updated_at` still is `read_at`; otherwise `Taken(Revision)`, also when it is gone.
    /// `Taken` as for a new one.
    async fn update_organization(
        &self,
        environment: EnvironmentId,
        organization: &Organization,
        read_at: Micros,
        events: &[NewFeedEvent],
    ) -> Result<(), StoreError>;
    /// Removes the organization, its domains and its API keys. Its events stay until retention takes them. Whether it was there.
    async fn delete_organization(
        &self,
        environment: EnvironmentId,
        id: OrganizationId,
        tell: Tell<'_, Leaving>,
    ) -> Result<bool, StoreError>;

    /// The days that organizations of all environments set as their retention period, of those that did.
    async fn retention_periods(&self) -> Result<Vec<(OrganizationId, u32)>, StoreError>;

    // ---- outbox ----

    /// Up to `limit` events, oldest first.
    async fn outbox(&self, limit: u32) -> Result<Vec<OutboxEvent>, StoreError>;
    /// Deletes the events up to `through`, which are in the commit log. Repeating it is harmless.
    async fn clear_outbox(&self, through: u64) -> Result<(), StoreError>;

    // ---- actions ----

    /// Appends the next version, creating the action when it is new; its id then is the given one. Concurrent calls get
    /// different versions. Within an action ids rise with versions: a schema id that does not is raised to the next free one,
    /// so that a list by id is a list by version whatever the clocks of two nodes say.
    async fn insert_schema(
        &self,
        environment: EnvironmentId,
        action: &str,
        ids: (ActionId, SchemaId),
        body: &NewSchema,
        at: Micros,
        keep: Keep<'_, Schema>,
    ) -> Result<Schema, StoreError>;
    async fn schema(&self, environment: EnvironmentId, action: &str, version: u32) -> Result<Option<Schema>, StoreError>;
    async fn actions(
        &self,
        environment: EnvironmentId,
        query: &ListQuery<ActionId>,
    ) -> Result<Page<Action, ActionId>, StoreError>;
    /// `None`: no such action.
    async fn schemas(
        &self,
        environment: EnvironmentId,
        action: &str,
        query: &ListQuery<SchemaId>,
    ) -> Result<Option<Page<Schema, SchemaId>>, StoreError>;

    // ---- exports ----

    async fn insert_export(&self, environment: EnvironmentId, export: &Export, keep: Keep<'_, Export>) -> Result<(), StoreError>;
    async fn export(&self, id: ExportId) -> Result<Option<(EnvironmentId, Export)>, StoreError>;
    /// Moves the export on if it still is in `from`; whether it was.
    async fn set_export_state(&self, id: ExportId, from: ExportState, to: ExportState, at: Micros) -> Result<bool, StoreError>;
    /// Exports in a state, oldest `updated_at` first, updated before `before`.
    async fn exports_in_state(
        &self,
        state: ExportState,
        before: Micros,
        limit: u32,
    ) -> Result<Vec<(EnvironmentId, Export)>, StoreError>;
    /// How many exports of the environment are pending.
    async fn pending_exports(&self, environment: EnvironmentId) -> Result<u64, StoreError>;

    // ---- idempotent answers ----

    async fn answer(&self, key: &AnswerKey) -> Result<Option<StoredAnswer>, StoreError>;
    /// Of a request that changed nothing. Replaces an older answer of the same key, as one that comes with a change does.
    async fn put_answer(&self, key: &AnswerKey, answer: &StoredAnswer) -> Result<(), StoreError>;
    /// Deletes up to `limit` answers stored before `before`; how many.
    async fn expire_answers(&self, before: Micros, limit: u32) -> Result<u64, StoreError>;
}
