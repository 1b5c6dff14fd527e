//! What is too old goes, oldest first, and each organization's log says so exactly once.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_core::event::{CommittedEvent, RetentionPurged};
use annals_core::ids::{EnvironmentId, OrganizationId, ShardId};

use super::{Purge, PurgeError, Recorded};
use crate::clock::{Clock, MovedClock};
use crate::commit_log::tests::{SHARD, append_of, database, open_on};
use crate::jobs::{FlushJob, FlushSettings, finish_interrupted};
use crate::lake::testing::{Fault, FaultyStore, When, faulty_lake, url};
use crate::lake::{Lake, LakeFile, LakeSettings, LakeView, MergeOutcome, Pace};
use crate::read::{Filter, Reader, ReadingRoom, Selection, Snapshot};
use crate::store::Store;
use crate::store::conformance::fixtures::{HERE, environment, founding, organization, organization_id};
use crate::store::listing::{Direction, Scan};
use crate::store::unkept;
use crate::tenants::RetentionDays;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps its events for 30 days; those of others are kept for 60.
const SHORT: u64 = 2;
const OTHER: u64 = 1;
/// Is no organization any more.
const GONE: u64 = 9;

struct Running {
    purge: Purge,
    store: Arc<FaultyStore>,
    clock: Arc<MovedClock>,
    flush: FlushJob,
    set_aside: HashSet<String>,
    recorded: Recorded,
}

pub async fn purge(folder: &Path, lake: &Lake, clock: &Arc<MovedClock>) -> Purge {
    purge_on(database(folder).await, folder, lake, clock).await
}

pub async fn purge_on(store: Arc<dyn Store>, folder: &Path, lake: &Lake, clock: &Arc<MovedClock>) -> Purge {
    let flushed = lake.flushed_through(ShardId::new(SHARD)).await.expect("the log");
    let log = Arc::new(open_on(Arc::clone(&store), folder, clock, flushed).await);
    finish_interrupted(&log, flushed).await.expect("retired");
    let flush = FlushJob {
        log: Arc::clone(&log),
        lake: lake.clone(),
        clock: Arc::clone(clock) as _,
        settings: FlushSettings::default(),
        health: Arc::default(),
        turn: Arc::default(),
    };
    Purge {
        store,
        log,
        lake: lake.clone(),
        flush,
        reader: Reader::new(&lake.audit_events).expect("a reader"),
        room: ReadingRoom::open().expect("threads"),
        clock: Arc::clone(clock) as _,
        default_retention: RetentionDays::new(60).expect("a period"),
    }
}

impl Running {
    async fn open(folder: &Path, clock: &Arc<MovedClock>) -> Self {
        let (lake, store) = faulty_lake(&folder.join("lake"), LakeSettings::default()).await;
        let purge = purge(folder, &lake, clock).await;
        let flush = purge.flush.clone();
        Self { purge, store, clock: Arc::clone(clock), flush, set_aside: HashSet::new(), recorded: Recorded::new() }
    }

    /// With two organizations and so many days of two events each of them and of one that is gone. The first day has just begun.
    async fn with_days(folder: &Path, days: u32) -> Self {
        let clock = Arc::new(MovedClock::default());
        let since_midnight = clock.now().get().rem_euclid(i64::try_from(DAY.as_micros()).expect("small"));
        clock.set_back(Duration::from_micros(since_midnight.unsigned_abs()) - Duration::from_secs(1));
        let running = Self::open(folder, &clock).await;
        running.purge.store.found(&founding(HERE)).await.expect("stored");
        for n in [SHORT, OTHER] {
            running.purge.store.insert_organization(environment(HERE), &organization(n), &[], &unkept).await.expect("stored");
        }
        for _ in 0..days {
            running.record(&[SHORT, OTHER, GONE, OTHER, SHORT, GONE]).await;
            running.flush.flush().await.expect("a flush");
            clock.advance(DAY);
        }
        running
    }

