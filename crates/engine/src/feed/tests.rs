//! Pages over tail and lake, from every cursor in every order, against the plain list of what was published; keys over starts; and the
//! events of changes that a stop left in the outbox.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_core::ids::FeedEventId;
use annals_core::secret::ApiKeySecret;
use annals_core::wire::PublishEvent;

use super::{FeedQuery, Names, PublishError, PublishReceipt};
use crate::clock::MovedClock;
use crate::store::unkept;
use crate::tenants::{NewOrganization, Scope};
use crate::{Clock, Engine, FlushSettings, ListQuery, Order, Settings};

const KEY: &str = "sk_test_feed_0123456789";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Running {
    engine: Engine,
    scope: Scope,
}

impl Running {
    async fn open(folder: &Path, clock: &Arc<MovedClock>, flush_records: usize) -> Self {
        let mut settings = Settings::on(folder);
        settings.first_key = ApiKeySecret::from_text(KEY);
        settings.flush = FlushSettings { records: flush_records, age: DAY };
        let engine = Engine::open(settings, Arc::clone(clock) as Arc<dyn Clock>).await.unwrap().engine;
        let scope = engine.tenants().authenticate(KEY).await.unwrap().expect("the first key");
        Self { engine, scope }
    }

    /// Even numbers are `even.one`, odd ones `odd.one`.
    async fn publish(&self, number: usize) -> FeedEventId {
        let event = PublishEvent {
            event: if number.is_multiple_of(2) { "even.one" } else { "odd.one" }.parse().unwrap(),
            data: annals_core::record::ObjectText::of_value(&serde_json::json!({"n": number})).unwrap(),
            organization_id: None,
            context: None,
            idempotency_key: Some(number.to_string()),
            mirrored_from: None,
        };
        match self.engine.feed().publish(&self.scope, vec![event]).await.unwrap()[..] {
            [PublishReceipt::Stored(id)] => id,
            ref other => panic!("{other:?}"),
        }
    }

    async fn page(&self, names: Names, page: ListQuery<FeedEventId>) -> (Vec<FeedEventId>, [Option<FeedEventId>; 2]) {
        let query = FeedQuery { names, organization: None, received: (None, None), page };
        let page = self.engine.feed().events(&self.scope.environment().unwrap(), &query).await.unwrap();
        (page.items.iter().map(|event| event.id).collect(), [page.before, page.after])
    }

    async fn all(&self) -> Vec<FeedEventId> {
        self.page(Names::All, ListQuery { limit: 1000, before: None, after: None, order: Order::Asc }).await.0
    }
}

fn odd() -> Names {
    Names::Any(vec!["odd.one".parse().unwrap(), "nobody.published".parse().unwrap()])
}

/// The page and the cursors, from the list in its order: the items next to the cursor, and whether the list goes on.
fn expected(
    list: &[FeedEventId],
    limit: usize,
    before: Option<FeedEventId>,
    after: Option<FeedEventId>,
) -> (Vec<FeedEventId>, [Option<FeedEventId>; 2]) {
    let place = |id: FeedEventId| list.iter().position(|known| *known == id).unwrap();
    let (first, last) = match (before, after) {
        (Some(before), None) => (place(before).saturating_sub(limit), place(before)),
        (None, Some(after)) => (place(after) + 1, (place(after) + 1 + limit).min(list.len())),
        _ => (0, limit.min(list.len())),
    };
    if first == last {
        return (Vec::new(), [None, None]);
    }
    let (precede, follow) = (first > 0, last < list.len());
    (list[first..last].to_vec(), [precede.then(|| list[first]), follow.then(|| list[last - 1])])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_the_same_wherever_the_events_are() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let running = Running::open(folder.path(), &clock, 9).await;
    let mut ids = Vec::new();
    for number in 0..31 {
        ids.push(running.publish(number).await);
        clock.advance(Duration::from_micros(300));
    }
    assert_eq!(running.all().await, ids);
    let odd_ids: Vec<_> = ids.iter().skip(1).step_by(2).copied().collect();
    for (names, rising) in [(Names::All, &ids), (odd(), &odd_ids)] {
        let falling: Vec<_> = rising.iter().rev().copied().collect();
        for (order, list) in [(Order::Asc, rising), (Order::Desc, &falling)] {
            let cursors = std::iter::once((None, None)).chain(list.iter().flat_map(|id| [(Some(*id), None), (None, Some(*id))]));
            // A third of all pages is enough, and spares the others' time.
            for ((before, after), limit) in cursors.zip([1, 4, 100].into_iter().cycle()) {
                let page = running.page(names.clone(), ListQuery { limit, before, after, order }).await;
                assert_eq!(page, expected(list, limit as usize, before, after), "{order:?} {limit} {before:?} {after:?}");
            }
        }
    }
    running.engine.close().await;
}

