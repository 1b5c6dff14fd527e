//! The files of old events go, first from the table and later from the disk.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::FeedRetention;
use crate::clock::MovedClock;
use crate::lake::testing::{Sequencer, environment, feed_event_of, shard, url};
use crate::lake::{Lake, LakeSettings, Row};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_leave_the_table_when_they_are_too_old_and_the_disk_an_hour_later() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(MovedClock::default()));
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    for day in 0..3 {
        let events = sequencer.feed(i64::try_from(DAY.as_micros()).expect("small"), vec![(environment(1), feed_event_of(day))]);
        lake.feed_events.append(shard(), events[0].place().commit(), events).await.expect("a flush");
    }
    let before = lake.feed_events.snapshot();
    let on_disk = || before.files().iter().filter(|file| folder.path().join("events").join(&file.path).exists()).count();
    // The clock of these tests is years ahead of the events.
    let job = FeedRetention { lake: lake.clone(), clock: Arc::clone(&clock) as _, kept: DAY };
    let mut deleted = HashSet::new();
    for (after, left) in [(Duration::ZERO, 3), (Duration::from_secs(60 * 59), 3), (Duration::from_secs(60 * 2), 1)] {
        clock.advance(after);
        job.once(&mut deleted).await.expect("the lake");
        assert_eq!((lake.feed_events.snapshot().files(), on_disk()), (&before.files()[2..], left), "{after:?}");
    }
    let job = FeedRetention { kept: 100_000 * DAY, ..job };
    job.once(&mut deleted).await.expect("the lake");
    assert_eq!((lake.feed_events.snapshot().files(), on_disk()), (&before.files()[2..], 1));
}
