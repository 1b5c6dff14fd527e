//! Upkeep as a whole: old files leave the table, and later the disk; small ones become large ones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Kept, Steady, Upkeep};
use crate::clock::{Clock, MovedClock};
use crate::jobs::purge::tests::purge;
use crate::lake::testing::{Sequencer, api_request_of, environment, feed_event_of, shard, url};
use crate::lake::{Lake, LakeSettings, Row, Table};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn upkeep(folder: &Path, lake: &Lake, clock: &Arc<MovedClock>, kept: Duration) -> Upkeep {
    let kept = Kept { feed_events: kept, api_requests: kept, removed_files: DAY };
    let purge = purge(folder, lake, clock).await;
    Upkeep::new(lake.clone(), Arc::clone(clock) as _, kept, purge, None)
}

/// A flush of each table on each of three days.
async fn fill(lake: &Lake) {
    let mut sequencer = Sequencer::default();
    let day = i64::try_from(DAY.as_micros()).expect("small");
    for number in 0..3 {
        let events = sequencer.feed(day, vec![(environment(1), feed_event_of(number))]);
        lake.feed_events.append(shard(), events[0].place().commit(), events).await.expect("a flush");
        let requests = sequencer.requests(0, vec![(environment(1), api_request_of(number))]);
        lake.api_requests.append(shard(), requests[0].place().commit(), requests).await.expect("a flush");
    }
}

fn files<R: Row>(table: &Table<R>) -> usize {
    table.snapshot().files().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_records_leave_their_tables_but_for_the_newest_file() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(MovedClock::default()));
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    fill(&lake).await;
    // The clock of these tests is months ahead of the records.
    upkeep(folder.path(), &lake, &clock, 100_000 * DAY).await.expire().await.expect("the lake");
    assert_eq!((files(&lake.feed_events), files(&lake.api_requests)), (3, 3));
    for _ in 0..2 {
        upkeep(folder.path(), &lake, &clock, DAY).await.expire().await.expect("the lake");
        assert_eq!((files(&lake.feed_events), files(&lake.api_requests)), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merging_all_leaves_one_file_a_day() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(MovedClock::default()));
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    fill(&lake).await;
    let mut sequencer = Sequencer::default();
    for _ in 0..9 {
        let _ = sequencer.feed(0, Vec::new());
    }
    for number in 10..13 {
        let events = sequencer.feed(0, vec![(environment(1), feed_event_of(number))]);
        lake.feed_events.append(shard(), events[0].place().commit(), events).await.expect("a flush");
    }
    upkeep(folder.path(), &lake, &clock, DAY).await.merge_all().await.expect("the lake");
    let rows: u64 = lake.feed_events.snapshot().files().iter().map(|file| file.stats.rows).sum();
    assert_eq!((files(&lake.feed_events), files(&lake.api_requests), rows), (4, 3, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packing_takes_one_file_at_a_time_and_makes_way() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(MovedClock::default()));
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    fill(&lake).await;
    let upkeep = upkeep(folder.path(), &lake, &clock, DAY).await;
    fn packed<R: Row>(table: &Table<R>) -> usize {
        table.snapshot().files().iter().filter(|file| file.is_packed).count()
    }
    let packed = || packed(&lake.feed_events) + packed(&lake.api_requests);
    let mut turn = upkeep.turn.lock().await;
    for expected in 1..=6 {
        upkeep.wanted.notify_one();
        assert!(!upkeep.pack_one(&mut turn).await);
        assert_eq!(packed(), expected - 1);
        assert!(upkeep.pack_one(&mut turn).await);
        assert_eq!(packed(), expected);
    }
    assert!(!upkeep.pack_one(&mut turn).await);
}

#[test]
fn a_clock_that_jumps_is_noticed_once() {
    let clock = MovedClock::default();
    let mut steady = Steady::from(clock.now());
    assert!(steady.is_so(clock.now()));
    clock.advance(365 * DAY);
    assert!(!steady.is_so(clock.now()));
    assert!(steady.is_so(clock.now()));
    clock.set_back(DAY);
    assert!(!steady.is_so(clock.now()));
}
