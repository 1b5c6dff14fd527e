//! Merges keep every row, whatever fails on the way.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

use annals_core::event::CommittedEvent;
use annals_core::limits::EVENT_BYTES_MAX;
use annals_core::time::Micros;
use deltalake_core::protocol::DeltaOperation;
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::data_file::Kind;
use super::merge_rows::{Merge, Order, Step};
use super::rewrite::{Rewrite, SOURCES_BYTES_MAX};
use super::testing::{Fault, NOW, Sequencer, When, environment, event, faulty_lake, feed_event_of, organization, shard, url};
use super::{Lake, LakeFile, LakeSettings, MergeOutcome, Pace, RewriteError, Row, Table};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn after(days: i64) -> Micros {
    Micros::saturating(NOW + days * DAY)
}

/// Everything in the table, file by file, as it lies there.
pub async fn rows<R: Row>(table: &Table<R>) -> Vec<Vec<R>> {
    let mut files = Vec::new();
    for file in table.snapshot().files() {
        let bytes = table.files().get(&file.path.as_str().into()).await.expect("the file").bytes().await.expect("the file");
        let mut rows = Vec::new();
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).expect("parquet").build().expect("parquet") {
            rows.extend(R::from_batch(&batch.expect("parquet")).expect("our own rows"));
        }
        files.push(rows);
    }
    files
}

/// In the order of commits.
pub async fn all<R: Row>(table: &Table<R>) -> Vec<R> {
    let mut rows = rows(table).await.concat();
    rows.sort_by_key(Row::id);
    rows
}

/// So many flushes a day, for so many days, of events of a few organizations.
pub async fn fill(lake: &Lake, sequencer: &mut Sequencer, days: u64, flushes: u64) {
    for flush in 0..days * flushes {
        let after = DAY / i64::try_from(flushes).expect("small");
        let events: Vec<_> = (0..40).map(|n| (organization((n * n + flush) % 7), event(100 * flush + n))).collect();
        let events = sequencer.commit(after, events);
        lake.audit_events.append(shard(), events[0].place().commit(), events).await.expect("a flush");
    }
}

