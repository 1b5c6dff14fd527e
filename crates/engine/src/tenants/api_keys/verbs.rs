//! What is done with API keys.

use annals_core::ids::{ApiKeyId, EnvironmentId, OrganizationId};
use annals_core::secret::{ApiKeyDigest, ApiKeySecret};
use annals_core::time::Micros;

use super::{ApiKeyError, KnownKey, NewApiKey, RefusedKey, is_live};
use crate::entities::{ApiKey, KeyOwner};
use crate::page::{ListQuery, Page};
use crate::random::random;
use crate::store::{Changed, Keep, KeptAnswer, StoreError, StoredApiKey};
use crate::tenants::told::Teller;
use crate::tenants::{EnvironmentScope, OrganizationError, Scope, Tenants};

impl Tenants {
    /// `None` for a key that is unknown, expired or malformed: 401.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn authenticate(&self, bearer: &str) -> Result<Option<Scope>, StoreError> {
        Ok(self.check_key(bearer).await?.ok())
    }

    /// The same, with what is known of a refused key.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn check_key(&self, bearer: &str) -> Result<Result<Scope, RefusedKey>, StoreError> {
        let Some(secret) = ApiKeySecret::from_text(bearer) else { return Ok(Err(RefusedKey::UNKNOWN)) };
        let digest = secret.digest();
        let found = self.inner().keys.find(digest, self.read_key(digest)).await?;
        let Some(key) = found else { return Ok(Err(RefusedKey::UNKNOWN)) };
        let now = self.inner().clock.now();
        // Checked at every use: a remembered key expires on time.
        if !is_live(key.expires_at, now) {
            return Ok(Err(RefusedKey::expired(&key)));
        }
        self.inner().last_uses.note(key.id, now);
        Ok(Ok(Scope { key: key.id, environment: key.environment, only: key.only }))
    }

    /// Of any key of the environment, also one that expired. `None`: it is not there any more.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub(crate) async fn api_key_name(&self, environment: EnvironmentId, id: ApiKeyId) -> Result<Option<String>, StoreError> {
        Ok(self.inner().store.api_key(environment, id).await?.map(|stored| stored.key.name))
    }

    async fn read_key(&self, digest: ApiKeyDigest) -> Result<Option<KnownKey>, StoreError> {
        Ok(self.inner().store.api_key_by_digest(digest).await?.map(|stored| KnownKey::of(&stored)))
    }

    /// The secret is returned once and stored nowhere.
    ///
    /// # Errors
    /// `NotFound` of the organization, or the store.
    pub async fn create_api_key(
        &self,
        scope: &EnvironmentScope,
        organization: OrganizationId,
        new: NewApiKey,
    ) -> Result<(ApiKey, ApiKeySecret), OrganizationError> {
        let secret = ApiKeySecret::from_random(random()?);
        let now = self.inner().clock.now();
        let key = ApiKey {
            id: self.inner().mint.id(ApiKeyId::from_parts)?,
            owner: KeyOwner::Organization(organization),
            name: new.name,
            obfuscated_value: secret.obfuscated(),
            permissions: new.permissions,
            last_used_at: None,
            expires_at: new.expires_at,
            created_at: now,
            updated_at: now,
        };
        let stored = StoredApiKey { environment: scope.environment_id(), key, digest: secret.digest() };
        let events = Teller::of(scope.key()).api_key_created(&stored.key)?;
        let inserted = self.inner().store.insert_api_key(&stored, &events).await;
        self.inner().told.notify_one();
        match inserted? {
            true => Ok((stored.key, secret)),
            false => Err(OrganizationError::NotFound),
        }
    }

    /// # Errors
    /// `NotFound` of the organization, or the store.
    pub async fn api_keys(
        &self,
        scope: &EnvironmentScope,
        organization: OrganizationId,
        query: &ListQuery<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, OrganizationError> {
        self.require_organization(scope.environment_id(), organization).await?;
        Ok(self.inner().store.api_keys(scope.environment_id(), organization, query).await?)
    }

    /// The key that has this value, if it works and belongs to an organization of the environment. The environment's own keys have
    /// no form on the wire.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn validate_api_key(&self, scope: &EnvironmentScope, value: &str) -> Result<Option<ApiKey>, StoreError> {
        let Some(secret) = ApiKeySecret::from_text(value) else { return Ok(None) };
        let now = self.inner().clock.now();
        let stored = self.inner().store.api_key_by_digest(secret.digest()).await?;
        let Some(stored) = stored.filter(|stored| is_managed(stored, scope) && is_live(stored.key.expires_at, now)) else {
            return Ok(None);
        };
        self.inner().last_uses.note(stored.key.id, now);
        Ok(Some(stored.key))
    }

    /// `None` means now. Counts in this process at once.
    ///
    /// # Errors
    /// The key is not there, not managed here, expired already, or the store fails.
    pub async fn expire_api_key(
        &self,
        scope: &EnvironmentScope,
        id: ApiKeyId,
        expires_at: Option<Micros>,
        keep: Keep<'_, ApiKey>,
    ) -> Result<ApiKey, ApiKeyError> {
        let stored = self.managed_key(scope, id).await?;
        let now = self.inner().clock.now();
        if !is_live(stored.key.expires_at, now) {
            return Err(ApiKeyError::AlreadyExpired);
        }
        if expires_at.is_some() && expires_at == stored.key.expires_at {
            if let Some(KeptAnswer { key, answer }) = keep(&stored.key) {
                self.inner().store.put_answer(&key, &answer).await?;
            }
            return Ok(stored.key);
        }
        let tell = |changed: &Changed<ApiKey>| Teller::of(scope.key()).api_key_updated(changed);
        let at = expires_at.unwrap_or(now);
        let changed = self.inner().store.set_api_key_expiry(scope.environment_id(), id, at, now, &tell, keep).await;
        // Also after an error: it may have been stored.
        self.inner().told.notify_one();
        self.inner().keys.remove(&stored.digest).await;
        changed?.ok_or(ApiKeyError::NotFound)
    }

    /// Counts in this process at once. The key as it was.
    ///
    /// # Errors
    /// The key is not there, not managed here, or the store fails.
    pub async fn delete_api_key(&self, scope: &EnvironmentScope, id: ApiKeyId) -> Result<ApiKey, ApiKeyError> {
        let stored = self.managed_key(scope, id).await?;
        let tell = |key: &ApiKey| Teller::of(scope.key()).api_key_revoked(key);
        let deleted = self.inner().store.delete_api_key(scope.environment_id(), id, &tell).await;
        self.inner().told.notify_one();
        self.inner().keys.remove(&stored.digest).await;
        if deleted? { Ok(stored.key) } else { Err(ApiKeyError::NotFound) }
    }

    async fn managed_key(&self, scope: &EnvironmentScope, id: ApiKeyId) -> Result<StoredApiKey, ApiKeyError> {
        let stored = self.inner().store.api_key(scope.environment_id(), id).await?;
        stored.filter(|stored| is_managed(stored, scope)).ok_or(ApiKeyError::NotFound)
    }

    /// Writes down when keys were last used. Called now and then, and at the end.
    ///
    /// # Errors
    /// What was not written is kept for the next call.
    pub(crate) async fn flush_last_used(&self) -> Result<(), StoreError> {
        self.inner().last_uses.flush(&*self.inner().store).await
    }
}

fn is_managed(stored: &StoredApiKey, scope: &EnvironmentScope) -> bool {
    stored.environment == scope.environment_id() && matches!(stored.key.owner, KeyOwner::Organization(_))
}
