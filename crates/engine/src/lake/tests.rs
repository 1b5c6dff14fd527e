//! The lake keeps what it was given, exactly once, whatever fails on the way.

use std::num::NonZeroU64;
use std::path::Path;

use annals_core::event::CommittedEvent;
use annals_core::ids::CommitNumber;
use annals_core::time::Micros;
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::testing::{
    Fault, Sequencer, When, api_request_of, commit, environment, event, faulty_lake, feed_event_of, organization, shard, url,
};
use super::{Lake, LakeError, LakeSettings, Row, Table};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// A checkpoint of the log at every second flush.
fn settings() -> LakeSettings {
    LakeSettings { checkpoint_interval: NonZeroU64::new(2).expect("not zero") }
}

async fn open(folder: &Path) -> Lake {
    Lake::open(&url(folder), settings()).await.expect("a lake")
}

/// Commits of three events in two organizations; the third is one day later.
fn commits(count: u64) -> Vec<Vec<CommittedEvent>> {
    let mut sequencer = Sequencer::default();
    let mut commit = |n: u64| {
        let events =
            vec![(organization(2), event(3 * n)), (organization(1), event(3 * n + 1)), (organization(2), event(3 * n + 2))];
        sequencer.commit(if n == 2 { DAY } else { 1500 }, events)
    };
    (0..count).map(&mut commit).collect()
}

fn last(events: &[CommittedEvent]) -> CommitNumber {
    events.iter().map(|event| event.id.commit()).max().expect("not empty")
}

