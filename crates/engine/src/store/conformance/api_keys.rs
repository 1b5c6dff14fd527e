//! API keys.

use annals_core::secret::ApiKeyDigest;

use super::Backend;
use super::fixtures::{
    ELSEWHERE, HERE, api_key, check_taken, environment, first, founded, key_id, nothing, organization, organization_id, time,
};
use crate::entities::KeyOwner;
use crate::page::{ListQuery, Order};
use crate::store::{Store, StoredApiKey, Unique, unkept};

async fn with_organization(backend: &dyn Backend) -> std::sync::Arc<dyn Store> {
    let store = founded(backend).await;
    store.insert_organization(environment(HERE), &organization(1), &[], &unkept).await.expect("stored");
    store
}

async fn insert(store: &dyn Store, n: u64) -> StoredApiKey {
    let key = api_key(n, organization_id(1));
    assert!(store.insert_api_key(&key, &[]).await.expect("stored"));
    key
}

async fn read(store: &dyn Store, n: u64) -> Option<StoredApiKey> {
    store.api_key(environment(HERE), key_id(n)).await.expect("read")
}

pub(crate) async fn a_key_comes_back_whole(backend: &dyn Backend) {
    let store = with_organization(backend).await;
    let mut bare = api_key(11, organization_id(1));
    bare.key.owner = KeyOwner::Environment;
    bare.key.expires_at = None;
    bare.key.last_used_at = Some(time(3));
    bare.key.permissions = Vec::new();
    for key in [api_key(10, organization_id(1)), bare] {
        assert!(store.insert_api_key(&key, &[]).await.expect("stored"));
        assert_eq!(store.api_key_by_digest(key.digest).await.expect("read").as_ref(), Some(&key));
        assert_eq!(store.api_key(environment(HERE), key.key.id).await.expect("read"), Some(key));
    }
    assert_eq!(store.api_key_by_digest(ApiKeyDigest([9; 32])).await.expect("read"), None);
    assert_eq!(read(&*store, 99).await, None);
}

pub(crate) async fn a_digest_is_used_once(backend: &dyn Backend) {
    let store = with_organization(backend).await;
    let taken = insert(&*store, 10).await;
    check_taken(
        store.insert_api_key(&StoredApiKey { digest: taken.digest, ..api_key(11, organization_id(1)) }, &[]).await,
        &Unique::ApiKey,
    );
    assert_eq!(read(&*store, 11).await, None);
}

pub(crate) async fn the_owner_must_exist(backend: &dyn Backend) {
    let store = with_organization(backend).await;
    let unknown = api_key(10, organization_id(2));
    let of_elsewhere = StoredApiKey { environment: environment(ELSEWHERE), ..api_key(11, organization_id(1)) };
    for key in [unknown, of_elsewhere] {
        assert!(!store.insert_api_key(&key, &[]).await.expect("answered"));
        assert_eq!(store.api_key_by_digest(key.digest).await.expect("read"), None);
    }
}

pub(crate) async fn expiry_is_set(backend: &dyn Backend) {
    let store = with_organization(backend).await;
    let mut key = insert(&*store, 10).await.key;
    let answer =
        store.set_api_key_expiry(environment(HERE), key_id(10), time(50), time(40), &nothing, &unkept).await.expect("set");
    (key.expires_at, key.updated_at) = (Some(time(50)), time(40));
    assert_eq!(answer.as_ref(), Some(&key));
    assert_eq!(read(&*store, 10).await.map(|stored| stored.key), Some(key));
    assert_eq!(
        store.set_api_key_expiry(environment(HERE), key_id(99), time(50), time(40), &nothing, &unkept).await.expect("answered"),
        None
    );
}

pub(crate) async fn deleting_says_whether_it_was_there(backend: &dyn Backend) {
    let store = with_organization(backend).await;
    let key = insert(&*store, 10).await;
    assert!(store.delete_api_key(environment(HERE), key_id(10), &nothing).await.expect("deleted"));
    assert!(!store.delete_api_key(environment(HERE), key_id(10), &nothing).await.expect("answered"));
    assert_eq!(store.api_key_by_digest(key.digest).await.expect("read"), None);
}

pub(crate) async fn last_use_never_falls(backend: &dyn Backend) {
    let store = with_organization(backend).await;
    insert(&*store, 10).await;
    insert(&*store, 11).await;
    store.touch_api_keys(&[(key_id(10), time(5)), (key_id(99), time(5))]).await.expect("touched");
    store.touch_api_keys(&[(key_id(10), time(4)), (key_id(11), time(4))]).await.expect("touched");
    store.touch_api_keys(&[]).await.expect("touched");
    for (n, used) in [(10, time(5)), (11, time(4))] {
        assert_eq!(read(&*store, n).await.expect("there").key.last_used_at, Some(used));
    }
}

pub(crate) async fn keys_are_listed_by_owner(backend: &dyn Backend) {
    let store = with_organization(backend).await;
    store.insert_organization(environment(HERE), &organization(2), &[], &unkept).await.expect("stored");
    for n in [10, 11, 13] {
        insert(&*store, n).await;
    }
    assert!(store.insert_api_key(&api_key(12, organization_id(2)), &[]).await.expect("stored"));
    let page = store.api_keys(environment(HERE), organization_id(1), &first(2)).await.expect("a page");
    let ids = |keys: &[crate::entities::ApiKey]| keys.iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!((ids(&page.items), page.before, page.after), (vec![key_id(13), key_id(11)], None, Some(key_id(11))));
    let rest = ListQuery { limit: 2, before: None, after: page.after, order: Order::Desc };
    let page = store.api_keys(environment(HERE), organization_id(1), &rest).await.expect("a page");
    assert_eq!((ids(&page.items), page.before, page.after), (vec![key_id(10)], Some(key_id(10)), None));
}

pub(crate) async fn environments_do_not_meet(backend: &dyn Backend) {
    let store = with_organization(backend).await;
    let key = insert(&*store, 10).await;
    let elsewhere = environment(ELSEWHERE);
    assert_eq!(store.api_key(elsewhere, key_id(10)).await.expect("read"), None);
    assert_eq!(
        store.set_api_key_expiry(elsewhere, key_id(10), time(5), time(5), &nothing, &unkept).await.expect("answered"),
        None
    );
    assert!(!store.delete_api_key(elsewhere, key_id(10), &nothing).await.expect("answered"));
    assert!(store.api_keys(elsewhere, organization_id(1), &first(9)).await.expect("a page").items.is_empty());
    assert_eq!(read(&*store, 10).await, Some(key));
}
