//! Idempotent answers.

use super::Backend;
use super::fixtures::{ELSEWHERE, HERE, environment, founded, time};
use crate::store::{AnswerKey, Store, StoredAnswer};

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
