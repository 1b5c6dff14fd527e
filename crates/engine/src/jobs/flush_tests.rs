//! A flush that dies after any of its steps loses nothing and doubles nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use annals_core::ids::{EnvironmentId, RecordPlace, ShardId};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{FlushError, FlushJob, FlushSettings, finish_interrupted};
use crate::clock::MovedClock;
use crate::commit_log::tests::{SHARD, append_of, database, open_on, organization};
use crate::commit_log::{Append, Appended, CommitLog, NewRecord};
use crate::lake::testing::{Fault, FaultyStore, When, api_request_of, faulty_lake, feed_event_of};
use crate::lake::{Lake, LakeError, LakeSettings, Row, Table};

struct Running {
    log: Arc<CommitLog>,
    lake: Lake,
    store: Arc<FaultyStore>,
    job: FlushJob,
}

impl Running {
    /// As the engine starts.
    async fn open(folder: &Path) -> Self {
        let (lake, store) = faulty_lake(&folder.join("lake"), LakeSettings::default()).await;
        let clock = Arc::new(MovedClock::default());
        let shard = ShardId::new(SHARD);
        let flushed = lake.flushed_through(shard).await.expect("the log");
        let log = Arc::new(open_on(database(folder).await, folder, &clock, flushed).await);
        finish_interrupted(&log, flushed).await.expect("retired");
        let job = FlushJob {
            log: Arc::clone(&log),
            lake: lake.clone(),
            clock,
            settings: FlushSettings::default(),
            health: super::LakeHealth::default(),
            turn: Arc::default(),
        };
        Self { log, lake, store, job }
    }

    /// One record of each kind.
    async fn record(&self, number: u64) -> Vec<RecordPlace> {
        let environment = EnvironmentId::from_parts(1, 1);
        let feed = Append { environment, record: NewRecord::FeedEvent(feed_event_of(number)), key: None };
        let request = Append { environment, record: NewRecord::ApiRequest(api_request_of(number)), key: None };
        let mut places = Vec::new();
        for append in [append_of(organization(1), "a", None), feed, request] {
            match self.log.append(append).await.expect("stored") {
                Appended::Stored(place) => places.push(place),
                other => panic!("{other:?}"),
            }
        }
        places
    }

    /// Everything in the lake and, apart from it, in the tail.
    async fn contents(&self) -> (Vec<RecordPlace>, Vec<RecordPlace>) {
        let mut lake = places(&self.lake.audit_events).await;
        lake.extend(places(&self.lake.feed_events).await);
        lake.extend(places(&self.lake.api_requests).await);
        let mut tail = Vec::new();
        for commit in self.log.tail().commits() {
            tail.extend(commit.audit_events.iter().map(Row::place));
            tail.extend(commit.feed_events.iter().map(Row::place));
            tail.extend(commit.api_requests.iter().map(Row::place));
        }
        assert_eq!(tail.len(), self.log.tail().size().records);
        (lake, tail)
    }
}

async fn places<R: Row>(table: &Table<R>) -> Vec<RecordPlace> {
    use object_store::ObjectStoreExt;
    let mut places = Vec::new();
    for file in table.snapshot().files() {
        let bytes = table.files().get(&file.path.as_str().into()).await.expect("the file").bytes().await.expect("the file");
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).expect("parquet").build().expect("parquet") {
            places.extend(R::from_batch(&batch.expect("parquet")).expect("our own rows").iter().map(Row::place));
        }
    }
    places
}

/// Where the process dies: at a write of the lake, or when the commits are retired.
#[derive(Debug, Clone, Copy)]
enum Death {
    Write(Fault),
    Retire,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_there_once_wherever_a_flush_dies() {
    let entries = [
        "/events/_delta_log/00000000000000000002.json",
        "/api_requests/_delta_log/00000000000000000002.json",
        "/audit_events/_delta_log/00000000000000000002.json",
    ];
    for restarted in [false, true] {
        for path_end in entries {
            for when in [When::NotStored, When::StoredButUnanswered] {
                check(Death::Write(Fault { path_end, when }), restarted).await;
            }
        }
    }
    // Without the committer nothing can be retired, so this one always restarts.
    check(Death::Retire, true).await;
}

async fn check(death: Death, restarted: bool) {
    let case = format!("{death:?}, restarted: {restarted}");
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = Running::open(folder.path()).await;
    let mut expected: BTreeSet<RecordPlace> = BTreeSet::new();
    expected.extend(running.record(1).await);
    running.job.flush().await.expect("a flush");
    expected.extend(running.record(2).await);
    match death {
        Death::Write(fault) => {
            running.store.fail(fault);
            assert!(matches!(running.job.flush().await, Err(FlushError::Lake(_))), "{case}");
            assert!(running.store.struck(), "{case}");
            // What came meanwhile is flushed together with what is in some of the tables.
            expected.extend(running.record(3).await);
        }
        Death::Retire => {
            running.log.close().await;
            assert!(matches!(running.job.flush().await, Err(FlushError::Retire(_))), "{case}");
        }
    }
    if restarted {
        running.log.close().await;
        drop(running);
        running = Running::open(folder.path()).await;
    }
    let (lake, tail) = running.contents().await;
    let both: BTreeSet<_> = lake.iter().chain(&tail).copied().collect();
    assert_eq!(both, expected, "{case}: before the next flush");
    running.job.flush().await.expect("a flush");
    let (lake, tail) = running.contents().await;
    assert_eq!((lake.len(), tail.len()), (expected.len(), 0), "{case}");
    assert_eq!(lake.into_iter().collect::<BTreeSet<_>>(), expected, "{case}");
    running.log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_that_lost_one_table_is_refused() {
    for table in ["events", "api_requests"] {
        let folder = tempfile::tempdir().expect("a folder");
        let running = Running::open(folder.path()).await;
        running.record(1).await;
        running.job.flush().await.expect("a flush");
        running.log.close().await;
        drop(running);
        std::fs::remove_dir_all(folder.path().join("lake").join(table)).expect("a table");
        let (lake, _) = faulty_lake(&folder.path().join("lake"), LakeSettings::default()).await;
        let refused = lake.flushed_through(ShardId::new(SHARD)).await.expect_err(table);
        assert!(matches!(refused, LakeError::Damaged(_)) && refused.to_string().contains(table), "{refused}");
    }
}