    async fn record(&self, organizations: &[u64]) {
        for n in organizations {
            let append = append_of(organization_id(*n), "a", None);
            let append = crate::commit_log::Append { environment: environment(HERE), ..append };
            self.purge.log.append(append).await.expect("stored");
        }
    }

    async fn purge(&mut self) -> Result<super::PurgeReport, PurgeError> {
        self.purge.run(None, &mut self.set_aside, &mut self.recorded, Pace::Full).await
    }

    async fn reopened(self, folder: &Path) -> Self {
        self.purge.log.close().await;
        let clock = Arc::clone(&self.clock);
        drop(self);
        Self::open(folder, &clock).await
    }

    /// What a reader sees of an organization, oldest first.
    async fn events(&self, n: u64) -> Vec<CommittedEvent> {
        let selection = Selection { environment: environment(HERE), filter: Filter::of(organization_id(n)) };
        let query = self.purge.reader.query(selection).expect("a query");
        let (tail, lake) = (self.purge.log.tail(), self.purge.lake.audit_events.snapshot());
        let snapshot = Snapshot::new(tail.shard(), tail.events_of(organization_id(n)), lake);
        let scan = Scan { above: None, below: None, direction: Direction::Rising, rows: 1000 };
        self.purge.reader.nearest(&snapshot, &query, scan).await.expect("the lake")
    }

    /// The places that a reader sees, which have no hole, and the ranges that the log says are gone.
    async fn seen(&self, n: u64) -> (std::ops::Range<u64>, Vec<(u64, u64)>) {
        let events = self.events(n).await;
        let records: Vec<_> = events.iter().filter_map(|event| RetentionPurged::of(&event.event)).collect();
        let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
        let first = seqs.first().copied().unwrap_or(0);
        assert_eq!(seqs, (first..first + seqs.len() as u64).collect::<Vec<_>>());
        (first..first + seqs.len() as u64, records.iter().map(|record| (record.from_seq, record.through_seq)).collect())
    }
}

