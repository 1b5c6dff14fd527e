//! Installation.

use annals_core::secret::ApiKeySecret;
use futures::future::join_all;

use super::Backend;
use super::fixtures::{
    HERE, check_taken, environment, environment_key, first, founded, founding, nothing, organization_id, time,
};
use crate::entities::OrganizationFilter;
use crate::store::{Founded, StoreError, StoredApiKey, Unique};

fn check_first(found: &Founded, now: bool) {
    let wanted = founding(1);
    assert_eq!((found.environment, found.signing_secret), (wanted.environment, wanted.signing_secret));
    assert_eq!((found.shard, found.now), (wanted.shard, now));
}

pub(crate) async fn happens_once(backend: &dyn Backend) {
    let store = backend.open().await;
    check_first(&store.found(&founding(1)).await.expect("founded"), true);
    check_first(&store.found(&founding(2)).await.expect("found again"), false);
    let digest = |n| ApiKeySecret::from_random([n; 32]).digest();
    let key = store.api_key_by_digest(digest(1)).await.expect("read").expect("the first key");
    assert_eq!((key.environment, key.key), (founding(1).environment, founding(1).key));
    assert_eq!(store.api_key_by_digest(digest(2)).await.expect("read"), None);
}

pub(crate) async fn survives_reopening(backend: &dyn Backend) {
    let store = backend.open().await;
    store.found(&founding(1)).await.expect("founded");
    store.close().await;
    check_first(&backend.open().await.found(&founding(2)).await.expect("found again"), false);
}

pub(crate) async fn concurrent_calls_found_once(backend: &dyn Backend) {
    let store = backend.open().await;
    let foundings: Vec<_> = (1..9).map(founding).collect();
    let found = join_all(foundings.iter().map(|founding| store.found(founding))).await;
    let found: Vec<Founded> = found.into_iter().map(|one| one.expect("founded")).collect();
    assert_eq!(found.iter().filter(|one| one.now).count(), 1);
    assert!(found.iter().all(|one| one.signing_secret == found[0].signing_secret && one.shard == found[0].shard));
}

pub(crate) async fn environments_are_added(backend: &dyn Backend) {
    let store = backend.open().await;
    store.found(&founding(1)).await.expect("founded");
    let key = environment_key(3);
    store.insert_environment("staging", &key, time(0)).await.expect("stored");
    assert_eq!(store.api_key_by_digest(key.digest).await.expect("read"), Some(key.clone()));
    let rival = environment_key(4);
    check_taken(store.insert_environment("staging", &rival, time(0)).await, &Unique::EnvironmentName);
    check_taken(
        store.insert_environment("other", &StoredApiKey { digest: key.digest, ..rival.clone() }, time(0)).await,
        &Unique::ApiKey,
    );
    assert_eq!(store.api_key_by_digest(rival.digest).await.expect("read"), None);
    store.insert_environment("other", &rival, time(0)).await.expect("a refusal leaves nothing behind");
}

pub(crate) async fn a_founded_store_answers_pings(backend: &dyn Backend) {
    founded(backend).await.ping().await.expect("a ping");
}

pub(crate) async fn a_closed_store_refuses_calls(backend: &dyn Backend) {
    let store = founded(backend).await;
    store.close().await;
    let read = store.organizations(environment(HERE), &first(1), &OrganizationFilter::default()).await.map(|_| ());
    let write = store.delete_organization(environment(HERE), organization_id(1), &nothing).await.map(|_| ());
    for refused in [store.ping().await, read, write] {
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
}