pub async fn merge_all<R: Row>(table: &Table<R>, now: Micros, set_aside: &mut HashSet<String>) -> u64 {
    let mut merged = 0;
    loop {
        match table.merge_next(now, set_aside, Pace::Full).await {
            Ok(MergeOutcome::Nothing) => return merged,
            Ok(MergeOutcome::Merged(run)) => merged += run.files,
            // A lost answer was a good one: the snapshot that is published now says so.
            Ok(MergeOutcome::GivenUp) => {}
            Err(RewriteError::Sources { paths, .. }) => set_aside.extend(paths),
            Err(RewriteError::Lake(error)) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_days_become_one_file_each_with_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    fill(&lake, &mut sequencer, 3, 4).await;
    let (before, expected) = (lake.audit_events.snapshot(), all(&lake.audit_events).await);
    let merged = merge_all(&lake.audit_events, after(3), &mut HashSet::new()).await;
    assert!(merged >= 8, "{merged}");
    let nothing = HashSet::new();
    while lake.audit_events.pack_next(after(3), &nothing, u64::MAX, Pace::Full).await.expect("packed") != MergeOutcome::Nothing {}
    assert_eq!(merge_all(&lake.audit_events, after(3), &mut HashSet::new()).await, 0, "packing leaves nothing to merge");
    for reopened in [false, true] {
        if reopened {
            lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
        }
        let snapshot = lake.audit_events.snapshot();
        assert!(snapshot.files().len() <= 5, "{snapshot:?}");
        let first_open = after(3).saturating_sub(Duration::from_secs(60 * 60)).get().div_euclid(DAY);
        let is_closed = |file: &LakeFile| file.received().greatest.get().div_euclid(DAY) < first_open;
        assert!(snapshot.files().iter().all(|file| file.is_packed == is_closed(file)), "{snapshot:?}");
        assert!(snapshot.files().windows(2).all(|pair| pair[0].stats.ids.greatest < pair[1].stats.ids.least));
        for (file, rows) in snapshot.files().iter().zip(rows(&lake.audit_events).await) {
            let order = |row: &CommittedEvent| (row.owner(), row.rank());
            assert!(rows.is_sorted_by(|a, b| order(a) < order(b)));
            assert_eq!(file.stats.rows, rows.len() as u64);
            lake.audit_events.verify(file, &mut |_| ()).await.expect("sound");
        }
        assert_eq!(all(&lake.audit_events).await, expected);
        assert_eq!(snapshot.flushed_through(shard()), before.flushed_through(shard()));
        assert_eq!(lake.flushed_through(shard()).await.expect("the log"), before.flushed_through(shard()));
        assert_eq!(snapshot.received_at_max(), before.received_at_max());
        // A reader of the snapshot before still finds its files.
        for file in before.files() {
            lake.audit_events.files().head(&file.path.as_str().into()).await.expect("the file");
        }
    }
    fill(&lake, &mut sequencer, 1, 2).await;
    assert_eq!(all(&lake.audit_events).await.len(), expected.len() + 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_is_merged_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    for flush in 0..3 {
        let events = sequencer.feed(1000, (0..20).map(|n| (environment(n % 3), feed_event_of(20 * flush + n))).collect());
        lake.feed_events.append(shard(), events[0].place().commit(), events).await.expect("a flush");
    }
    let expected = all(&lake.feed_events).await;
    assert_eq!(merge_all(&lake.feed_events, after(2), &mut HashSet::new()).await, 3);
    assert_eq!((all(&lake.feed_events).await, lake.feed_events.snapshot().files().len()), (expected, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_there_once_wherever_a_merge_dies() {
    for path_end in [".parquet", "/audit_events/_delta_log/00000000000000000005.json"] {
        for when in [When::NotStored, When::StoredButUnanswered] {
            for reopened in [false, true] {
                let case = format!("{path_end}, {when:?}, reopened: {reopened}");
                let folder = tempfile::tempdir().expect("a folder");
                let (mut lake, store) = faulty_lake(folder.path(), LakeSettings::default()).await;
                let mut sequencer = Sequencer::default();
                fill(&lake, &mut sequencer, 1, 4).await;
                let expected = all(&lake.audit_events).await;
                store.fail(Fault { path_end, when });
                let failed = lake.audit_events.merge_next(after(9), &HashSet::new(), Pace::Full).await;
                assert!(matches!(failed, Err(RewriteError::Lake(_))) && store.struck(), "{case}: {failed:?}");
                if reopened {
                    lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
                }
                assert_eq!(all(&lake.audit_events).await, expected, "{case}: before the next merge");
                merge_all(&lake.audit_events, after(9), &mut HashSet::new()).await;
                assert_eq!(all(&lake.audit_events).await, expected, "{case}");
                // What begins at noon spans two days.
                assert_eq!(lake.audit_events.snapshot().files().len(), 2, "{case}");
                fill(&lake, &mut sequencer, 1, 1).await;
                assert_eq!(all(&lake.audit_events).await.len(), expected.len() + 40, "{case}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_is_dropped_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    fill(&lake, &mut Sequencer::default(), 1, 4).await;
    let expected = all(&lake.audit_events).await;
    for polls in 0..12 {
        let set_aside = HashSet::new();
        let mut merge = std::pin::pin!(lake.audit_events.merge_next(after(9), &set_aside, Pace::Full));
        for _ in 0..polls {
            tokio::select! {
                biased;
                _ = &mut merge => break,
                () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
            }
        }
    }
    assert_eq!(all(&lake.audit_events).await, expected);
    merge_all(&lake.audit_events, after(9), &mut HashSet::new()).await;
    assert_eq!((all(&lake.audit_events).await, lake.audit_events.snapshot().files().len()), (expected, 2));
}

fn flip(folder: &Path, path: &str, at: impl Fn(usize) -> usize) {
    let path = folder.join("audit_events").join(path);
    let mut bytes = std::fs::read(&path).expect("the file");
    let at = at(bytes.len());
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("the file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_named_and_never_spreads() {
    // In the first row group, and in the footer.
    for at in [|_| 100, |length: usize| length - 12] {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
        fill(&lake, &mut Sequencer::default(), 2, 5).await;
        let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
        let before = lake.audit_events.snapshot();
        let damaged = before.files()[4].path.clone();
        flip(folder.path(), &damaged, at);
        let failed = lake.audit_events.merge_next(after(9), &HashSet::new(), Pace::Full).await;
        let mut set_aside = HashSet::new();
        match failed {
            Ok(MergeOutcome::Merged(_)) => {}
            other => panic!("files before the damaged one are merged: {other:?}"),
        }
        while set_aside.is_empty() {
            match lake.audit_events.merge_next(after(9), &set_aside, Pace::Full).await {
                Err(RewriteError::Sources { paths, error }) => {
                    assert_eq!(paths, std::slice::from_ref(&damaged), "{error}");
                    assert!(error.to_string().contains(&damaged), "{error}");
                    set_aside.extend(paths);
                }
                other => assert!(matches!(other, Ok(MergeOutcome::Merged(_))), "{other:?}"),
            }
        }
        merge_all(&lake.audit_events, after(9), &mut set_aside).await;
        let files = lake.audit_events.snapshot();
        assert_eq!(files.files().iter().filter(|file| file.path == damaged).count(), 1);
        for file in files.files().iter().filter(|file| file.path != damaged) {
            lake.audit_events.verify(file, &mut |_| ()).await.expect("sound");
        }
        let count = |files: &[super::LakeFile]| files.iter().map(|file| file.stats.rows).sum::<u64>();
        assert_eq!(count(files.files()), count(before.files()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_went_meanwhile_are_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    fill(&lake, &mut Sequencer::default(), 1, 4).await;
    let (table, before) = (&lake.audit_events, lake.audit_events.snapshot());
    let paths: Vec<_> = before.files()[..2].iter().map(|file| file.path.clone()).collect();
    let delete = || DeltaOperation::Delete { predicate: None };
    assert!(table.replace(&paths[..1], None, delete(), after(9)).await.expect("the log"));
    assert!(!table.replace(&paths, None, delete(), after(9)).await.expect("the log"));
    assert_eq!(table.snapshot().files(), &before.files()[1..]);
}

fn batches(rows: &[CommittedEvent], at_once: usize) -> Vec<arrow::array::RecordBatch> {
    rows.chunks(at_once).map(|rows| CommittedEvent::to_batch(rows).expect("columns")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Sorted files become the sorted whole, whatever the sizes of their batches, and without those who leave.
    #[test]
    fn rows_come_out_sorted(
        files in proptest::collection::vec(proptest::collection::vec(0_u64..12, 1..60), 1..6),
        at_once in 1_usize..20,
        leaving in proptest::collection::btree_set(0_u64..12, 0..4),
    ) {
        let (mut sequencer, mut all, mut sources) = (Sequencer::default(), Vec::new(), Vec::new());
        for (number, owners) in files.iter().enumerate() {
            let events = owners.iter().map(|owner| (organization(*owner), event(number as u64))).collect();
            let mut rows = sequencer.commit(1000, events);
            all.extend(rows.clone());
            rows.sort_by_key(|row| (row.organization, row.seq));
            sources.push(batches(&rows, at_once).into_iter());
        }
        let leaving: std::collections::BTreeSet<_> = leaving.into_iter().map(organization).collect();
        let mut merge = Merge::<CommittedEvent>::new(sources.len(), leaving.clone());
        let (mut order, mut merged) = (Order::new(), Vec::new());
        loop {
            match merge.step().expect("our rows") {
                Step::Needs(source) => merge.feed(source, sources[source].next()).expect("our rows"),
                Step::Rows(rows) => {
                    prop_assert!(order.follows::<CommittedEvent>(&rows));
                    merged.extend(CommittedEvent::from_batch(&rows).expect("our rows"));
                }
                Step::End => break,
            }
        }
        prop_assert_eq!(merge.left_out + order.rows, all.len() as u64);
        all.retain(|row| !leaving.contains(&row.organization));
        all.sort_by_key(|row| (row.organization, row.seq));
        prop_assert_eq!(merged, all);
    }
}

/// A purge of whoever has nearly all rows of a large file.
#[test]
fn batches_of_rows_that_are_left_out_are_let_go() {
    for stays_first in [false, true] {
        let mut rows = Sequencer::default().commit(1, (0..2000).map(|n| (organization(2), event(n))).collect());
        rows[0].organization = organization(if stays_first { 1 } else { 3 });
        rows.sort_by_key(|row| (row.organization, row.seq));
        let mut coming = batches(&rows, 10).into_iter();
        let mut merge = Merge::<CommittedEvent>::new(1, [organization(2)].into());
        let (mut fed, mut held, mut out) = (Vec::new(), 0, 0);
        loop {
            match merge.step().expect("our rows") {
                Step::Needs(source) => {
                    let batch = coming.next();
                    fed.extend(batch.as_ref().map(|batch| std::sync::Arc::downgrade(batch.column(0))));
                    merge.feed(source, batch).expect("our rows");
                    held = held.max(fed.iter().filter(|column| column.strong_count() > 0).count());
                }
                Step::Rows(rows) => out += rows.num_rows(),
                Step::End => break,
            }
        }
        assert_eq!((fed.len(), merge.left_out, out), (200, 1999, 1));
        assert!(held < 20, "{held} of 200 batches were held at once");
    }
}

/// Files of small rows with a few of the largest among them, which pack very well: neither the size of a file nor its average row says
/// what it takes to read them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_of_hostile_files_holds_no_more_than_it_may() {
    const FILES: u64 = 40;
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    for file in 0..FILES {
        let large = |n| file > 0 && (100..170).contains(&n);
        let of = |n| {
            let mut event = event(1000 * file + n);
            event.context.user_agent = large(n).then(|| "x".repeat(EVENT_BYTES_MAX - 1024));
            (organization(n), event)
        };
        let events = sequencer.commit(1, (0..300).map(of).collect());
        lake.audit_events.append(shard(), events[0].place().commit(), events).await.expect("a flush");
    }
    let snapshot = lake.audit_events.snapshot();
    assert!(snapshot.files().iter().all(|file| file.bytes < 128 * 1024), "they do not look large");
    let rewritten = async |files: usize| {
        let sources = snapshot.files()[..files].to_vec();
        let rewrite = Rewrite { sources, leaving: BTreeSet::new(), kind: Kind::Merged, pace: Pace::Full };
        let made = rewrite.run(lake.audit_events.data_files().clone(), lake.audit_events.files()).await.expect("readable");
        made.map(|made| made.held_bytes)
    };
    assert_eq!(rewritten(FILES as usize).await, None);
    for files in [2, 10] {
        let held = rewritten(files).await.expect("they fit");
        assert!(held < SOURCES_BYTES_MAX, "{files} files: {held}");
    }
    let expected = all(&lake.audit_events).await;
    assert!(merge_all(&lake.audit_events, after(2), &mut HashSet::new()).await > 1);
    assert!(all(&lake.audit_events).await == expected && lake.audit_events.snapshot().files().len() == 1);
}

/// Whoever commits must know the newest entry: what an entry says of all files would be wrong otherwise, and no start would believe it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_was_made_for_an_older_table_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    fill(&lake, &mut sequencer, 1, 1).await;
    let inner = &lake.audit_events.inner;
    let older = super::table::load::<CommittedEvent>(&inner.log, None).await.expect("the log");
    fill(&lake, &mut sequencer, 1, 1).await;
    let operation =
        DeltaOperation::Write { mode: deltalake_core::protocol::SaveMode::Append, partition_by: None, predicate: None };
    let flushed = vec![deltalake_core::kernel::Transaction::new("another", 1)];
    let refused = inner.commit(&older, flushed, Vec::new(), operation).await;
    assert!(matches!(refused, Err(super::LakeError::Unavailable(_))), "{refused:?}");
    let reopened = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("the log says what is there");
    assert_eq!(all(&reopened.audit_events).await.len(), 80);
}

#[test]
fn rows_out_of_order_are_noticed() {
    let rows = Sequencer::default().commit(1, (0..6).map(|n| (organization(n / 2), event(n))).collect());
    let follows = |rows: &[CommittedEvent], at_once: usize| {
        let mut order = Order::new();
        batches(rows, at_once).iter().all(|batch| order.follows::<CommittedEvent>(batch))
    };
    for at_once in [1, 2, 6] {
        assert!(follows(&rows, at_once));
        for place in 1..rows.len() {
            let mut swapped = rows.clone();
            swapped.swap(place - 1, place);
            assert!(!follows(&swapped, at_once), "{place}");
            let mut doubled = rows.clone();
            doubled[place] = doubled[place - 1].clone();
            assert!(!follows(&doubled, at_once), "{place}");
        }
    }
}