fn reported(report: &super::PurgeReport) -> Vec<(OrganizationId, u64, u64)> {
    let one = |one: &super::PurgedOrganization| (one.organization, one.purged.from_seq, one.purged.through_seq);
    report.organizations.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_cannot_record_stays_and_the_reason_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = Running::with_days(folder.path(), 4).await;
    running.clock.advance(28 * DAY);
    running.purge.log.set_short_of_disk(true);
    let refused = running.purge().await.expect_err("no record can be written");
    assert_eq!(refused.to_string(), "a purge cannot be recorded: the disk is nearly full");
    assert_eq!(running.seen(SHORT).await, (0..8, Vec::new()));
    running.purge.log.set_short_of_disk(false);
    assert_eq!(reported(&running.purge().await.expect("the lake")), [(organization_id(SHORT), 0, 3)]);
    running.purge.log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_organization_loses_what_is_older_than_its_period() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = Running::with_days(folder.path(), 4).await;
    assert!(running.purge().await.expect("the lake").organizations.is_empty());
    // Two of the four days lie before the midnight of 30 days ago.
    running.clock.advance(28 * DAY);
    let expected = [(organization_id(SHORT), 0, 3)];
    for elsewhere in [false, true] {
        let asked = if elsewhere { EnvironmentId::from_parts(9, 9) } else { environment(HERE) };
        let preview = running.purge.preview(asked).await.expect("the lake");
        assert_eq!(reported(&preview), if elsewhere { Vec::new() } else { expected.to_vec() });
    }
    assert_eq!(running.seen(SHORT).await, (0..8, Vec::new()));
    assert_eq!(reported(&running.purge().await.expect("the lake")), expected);
    for reopened in [false, true] {
        if reopened {
            running = running.reopened(folder.path()).await;
        }
        assert_eq!(running.seen(SHORT).await, (4..9, vec![(0, 3)]));
        assert_eq!((running.seen(OTHER).await, running.seen(GONE).await), ((0..8, Vec::new()), (0..8, Vec::new())));
        assert!(running.purge().await.expect("the lake").organizations.is_empty());
    }
    let record = running.events(SHORT).await.pop().expect("a record");
    assert_eq!((record.event.actor.id.as_str(), record.event.action.as_str()), ("annals", "annals.retention.purged"));
    let purged = RetentionPurged::of(&record.event).expect("a record");
    assert!(running.events(SHORT).await[0].received_at >= purged.received_before);
    // Another month later all of these days are too old for everybody.
    running.flush.flush().await.expect("a flush");
    running.clock.advance(40 * DAY);
    running.record(&[OTHER]).await;
    running.flush.flush().await.expect("a flush");
    let report = running.purge().await.expect("the lake");
    let expected = [(organization_id(OTHER), 0, 7), (organization_id(SHORT), 4, 8), (organization_id(GONE), 0, 7)];
    assert_eq!(reported(&report), expected);
    assert_eq!(running.seen(SHORT).await, (9..10, vec![(4, 8)]));
    assert_eq!((running.seen(OTHER).await, running.seen(GONE).await), ((8..10, vec![(0, 7)]), (0..0, Vec::new())));
    // Only a record is left of one, which goes when something else does.
    running.flush.flush().await.expect("a flush");
    running.clock.advance(40 * DAY);
    running.record(&[OTHER]).await;
    running.flush.flush().await.expect("a flush");
    assert!(running.purge().await.expect("the lake").organizations.is_empty());
    running.purge.log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merged_day_is_written_anew_without_the_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = Running::with_days(folder.path(), 2).await;
    running.clock.set_back(DAY);
    running.record(&[SHORT, OTHER]).await;
    running.flush.flush().await.expect("a flush");
    running.clock.advance(40 * DAY);
    while running.purge.lake.audit_events.merge_next(running.clock.now(), &HashSet::new(), Pace::Full).await.expect("a merge")
        != MergeOutcome::Nothing
    {}
    running.record(&[OTHER]).await;
    running.flush.flush().await.expect("a flush");
    let files = |running: &Running| running.purge.lake.audit_events.snapshot().files().to_vec();
    assert_eq!(files(&running).len(), 3);
    running.purge().await.expect("the lake");
    // And the record.
    assert_eq!(files(&running).len(), 4);
    assert_eq!((running.seen(SHORT).await, running.seen(OTHER).await), ((5..6, vec![(0, 4)]), (0..6, Vec::new())));
    for file in files(&running) {
        running.purge.lake.audit_events.verify(&file, &mut |_| ()).await.expect("sound");
    }
    running.purge.log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_may_die_anywhere() {
    let entry = [
        "/audit_events/_delta_log/00000000000000000005.json",
        "/audit_events/_delta_log/00000000000000000006.json",
        "/audit_events/_delta_log/00000000000000000007.json",
    ];
    // The record's flush, or when that was before, each file that is written anew.
    let faults = [(".parquet", false), (".parquet", true), (entry[0], false), (entry[1], false), (entry[2], false)];
    for (path_end, recorded) in faults {
        for when in [When::NotStored, When::StoredButUnanswered] {
            for reopened in [false, true] {
                let case = format!("{path_end}, recorded: {recorded}, {when:?}, reopened: {reopened}");
                let folder = tempfile::tempdir().expect("a folder");
                let mut running = Running::with_days(folder.path(), 4).await;
                running.clock.advance(28 * DAY);
                if recorded {
                    let plan = running.purge.plan(None, &mut HashSet::new()).await.expect("the lake");
                    assert!(running.purge.record(&plan, &mut Recorded::new()).await.organizations.is_empty());
                    running.flush.flush().await.expect("a flush");
                }
                running.store.fail(Fault { path_end, when });
                running.purge().await.map(|_| ()).expect_err(&case);
                assert!(running.store.struck(), "{case}");
                if reopened {
                    running = running.reopened(folder.path()).await;
                }
                let (left, records) = running.seen(SHORT).await;
                assert!([0, 2, 4].contains(&left.start) && left.end == 9 && records == [(0, 3)], "{case}: {left:?}");
                while !running.purge().await.expect(&case).organizations.is_empty() {}
                assert_eq!(running.seen(SHORT).await, (4..9, vec![(0, 3)]), "{case}");
                assert_eq!(running.seen(OTHER).await, (0..8, Vec::new()), "{case}");
                running.purge.log.close().await;
            }
        }
    }
}

/// Also when nobody came back before idempotency keys expired, and more became too old since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_and_not_taken_out_is_recorded_once() {
    for days_later in [0, 1, 3] {
        for flushed in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut running = Running::with_days(folder.path(), 5).await;
            running.clock.advance(27 * DAY);
            let plan = running.purge.plan(None, &mut HashSet::new()).await.expect("the lake");
            assert!(running.purge.record(&plan, &mut Recorded::new()).await.organizations.is_empty());
            if flushed {
                running.flush.flush().await.expect("a flush");
            }
            running.clock.advance(days_later * DAY);
            running = running.reopened(folder.path()).await;
            running.purge().await.expect("the lake");
            let (left, records) = running.seen(SHORT).await;
            let more = 2 * u64::from(days_later);
            let expected = if more == 0 { vec![(0, 3)] } else { vec![(0, 3), (4, 3 + more)] };
            // Without the record the newest file is one of the old ones, which stays.
            let kept = u64::from(!flushed && days_later == 3) * 2;
            let expected = if kept == 2 { vec![(0, 3), (4, 7)] } else { expected };
            assert_eq!((left.start, records), (4 + more - kept, expected), "{days_later} days later, flushed: {flushed}");
            running.purge.log.close().await;
        }
    }
}

