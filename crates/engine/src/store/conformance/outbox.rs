//! The outbox: changes and the events that tell of them are stored together.

use std::sync::Mutex;

use annals_core::record::NewFeedEvent;
use futures::future::join_all;

use super::Backend;
use super::fixtures::{
    ELSEWHERE, HERE, api_key, check_damaged, check_taken, environment, founded, key_id, nothing, organization, organization_id,
    time, told,
};
use crate::entities::Organization;
use crate::store::{Changed, Leaving, Store, StoreError, StoredApiKey, Unique, unkept};

async fn waiting(store: &dyn Store) -> Vec<NewFeedEvent> {
    store.outbox(1000).await.expect("read").into_iter().map(|waiting| waiting.event).collect()
}

async fn clear(store: &dyn Store) {
    if let Some(last) = store.outbox(1000).await.expect("read").last() {
        store.clear_outbox(last.place).await.expect("cleared");
    }
}

/// Organization 1 with the keys 10 and 11, and an empty outbox.
async fn with_keys(backend: &dyn Backend) -> std::sync::Arc<dyn Store> {
    let store = founded(backend).await;
    store.insert_organization(environment(HERE), &organization(1), &[], &unkept).await.expect("stored");
    for n in [11, 10] {
        assert!(store.insert_api_key(&api_key(n, organization_id(1)), &[]).await.expect("stored"));
    }
    store
}

pub(crate) async fn events_come_with_their_change(backend: &dyn Backend) {
    let store = founded(backend).await;
    store.insert_organization(environment(HERE), &organization(1), &[told(1), told(6)], &unkept).await.expect("stored");
    let changed = Organization { name: "changed".to_owned(), updated_at: time(50), ..organization(1) };
    let read_at = organization(1).updated_at;
    store.update_organization(environment(HERE), &changed, read_at, &[told(2)]).await.expect("updated");
    assert!(store.insert_api_key(&api_key(10, organization_id(1)), &[told(3)]).await.expect("stored"));
    assert_eq!(waiting(&*store).await, [told(1), told(6), told(2), told(3)]);
    let elsewhere = Organization { id: organization_id(2), ..organization(1) };
    store.insert_organization(environment(ELSEWHERE), &elsewhere, &[told(4)], &unkept).await.expect("stored");
    let environments: Vec<_> = store.outbox(9).await.expect("read").iter().map(|waiting| waiting.environment).collect();
    assert_eq!(environments, [HERE, HERE, HERE, HERE, ELSEWHERE].map(environment));
}

pub(crate) async fn a_change_that_did_not_happen_says_nothing(backend: &dyn Backend) {
    let store = with_keys(backend).await;
    let unheard = |_: &Leaving| -> Result<Vec<NewFeedEvent>, StoreError> { panic!("nothing is there to tell of") };
    let unheard_key = |_: &_| -> Result<Vec<NewFeedEvent>, StoreError> { panic!("nothing is there to tell of") };
    let unheard_change = |_: &Changed<_>| -> Result<Vec<NewFeedEvent>, StoreError> { panic!("nothing is there to tell of") };
    let rival = Organization { id: organization_id(2), stripe_customer_id: None, ..organization(1) };
    check_taken(store.insert_organization(environment(HERE), &rival, &[told(1)], &unkept).await, &Unique::ExternalId);
    let late = store.update_organization(environment(HERE), &organization(1), time(0), &[told(1)]).await;
    check_taken(late, &Unique::Revision);
    let same_digest = StoredApiKey { digest: api_key(10, organization_id(1)).digest, ..api_key(12, organization_id(1)) };
    check_taken(store.insert_api_key(&same_digest, &[told(1)]).await, &Unique::ApiKey);
    assert!(!store.insert_api_key(&api_key(13, organization_id(9)), &[told(1)]).await.expect("answered"));
    for (place, organization, key) in [(HERE, 9, 99), (ELSEWHERE, 1, 10)] {
        let place = environment(place);
        assert!(!store.delete_organization(place, organization_id(organization), &unheard).await.expect("answered"));
        assert!(!store.delete_api_key(place, key_id(key), &unheard_key).await.expect("answered"));
        let set = store.set_api_key_expiry(place, key_id(key), time(5), time(5), &unheard_change, &unkept).await;
        assert_eq!(set.expect("answered"), None);
    }
    assert_eq!(waiting(&*store).await, []);
}

