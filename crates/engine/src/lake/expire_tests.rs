//! Old files leave the table, then a vacuum deletes them, and nothing else goes.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use annals_core::record::FeedEvent;
use annals_core::time::Micros;
use object_store::ObjectStoreExt;

use super::testing::{Fault, NOW, Sequencer, When, environment, faulty_lake, feed_event_of, shard, url};
use super::{Lake, LakeFile, LakeSettings, Row};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// A checkpoint of the log at every second entry.
fn settings() -> LakeSettings {
    LakeSettings { checkpoint_interval: NonZeroU64::new(2).expect("not zero") }
}

/// Removals happen in the far future: by the machine's clock, the log forgets those that are a week old.
const LATER: i64 = 100_000;

fn after(days: i64) -> Micros {
    Micros::saturating(NOW + days * DAY)
}

/// A flush of three events on each of so many days, the first one day after `NOW`.
async fn fill(lake: &Lake, sequencer: &mut Sequencer, days: u64) {
    for day in 0..days {
        let events = sequencer.feed(DAY, (0..3).map(|n| (environment(n), feed_event_of(3 * day + n))).collect());
        lake.feed_events.append(shard(), events[0].place().commit(), events).await.expect("a flush");
    }
}

fn on_disk(folder: &Path) -> usize {
    let days = std::fs::read_dir(folder.join("events")).expect("a table").map(|entry| entry.expect("a folder").path());
    let days = days.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("date=")));
    days.map(|day| std::fs::read_dir(day).expect("a folder").count()).sum()
}

/// As of so many days after `NOW`; files stay for a day. How many went.
async fn vacuum(lake: &Lake, days: i64) -> u64 {
    let day = Duration::from_secs(24 * 60 * 60);
    lake.feed_events.vacuum(after(days), day - Duration::from_secs(1)).await.expect("the folder").files
}

async fn is_there(lake: &Lake, file: &LakeFile<FeedEvent>) -> bool {
    lake.feed_events.files().head(&file.path.as_str().into()).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_leave_the_table_at_once_and_the_folder_after_a_while() {
    for reopened in [false, true] {
        check_old_files(reopened).await;
    }
}

async fn check_old_files(reopened: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lake = Lake::open(&url(folder.path()), settings()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    fill(&lake, &mut sequencer, 6).await;
    let before = lake.feed_events.snapshot();
    assert_eq!(lake.feed_events.remove_received_before(after(1), after(LATER)).await.expect("none is so old"), 0);
    // Its last event was received within the millisecond that ends here.
    assert_eq!(lake.feed_events.remove_received_before(after(4), after(LATER)).await.expect("the log"), 3);
    if reopened {
        lake = Lake::open(&url(folder.path()), settings()).await.expect("a lake");
    }
    for _ in 0..2 {
        assert_eq!(lake.feed_events.snapshot().files(), &before.files()[3..]);
        assert_eq!(lake.feed_events.remove_received_before(after(4), after(LATER + 1)).await.expect("nothing to do"), 0);
        assert_eq!(vacuum(&lake, LATER).await, 0);
        // Whoever reads by the old snapshot still finds them.
        assert!(is_there(&lake, &before.files()[0]).await);
    }
    // A checkpoint lies between the removal and the deletion.
    fill(&lake, &mut sequencer, 3).await;
    // Whoever holds the snapshot reads on; another process does not know of that.
    assert_eq!(vacuum(&lake, LATER + 1).await, if reopened { 3 } else { 0 });
    drop(before);
    assert_eq!(vacuum(&lake, LATER + 1).await, if reopened { 0 } else { 3 });
    assert_eq!(on_disk(folder.path()), 6);
    for file in lake.feed_events.snapshot().files() {
        assert!(is_there(&lake, file).await, "{}", file.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_file_stays_and_with_it_how_far_ids_have_come() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), settings()).await.expect("a lake");
    fill(&lake, &mut Sequencer::default(), 4).await;
    let before = lake.feed_events.snapshot();
    assert_eq!(lake.feed_events.remove_received_before(after(500), after(LATER)).await.expect("the log"), 3);
    let snapshot = lake.feed_events.snapshot();
    assert_eq!(snapshot.files(), &before.files()[3..]);
    assert_eq!(snapshot.flushed_through(shard()), before.flushed_through(shard()));
    assert_eq!(snapshot.received_at_max(), before.received_at_max());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_whose_answer_was_lost_is_done_once() {
    for when in [When::NotStored, When::StoredButUnanswered] {
        let folder = tempfile::tempdir().expect("a folder");
        let (lake, store) = faulty_lake(folder.path(), settings()).await;
        let mut sequencer = Sequencer::default();
        fill(&lake, &mut sequencer, 4).await;
        store.fail(Fault { path_end: "/events/_delta_log/00000000000000000005.json", when });
        lake.feed_events.remove_received_before(after(3), after(LATER)).await.expect_err("the storage went away");
        assert!(store.struck());
        let removed = lake.feed_events.remove_received_before(after(3), after(LATER)).await.expect("the log");
        assert_eq!(removed, if when == When::NotStored { 2 } else { 0 }, "{when:?}");
        fill(&lake, &mut sequencer, 1).await;
        assert_eq!(lake.feed_events.snapshot().files().len(), 3, "{when:?}");
        assert_eq!(vacuum(&lake, LATER + 1).await, 2);
    }
}
