//! Values that tests write and read back. `n` makes one differ from the next; a higher `n` is a later one.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_core::ids::{ActionId, ApiKeyId, DomainId, EnvironmentId, ExportId, OrganizationId, SchemaId, ShardId};
use annals_core::record::{NewFeedEvent, ObjectText};
use annals_core::secret::{ApiKeyDigest, ApiKeySecret};
use annals_core::time::Micros;

use super::Backend;
use crate::entities::{ApiKey, Domain, DomainState, DomainStrategy, KeyOwner, Organization};
use crate::entities::{Export, ExportFilter, ExportState};
use crate::page::{ListQuery, Order};
use crate::store::{Founding, Store, StoreError, StoredApiKey, Unique};

/// The founded environment, and a second one.
pub(crate) const HERE: u8 = 1;
pub(crate) const ELSEWHERE: u8 = 2;

pub(crate) fn environment(n: u8) -> EnvironmentId {
    EnvironmentId::from_parts(1, n.into())
}
pub(crate) fn organization_id(n: u64) -> OrganizationId {
    OrganizationId::from_parts(n, 7)
}
pub(crate) fn key_id(n: u64) -> ApiKeyId {
    ApiKeyId::from_parts(n, 7)
}
pub(crate) fn schema_ids(n: u64) -> (ActionId, SchemaId) {
    (ActionId::from_parts(n, 7), SchemaId::from_parts(n, 7))
}
pub(crate) fn time(n: i64) -> Micros {
    Micros::saturating(1_700_000_000_000_000 + n)
}

/// A founded store with both environments.
pub(crate) async fn founded(backend: &dyn Backend) -> Arc<dyn Store> {
    let store = backend.open().await;
    store.found(&founding(1)).await.expect("founded");
    match store.insert_environment("elsewhere", &environment_key(ELSEWHERE), time(0)).await {
        // It was founded before.
        Ok(()) | Err(StoreError::Taken(_)) => store,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn environment_key(n: u8) -> StoredApiKey {
    let key = api_key(u64::from(n), organization_id(0)).key;
    let digest = ApiKeySecret::from_random([n; 32]).digest();
    StoredApiKey { environment: environment(n), key: ApiKey { owner: KeyOwner::Environment, expires_at: None, ..key }, digest }
}

pub(crate) fn founding(n: u8) -> Founding {
    let StoredApiKey { environment, key, digest } = environment_key(n);
    Founding {
        environment,
        environment_name: format!("environment {n}"),
        key,
        key_digest: digest,
        signing_secret: [n; 32],
        shard: ShardId::new(u32::from(n)),
        at: time(0),
    }
}

pub(crate) fn organization(n: u64) -> Organization {
    Organization {
        id: organization_id(n),
        name: format!("Übung {n}"),
        domains: vec![domain(n, "a", Some(DomainStrategy::Manual)), domain(n, "b", None)],
        metadata: BTreeMap::from([("tier".to_owned(), "ü\u{1F600}".to_owned()), ("n".to_owned(), n.to_string())]),
        external_id: Some(format!("ext-{n}")),
        stripe_customer_id: Some(format!("cus_{n}")),
        allow_profiles_outside_organization: n % 2 == 1,
        retention_days: n.is_multiple_of(2).then_some(30),
        created_at: time(n.cast_signed()),
        updated_at: time(n.cast_signed()),
    }
}

fn domain(n: u64, name: &str, strategy: Option<DomainStrategy>) -> Domain {
    let at = time(n.cast_signed());
    let state = if strategy.is_some() { DomainState::Verified } else { DomainState::LegacyVerified };
    Domain {
        id: DomainId::from_parts(n, u128::from(name.as_bytes()[0])),
        domain: format!("{name}{n}.example"),
        state,
        strategy,
        created_at: at,
        updated_at: at,
    }
}

pub(crate) fn api_key(n: u64, owner: OrganizationId) -> StoredApiKey {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&n.to_be_bytes());
    let key = ApiKey {
        id: key_id(n),
        owner: KeyOwner::Organization(owner),
        name: format!("key {n}"),
        obfuscated_value: "sk_...abcd".to_owned(),
        permissions: vec!["audit:read".to_owned(), "\"'".to_owned()],
        last_used_at: None,
        expires_at: Some(time(1_000)),
        created_at: time(n.cast_signed()),
        updated_at: time(n.cast_signed()),
    };
    StoredApiKey { environment: environment(HERE), key, digest: ApiKeyDigest(digest) }
}

pub(crate) fn export(n: u64) -> Export {
    Export {
        id: ExportId::from_parts(n, 7),
        organization: organization_id(1),
        state: ExportState::Pending,
        filter: ExportFilter {
            range_start: time(0),
            range_end: time(9),
            actions: vec!["user.signed_in".to_owned()],
            actor_names: vec!["Ü, \"x\"".to_owned()],
            actor_ids: Vec::new(),
            targets: vec!["team".to_owned()],
        },
        created_at: time(n.cast_signed()),
        updated_at: time(n.cast_signed()),
    }
}

pub(crate) fn first<Id>(limit: u32) -> ListQuery<Id> {
    ListQuery { limit, before: None, after: None, order: Order::Desc }
}

/// Tells the feed nothing.
pub(crate) fn nothing<T>(_: &T) -> Result<Vec<NewFeedEvent>, StoreError> {
    Ok(Vec::new())
}

/// An event of the feed as a change tells it.
pub(crate) fn told(n: u64) -> NewFeedEvent {
    let object = |value: serde_json::Value| ObjectText::of_value(&value).expect("an object");
    NewFeedEvent {
        organization: n.is_multiple_of(2).then(|| organization_id(n)),
        name: format!("thing.changed_{n}").parse().expect("a name"),
        data: object(serde_json::json!({"n": n, "ü": null, "list": [1.5, "\u{1F600}"]})),
        context: n.is_multiple_of(3).then(|| object(serde_json::json!({"actor": {"id": n.to_string()}}))),
    }
}

pub(crate) fn check_taken<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: &Unique) {
    match result {
        Err(StoreError::Taken(unique)) if unique == *expected => {}
        other => panic!("expected {expected:?} to be taken, got {other:?}"),
    }
}

pub(crate) fn check_damaged<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Damaged { .. })), "expected damage, got {result:?}");
}

pub(crate) fn check_fenced<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Fenced)), "expected a fence, got {result:?}");
}
