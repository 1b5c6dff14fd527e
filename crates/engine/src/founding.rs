//! What a new installation begins with: an environment, a key, a shard, a secret.

use annals_core::ids::{ApiKeyId, EnvironmentId, ShardId};
use annals_core::secret::ApiKeySecret;

use crate::clock::Clock;
use crate::random::random;
use crate::store::{Founding, StoreError};
use crate::tenants::{ApiKey, KeyOwner};

pub(crate) struct NewFounding {
    pub rows: Founding,
    pub secret: ApiKeySecret,
}

/// # Errors
/// The system gives no random bytes.
pub(crate) fn founding(clock: &dyn Clock, first_key: Option<ApiKeySecret>) -> Result<NewFounding, StoreError> {
    let now = clock.now();
    let secret = match first_key {
        Some(secret) => secret,
        None => ApiKeySecret::from_random(random()?),
    };
    let environment = EnvironmentId::from_parts(now.id_millis(), u128::from_be_bytes(random()?));
    let key = environment_key(clock, &secret)?;
    let rows = Founding {
        environment,
        environment_name: "default".to_owned(),
        key,
        key_digest: secret.digest(),
        signing_secret: random()?,
        shard: ShardId::new(u32::from_be_bytes(random()?)),
        at: now,
    };
    Ok(NewFounding { rows, secret })
}

/// A key that may do everything in its environment.
pub(crate) fn environment_key(clock: &dyn Clock, secret: &ApiKeySecret) -> Result<ApiKey, StoreError> {
    let now = clock.now();
    Ok(ApiKey {
        id: ApiKeyId::from_parts(now.id_millis(), u128::from_be_bytes(random()?)),
        owner: KeyOwner::Environment,
        name: "default".to_owned(),
        obfuscated_value: secret.obfuscated(),
        permissions: Vec::new(),
        last_used_at: None,
        expires_at: None,
        created_at: now,
        updated_at: now,
    })
}