/// Every row, file by file.
async fn contents<R: Row>(table: &Table<R>) -> Vec<R> {
    let mut all = Vec::new();
    for file in table.snapshot().files() {
        let bytes = table.files().get(&file.path.as_str().into()).await.expect("the file").bytes().await.expect("the file");
        assert_eq!(bytes.len() as u64, file.bytes);
        assert!(file.parts.is_some(), "{}", file.path);
        table.verify(file, &mut |_| ()).await.expect("what was written");
        let before = all.len();
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).expect("parquet").build().expect("parquet") {
            all.extend(R::from_batch(&batch.expect("parquet")).expect("our own rows"));
        }
        let rows: &[R] = &all[before..];
        assert_eq!(rows.len() as u64, file.stats.rows);
        assert!(rows.is_sorted_by_key(|row| (row.owner(), row.rank(), row.id())), "{}", file.path);
        assert!(rows.iter().all(|row| file.may_hold(row.owner()) && file.received().holds(row.received_at())));
        for (time, range) in R::TIMES.iter().zip(&file.stats.times) {
            assert!(rows.iter().all(|row| range.holds((time.of)(row))), "{} of {}", time.name, file.path);
            assert!(range.greatest.get() - range.least.get() < DAY, "{} of {}", time.name, file.path);
        }
    }
    all.sort_by_key(Row::id);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_flushed_is_there_after_reopening_also_from_a_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    // A lake may be in any folder.
    let folder = folder.path().join("a lake, näher");
    let commits = commits(7);
    let lake = open(&folder).await;
    assert_eq!(lake.audit_events.flushed_through(shard()).await.expect("the log"), CommitNumber::ZERO);
    assert_eq!(lake.audit_events.snapshot().received_at_max(), None);
    for flush in [&commits[..1], &commits[1..4], &commits[4..5], &commits[5..7]] {
        let events = flush.concat();
        let snapshot = lake.audit_events.append(shard(), last(&events), events).await.expect("a flush");
        assert_eq!(snapshot.files(), lake.audit_events.snapshot().files());
    }
    assert!(std::fs::exists(folder.join("audit_events/_delta_log/_last_checkpoint")).expect("a folder"));
    for lake in [lake, open(&folder).await] {
        assert_eq!(contents(&lake.audit_events).await, commits.concat());
        assert_eq!(lake.audit_events.flushed_through(shard()).await.expect("the log"), commit(7));
        assert_eq!(lake.audit_events.snapshot().flushed_through(shard()), commit(7));
        assert!(lake.audit_events.snapshot().received_at_max() >= commits[6].first().map(|event| event.received_at));
        // The flush over midnight made two files.
        assert_eq!(lake.audit_events.snapshot().files().len(), 5);
        assert!(lake.audit_events.snapshot().files().is_sorted_by_key(|file| file.stats.ids.least));
        lake.check().await.expect("the lake answers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_is_sent_again_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let commits = commits(3);
    let lake = open(folder.path()).await;
    for _ in 0..3 {
        lake.audit_events.append(shard(), commit(2), commits[..2].concat()).await.expect("a flush");
    }
    // More than before, part of it known.
    lake.audit_events.append(shard(), commit(3), commits[1..].concat()).await.expect("a flush");
    // Nothing of it new, but commits without audit events passed by.
    lake.audit_events.append(shard(), commit(5), Vec::new()).await.expect("a flush");
    lake.audit_events.append(shard(), commit(1), commits[..1].concat()).await.expect("a flush");
    assert_eq!(contents(&lake.audit_events).await, commits.concat());
    assert_eq!(lake.audit_events.flushed_through(shard()).await.expect("the log"), commit(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_there_once_whatever_write_fails() {
    for path_end in [".parquet", "00000000000000000002.json", "00000000000000000001.checkpoint.parquet", "_last_checkpoint"] {
        for when in [When::NotStored, When::StoredButUnanswered] {
            for reopened in [false, true] {
                check_fault(Fault { path_end, when }, reopened).await;
            }
        }
    }
}

async fn check_fault(fault: Fault, reopened: bool) {
    let case = format!("{fault:?}, reopened: {reopened}");
    let folder = tempfile::tempdir().expect("a folder");
    let (mut lake, store) = faulty_lake(folder.path(), settings()).await;
    let commits = commits(5);
    store.fail(fault);
    let mut done = 0;
    // As the flush job does: what failed is tried again, by then with one more commit, first by the same process or the next.
    for upto in 1..=5 {
        let events = commits[done..upto].concat();
        match lake.audit_events.append(shard(), last(&events), events).await {
            Ok(_) => done = upto,
            Err(error) => {
                assert!(matches!(error, LakeError::Unavailable(_)), "{case}: {error:?}");
                if reopened {
                    lake = open(folder.path()).await;
                }
            }
        }
    }
    assert!(store.struck(), "{case}");
    assert_eq!(done, 5, "{case}");
    assert_eq!(contents(&lake.audit_events).await, commits.concat(), "{case}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_is_dropped_half_way_can_be_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let commits = commits(4);
    let lake = open(folder.path()).await;
    for polls in 0..40 {
        let mut flush = Box::pin(lake.audit_events.append(shard(), commit(4), commits.concat()));
        for _ in 0..polls {
            if futures::poll!(&mut flush).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    lake.audit_events.append(shard(), commit(4), commits.concat()).await.expect("a flush");
    assert_eq!(contents(&lake.audit_events).await, commits.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_cannot_be_ours_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").expect("a file");
    Lake::open(&url(&file), settings()).await.map(drop).expect_err("a file is no lake");
    let nowhere = "gopher://example.com/lake".parse().expect("a URL");
    assert!(matches!(Lake::open(&nowhere, settings()).await, Err(LakeError::Damaged(_))));

    drop(open(folder.path()).await);
    let entry = folder.path().join("audit_events/_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&entry).expect("the first entry");
    std::fs::write(&entry, text.replace("user_agent", "browser")).expect("another table");
    assert!(matches!(Lake::open(&url(folder.path()), settings()).await, Err(LakeError::Damaged(_))));
    std::fs::write(&entry, "{").expect("a torn entry");
    assert!(matches!(Lake::open(&url(folder.path()), settings()).await, Err(LakeError::Damaged(_))));
}

/// Delta removes old log entries that a checkpoint has made superfluous.
#[tokio::test]
async fn a_cleaned_log_still_answers() {
    let folder = tempfile::tempdir().expect("temp folder");
    let lake = open(folder.path()).await;
    let commits = commits(6);
    for events in &commits {
        lake.audit_events.append(shard(), last(events), events.clone()).await.expect("flushed");
    }
    for version in 0..3 {
        std::fs::remove_file(folder.path().join(format!("audit_events/_delta_log/{version:020}.json"))).expect("an entry");
    }
    lake.check().await.expect("the lake answers");
    let lake = open(folder.path()).await;
    lake.check().await.expect("the lake answers after reopening");
    assert_eq!(contents(&lake.audit_events).await.len(), commits.concat().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_tables_keep_what_they_were_given_and_an_older_lake_gets_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sequencer = Sequencer::default();
    let audit_events = sequencer.commit(1, vec![(organization(1), event(1))]);
    let feed_events = sequencer.feed(DAY, (0..9).map(|n| (environment(n % 2), feed_event_of(n))).collect());
    let requests = sequencer.requests(1, (0..9).map(|n| (environment(n % 2), api_request_of(n))).collect());
    let lake = open(folder.path()).await;
    lake.audit_events.append(shard(), commit(1), audit_events.clone()).await.expect("a flush");
    drop(lake);
    for table in ["events", "api_requests"] {
        std::fs::remove_dir_all(folder.path().join(table)).expect("a table");
    }
    let lake = open(folder.path()).await;
    lake.feed_events.append(shard(), commit(2), feed_events.clone()).await.expect("a flush");
    lake.api_requests.append(shard(), commit(3), requests.clone()).await.expect("a flush");
    for lake in [lake, open(folder.path()).await] {
        assert_eq!(contents(&lake.audit_events).await, audit_events);
        assert_eq!(contents(&lake.feed_events).await, feed_events);
        assert_eq!(contents(&lake.api_requests).await, requests);
        assert_eq!(lake.received_at_max().map(Micros::id_millis), Some(requests[0].received_at.id_millis()));
        lake.check().await.expect("the lake answers");
    }
}
