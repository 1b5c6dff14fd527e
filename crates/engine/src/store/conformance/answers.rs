//! Idempotent answers, alone and with the change that they tell of.

use super::Backend;
use super::fixtures::{
    ELSEWHERE, HERE, api_key, check_taken, environment, export, founded, key_id, nothing, organization, organization_id,
    schema_ids, time,
};
use crate::entities::{ApiKey, Export, NewSchema, Organization, Schema};
use crate::store::{AnswerKey, Changed, KeptAnswer, Store, StoreError, StoredAnswer, Unique, unkept};

fn key(environment_number: u8, n: u8) -> AnswerKey {
    AnswerKey { environment: environment(environment_number), digest: [n; 32] }
}

fn answer(n: u8) -> StoredAnswer {
    StoredAnswer {
        request_digest: [n; 32],
        status: 200 + u16::from(n),
        body: format!("{{\"n\":{n}}}").into_bytes(),
        at: time(i64::from(n)),
    }
}

async fn read(store: &dyn Store, key: &AnswerKey) -> Option<StoredAnswer> {
    store.answer(key).await.expect("read")
}

pub(crate) async fn an_answer_comes_back_whole(backend: &dyn Backend) {
    let store = founded(backend).await;
    let empty = StoredAnswer { body: Vec::new(), ..answer(2) };
    for (n, answer) in [(1, answer(1)), (2, empty)] {
        assert_eq!(read(&*store, &key(HERE, n)).await, None);
        store.put_answer(&key(HERE, n), &answer).await.expect("stored");
        assert_eq!(read(&*store, &key(HERE, n)).await, Some(answer));
    }
}

pub(crate) async fn a_newer_answer_replaces_it(backend: &dyn Backend) {
    let store = founded(backend).await;
    for n in [1, 2] {
        store.put_answer(&key(HERE, 1), &answer(n)).await.expect("stored");
    }
    assert_eq!(read(&*store, &key(HERE, 1)).await, Some(answer(2)));
}

pub(crate) async fn old_answers_expire(backend: &dyn Backend) {
    let store = founded(backend).await;
    for n in 1..=5 {
        store.put_answer(&key(HERE, n), &answer(n)).await.expect("stored");
    }
    for (limit, deleted) in [(2, 2), (2, 1), (2, 0)] {
        assert_eq!(store.expire_answers(time(4), limit).await.expect("expired"), deleted);
    }
    for n in 1..=5 {
        assert_eq!(read(&*store, &key(HERE, n)).await.is_some(), n >= 4, "{n}");
    }
}

pub(crate) async fn environments_do_not_meet(backend: &dyn Backend) {
    let store = founded(backend).await;
    store.put_answer(&key(HERE, 1), &answer(1)).await.expect("stored");
    assert_eq!(read(&*store, &key(ELSEWHERE, 1)).await, None);
    store.put_answer(&key(ELSEWHERE, 1), &answer(2)).await.expect("stored");
    assert_eq!(read(&*store, &key(HERE, 1)).await, Some(answer(1)));
}

/// Answer `n`, whose body is made from the thing.
fn kept(n: u8, body: String) -> Option<KeptAnswer> {
    Some(KeptAnswer { key: key(HERE, n), answer: StoredAnswer { body: body.into_bytes(), ..answer(n) } })
}

async fn check_kept(store: &dyn Store, n: u8, body: &str) {
    assert_eq!(read(store, &key(HERE, n)).await.map(|answer| answer.body), Some(body.as_bytes().to_vec()), "{n}");
}

pub(crate) async fn answers_come_with_their_change(backend: &dyn Backend) {
    let store = founded(backend).await;
    // One that has expired is replaced.
    store.put_answer(&key(HERE, 1), &answer(1)).await.expect("stored");
    let keep = |new: &Organization| kept(1, new.name.clone());
    store.insert_organization(environment(HERE), &organization(1), &[], &keep).await.expect("stored");
    check_kept(&*store, 1, &organization(1).name).await;
    let keep = |new: &Export| kept(2, new.id.to_string());
    store.insert_export(environment(HERE), &export(1), &keep).await.expect("stored");
    check_kept(&*store, 2, &export(1).id.to_string()).await;
    for version in [1, 2] {
        let body = NewSchema { actor_metadata: None, targets: Vec::new(), metadata: None };
        let keep = |new: &Schema| kept(3, new.version.to_string());
        store.insert_schema(environment(HERE), "a", schema_ids(version), &body, time(1), &keep).await.expect("stored");
        check_kept(&*store, 3, &version.to_string()).await;
    }
    assert!(store.insert_api_key(&api_key(10, organization_id(1)), &[]).await.expect("stored"));
    let keep = |after: &ApiKey| kept(4, format!("{:?}", after.expires_at));
    let set = store.set_api_key_expiry(environment(HERE), key_id(10), time(50), time(40), &nothing, &keep).await;
    check_kept(&*store, 4, &format!("{:?}", set.expect("set").expect("a key").expires_at)).await;
}

pub(crate) async fn a_change_that_did_not_happen_keeps_no_answer(backend: &dyn Backend) {
    let store = founded(backend).await;
    store.insert_organization(environment(HERE), &organization(1), &[], &unkept).await.expect("stored");
    assert!(store.insert_api_key(&api_key(10, organization_id(1)), &[]).await.expect("stored"));
    let rival = Organization { external_id: organization(1).external_id, ..organization(2) };
    let taken = store.insert_organization(environment(HERE), &rival, &[], &|_: &Organization| kept(1, String::new())).await;
    check_taken(taken, &Unique::ExternalId);
    let keep = |_: &ApiKey| kept(1, String::new());
    let absent = store.set_api_key_expiry(environment(HERE), key_id(99), time(50), time(40), &nothing, &keep).await;
    assert_eq!(absent.expect("answered"), None);
    let unspeakable = |_: &Changed<ApiKey>| Err(StoreError::Damaged { what: "a test".to_owned() });
    store.set_api_key_expiry(environment(HERE), key_id(10), time(50), time(40), &unspeakable, &keep).await.expect_err("undone");
    assert_eq!(read(&*store, &key(HERE, 1)).await, None);
}
