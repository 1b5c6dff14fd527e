//! Events are shown for as long as they are kept, be they in the tail, in the lake, or due to be removed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_core::record::ObjectText;
use annals_core::secret::ApiKeySecret;
use annals_core::wire::PublishEvent;

use super::{FeedQuery, Names};
use crate::clock::MovedClock;
use crate::tenants::Scope;
use crate::{Clock, Engine, FlushSettings, ListQuery, Order, Settings};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const KEY: &str = "sk_test_feed_0123456789";

async fn publish(engine: &Engine, scope: &Scope, name: &str) {
    let event = PublishEvent {
        event: name.parse().expect("a name"),
        data: ObjectText::from_stored("{}").expect("an object"),
        organization_id: None,
        context: None,
        idempotency_key: None,
        mirrored_from: None,
    };
    engine.feed().publish(scope, vec![event]).await.expect("published");
}

/// Data files of the feed, one for each flush here.
async fn wait_for_files(folder: &Path, count: usize) {
    for _ in 0..1000 {
        let days = std::fs::read_dir(folder.join("lake/events")).expect("a table").map(|entry| entry.expect("a folder").path());
        let days = days.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("date=")));
        let files = days.flat_map(|day| std::fs::read_dir(day).expect("a folder")).map(|file| file.expect("a file").path());
        if files.filter(|file| file.extension().is_some_and(|extension| extension == "parquet")).count() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{count} files never come");
}

async fn names(engine: &Engine, scope: &Scope) -> Vec<String> {
    let query = FeedQuery {
        names: Names::All,
        organization: None,
        received: (None, None),
        page: ListQuery { limit: 100, before: None, after: None, order: Order::Asc },
    };
    let page = engine.feed().events(&scope.environment().expect("its key"), &query).await.expect("a page");
    // The first key tells of itself.
    page.items.into_iter().map(|event| event.event.name.to_string()).filter(|name| name.starts_with("a.")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_shown_for_as_long_as_they_are_kept() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(MovedClock::default()));
    let mut settings = Settings::on(folder.path());
    settings.first_key = ApiKeySecret::from_text(KEY);
    settings.flush = FlushSettings { records: 1, age: DAY };
    settings.feed_retention = 10 * DAY;
    let engine = Engine::open(settings, Arc::clone(&clock) as Arc<dyn Clock>).await.expect("an engine").engine;
    let scope = engine.tenants().authenticate(KEY).await.expect("a store").expect("the first key");
    for (count, name) in (1..).zip(["a.first", "a.second", "a.third"]) {
        publish(&engine, &scope, name).await;
        wait_for_files(folder.path(), count).await;
        clock.advance(4 * DAY);
    }
    assert_eq!(names(&engine, &scope).await, ["a.second", "a.third"]);
    publish(&engine, &scope, "a.fourth").await;
    clock.advance(5 * DAY);
    assert_eq!(names(&engine, &scope).await, ["a.third", "a.fourth"]);
    engine.close().await;
}