pub(crate) async fn deletions_tell_what_goes(backend: &dyn Backend) {
    let store = with_keys(backend).await;
    store.touch_api_keys(&[(key_id(11), time(7))]).await.expect("touched");
    let (seen_key, seen) = (Mutex::new(None), Mutex::new(None));
    let tell_key = |key: &crate::entities::ApiKey| {
        *seen_key.lock().expect("not poisoned") = Some(key.clone());
        Ok(vec![told(1)])
    };
    assert!(store.delete_api_key(environment(HERE), key_id(10), &tell_key).await.expect("deleted"));
    assert_eq!(seen_key.into_inner().expect("not poisoned"), Some(api_key(10, organization_id(1)).key));
    let tell = |leaving: &Leaving| {
        *seen.lock().expect("not poisoned") = Some(leaving.clone());
        Ok(vec![told(2), told(3)])
    };
    assert!(store.delete_organization(environment(HERE), organization_id(1), &tell).await.expect("deleted"));
    let mut key = api_key(11, organization_id(1)).key;
    key.last_used_at = Some(time(7));
    let leaving = Leaving { organization: organization(1), api_keys: vec![key] };
    assert_eq!(seen.into_inner().expect("not poisoned"), Some(leaving));
    assert_eq!(waiting(&*store).await, [told(1), told(2), told(3)]);
}

pub(crate) async fn an_expiry_tells_before_and_after(backend: &dyn Backend) {
    let store = with_keys(backend).await;
    let seen = Mutex::new(None);
    let tell = |changed: &Changed<crate::entities::ApiKey>| {
        *seen.lock().expect("not poisoned") = Some(changed.clone());
        Ok(vec![told(1)])
    };
    let answer = store.set_api_key_expiry(environment(HERE), key_id(10), time(50), time(40), &tell, &unkept).await.expect("set");
    let changed = seen.into_inner().expect("not poisoned").expect("told");
    assert_eq!((changed.before, Some(changed.after)), (api_key(10, organization_id(1)).key, answer));
    assert_eq!(waiting(&*store).await, [told(1)]);
}

pub(crate) async fn an_error_of_telling_undoes_the_change(backend: &dyn Backend) {
    let store = with_keys(backend).await;
    let damaged = || Err(StoreError::Damaged { what: "a test".to_owned() });
    check_damaged(store.delete_organization(environment(HERE), organization_id(1), &|_: &Leaving| damaged()).await);
    check_damaged(store.delete_api_key(environment(HERE), key_id(10), &|_: &_| damaged()).await);
    let set =
        store.set_api_key_expiry(environment(HERE), key_id(10), time(50), time(40), &|_: &Changed<_>| damaged(), &unkept).await;
    check_damaged(set);
    assert_eq!(store.organization(environment(HERE), organization_id(1)).await.expect("read"), Some(organization(1)));
    let key = store.api_key(environment(HERE), key_id(10)).await.expect("read");
    assert_eq!(key, Some(api_key(10, organization_id(1))));
    assert!(store.delete_api_key(environment(HERE), key_id(10), &nothing).await.expect("the store goes on"));
}

pub(crate) async fn events_wait_in_the_order_of_their_changes(backend: &dyn Backend) {
    let store = founded(backend).await;
    let insert = |n: u64| {
        let store = &store;
        async move {
            let events = [told(2 * n), told(2 * n + 1)];
            store.insert_organization(environment(HERE), &organization(n), &events, &unkept).await.expect("stored");
        }
    };
    join_all((10..26).map(insert)).await;
    let all = store.outbox(1000).await.expect("read");
    assert_eq!(all.len(), 32);
    assert!(all.is_sorted_by(|a, b| a.place < b.place));
    // Nothing comes between the events of one change.
    for pair in all.chunks(2) {
        let n = (0..).find(|n| told(2 * n) == pair[0].event).expect("the first of a pair");
        assert_eq!(pair[1].event, told(2 * n + 1));
    }
    assert_eq!(store.outbox(3).await.expect("read"), all[..3]);
    assert_eq!(store.outbox(0).await.expect("read"), []);
}

pub(crate) async fn cleared_places_are_not_given_again(backend: &dyn Backend) {
    let store = founded(backend).await;
    let mut last = 0;
    for n in 1..=4 {
        store.insert_organization(environment(HERE), &organization(n), &[told(1), told(2)], &unkept).await.expect("stored");
        let places: Vec<_> = store.outbox(9).await.expect("read").iter().map(|waiting| waiting.place).collect();
        assert!(places[0] > last && places[1] > places[0], "{places:?} after {last}");
        last = places[1];
        store.clear_outbox(places[0]).await.expect("cleared");
        assert_eq!(waiting(&*store).await, [told(2)]);
        clear(&*store).await;
        store.clear_outbox(last).await.expect("repeating is harmless");
        assert_eq!(waiting(&*store).await, []);
    }
}

pub(crate) async fn the_outbox_survives_a_crash(backend: &dyn Backend) {
    let store = founded(backend).await;
    store.insert_organization(environment(HERE), &organization(1), &[told(1)], &unkept).await.expect("stored");
    let before = store.outbox(9).await.expect("read");
    drop(store);
    let store = backend.open().await;
    assert_eq!(store.outbox(9).await.expect("read"), before);
    clear(&*store).await;
    drop(store);
    let store = backend.open().await;
    store.insert_organization(environment(HERE), &organization(2), &[told(2)], &unkept).await.expect("stored");
    assert!(store.outbox(9).await.expect("read")[0].place > before[0].place);
}