/// As a backup does, which copies the database first and of the lake nothing that came later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_copy_lacks_both_the_events_and_the_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = Running::with_days(folder.path(), 4).await;
    running.clock.advance(28 * DAY);
    let shard = ShardId::new(SHARD);
    let copied = running.purge.lake.flushed_through(shard).await.expect("the log");
    let before = running.purge.lake.audit_events.snapshot().files().to_vec();
    assert_eq!(running.purge().await.expect("the lake").organizations.len(), 1);
    let view = LakeView::open(&url(&folder.path().join("lake"))).expect("a lake");
    let table = view.table_through::<CommittedEvent>(shard, copied).await.expect("the log");
    assert_eq!(table.snapshot().expect("ours").files(), before);
    running.purge.log.close().await;
}

/// The organization's period may be longer than at the last purge, which did not get to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_to_be_recorded_stays_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = Running::with_days(folder.path(), 4).await;
    running.clock.advance(28 * DAY);
    let key = (organization_id(SHORT), ShardId::new(SHARD));
    running.recorded.insert(key, 5);
    running.purge().await.expect("the lake");
    assert_eq!((running.recorded.get(&key), running.seen(SHORT).await), (Some(&5), (4..8, Vec::new())));
    running.purge.log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_have_events_in_a_damaged_file_keeps_them_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = Running::with_days(folder.path(), 5).await;
    running.clock.advance(28 * DAY);
    let files: Vec<LakeFile> = running.purge.lake.audit_events.snapshot().files().to_vec();
    let path = folder.path().join("lake/audit_events").join(&files[1].path);
    let mut bytes = std::fs::read(&path).expect("the file");
    bytes[200] ^= 1;
    std::fs::write(&path, bytes).expect("the file");
    running = running.reopened(folder.path()).await;
    let report = running.purge().await.expect("nothing else is wrong");
    assert_eq!(running.set_aside, HashSet::from([files[1].path.clone()]));
    assert!(report.organizations.is_empty());
    assert_eq!(running.purge.lake.audit_events.snapshot().files(), files);
    running.purge.log.close().await;
}