/// A consumer of rare events polls with an old cursor: after the first time the lake is not read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_found_nothing_does_not_look_there_again() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let running = Running::open(folder.path(), &clock, 1).await;
    let cursor = running.publish(1).await;
    for number in 1..6 {
        running.publish(number * 2).await;
    }
    let feed = running.engine.feed();
    let poll = async |names, after| {
        let page = ListQuery { limit: 10, before: None, after: Some(after), order: Order::Asc };
        let query = FeedQuery { names, organization: None, received: (None, None), page };
        feed.events(&running.scope.environment().unwrap(), &query).await.map(|page| page.items.len())
    };
    assert_eq!(poll(odd(), cursor).await.unwrap(), 0);
    let new = running.publish(13).await;
    assert_eq!(poll(odd(), cursor).await.unwrap(), 1);
    running.publish(14).await;
    assert_eq!(poll(odd(), new).await.unwrap(), 0);
    while feed.log.tail().size().records > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let folders = std::fs::read_dir(folder.path().join("lake/events")).unwrap().map(|entry| entry.unwrap().path());
    for day in folders.filter(|path| !path.ends_with("_delta_log")) {
        std::fs::remove_dir_all(day).unwrap();
    }
    assert!(poll(Names::All, cursor).await.is_err(), "the lake has the events");
    for _ in 0..2 {
        assert_eq!(poll(odd(), new).await.unwrap(), 0);
    }
    running.engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_count_over_a_start_and_a_flush() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let running = Running::open(folder.path(), &clock, 2).await;
    let ids = [running.publish(0).await, running.publish(1).await, running.publish(2).await];
    running.engine.close().await;
    drop(running);
    let running = Running::open(folder.path(), &clock, 2).await;
    let event = |n: usize, key: &str| PublishEvent {
        event: "even.one".parse().unwrap(),
        data: annals_core::record::ObjectText::of_value(&serde_json::json!({"n": n})).unwrap(),
        organization_id: None,
        context: None,
        idempotency_key: Some(key.to_owned()),
        mirrored_from: None,
    };
    let publish = async |events| running.engine.feed().publish(&running.scope, events).await;
    assert!(matches!(
        publish(vec![event(0, "0"), event(2, "2")]).await.unwrap()[..],
        [PublishReceipt::Replayed, PublishReceipt::Replayed]
    ));
    let refused = publish(vec![event(7, "7"), event(8, "2")]).await;
    assert!(matches!(&refused, Err(PublishError::KeyReused { key }) if key == "2"), "{refused:?}");
    assert_eq!(running.all().await, ids);
    clock.advance(DAY + Duration::from_secs(1));
    assert!(matches!(publish(vec![event(8, "2")]).await.unwrap()[..], [PublishReceipt::Stored(_)]));
    running.engine.close().await;
}

/// The events of a change are there soon after it, and after a stop in between they are there soon after the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_finishes_what_was_left_in_the_outbox() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let mut made = 0;
    for _ in 0..5 {
        let running = Running::open(folder.path(), &clock, 1000).await;
        for _ in 0..3 {
            let new = NewOrganization { name: "x".to_owned(), ..NewOrganization::default() };
            running.engine.tenants().create_organization(&running.scope.environment().unwrap(), new, &unkept).await.unwrap();
            made += 1;
        }
        // At once, while its job may be anywhere.
        running.engine.close().await;
    }
    let running = Running::open(folder.path(), &clock, 1000).await;
    for _ in 0..500 {
        if running.all().await.len() >= made {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(running.all().await.len(), made);
    running.engine.close().await;
}
