//! A small installation whose store and lake fail on demand, and what must always hold in it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use annals_core::event::{CommittedEvent, RetentionPurged};
use annals_core::ids::{OrganizationId, RecordPlace};
use annals_core::time::Micros;
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Work;
use crate::clock::{Clock, MovedClock};
use crate::commit_log::tests::{append_of, database};
use crate::commit_log::{Append, Appended, NewRecord};
use crate::exports::{Export, ExportState};
use crate::jobs::purge::tests::purge_on;
use crate::jobs::{Chores, Kept, Upkeep};
use crate::lake::testing::{FaultyStore, api_request_of, faulty_lake, feed_event_of};
use crate::lake::{LakeSettings, Row, Table};
use crate::read::{ExportFiles, Filter, Selection, Snapshot};
use crate::store::conformance::fixtures::{HERE, environment, export, founding, organization, organization_id, time};
use crate::store::faulty::Faulty;
use crate::store::listing::{Direction, Scan};
use crate::store::{AnswerKey, Store, StoredAnswer, unkept};
use crate::tenants::Tenants;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Keeps its events for 30 days.
const SHORT: u64 = 2;
/// 60 days.
const OTHER: u64 = 1;
/// Is no organization any more.
const GONE: u64 = 9;
const EXPORT: u64 = 5;
/// Keys of what was sent last.
const RECENT: &str = "recent";

/// Everything that was acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    events: BTreeMap<OrganizationId, Vec<CommittedEvent>>,
    feed: BTreeSet<RecordPlace>,
    requests: BTreeSet<RecordPlace>,
}

pub struct World {
    pub store: Arc<Faulty<dyn Store>>,
    pub files: Arc<FaultyStore>,
    upkeep: Upkeep,
    chores: Chores,
}

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// What was recorded in which prepared folder.
static RECORDED: Mutex<BTreeMap<PathBuf, Recorded>> = Mutex::new(BTreeMap::new());

pub fn recorded(folder: &Path) -> Recorded {
    RECORDED.lock().unwrap_or_else(PoisonError::into_inner)[folder].clone()
}

/// Three days, the first in two files, of which two are too old for somebody; then something that is in the commit log alone. With `worked`,
/// everything has been merged, purged and expired, and files wait for a vacuum. Gives back when it is.
pub async fn prepare(folder: &Path, worked: bool) -> Micros {
    let clock = Arc::new(MovedClock::default());
    let since_midnight = clock.now().get().rem_euclid(i64::try_from(DAY.as_micros()).expect("small"));
    clock.set_back(Duration::from_micros(since_midnight.unsigned_abs()) - Duration::from_secs(1));
    let world = World::open(folder, &clock).await;
    world.store.found(&founding(HERE)).await.expect("stored");
    for n in [SHORT, OTHER] {
        world.store.insert_organization(environment(HERE), &organization(n), &[], &unkept).await.expect("stored");
    }
    for flushes in [["early", "late"].as_slice(), &["noon"], &["noon"]] {
        for hour in flushes {
            world.record(&format!("{hour} {}", clock.now().get())).await;
            world.upkeep.purge.flush.flush().await.expect("a flush");
        }
        clock.advance(DAY);
    }
    world.prepare_chores().await;
    clock.advance(29 * DAY);
    world.record(RECENT).await;
    let all = world.contents().await;
    if worked {
        for work in [Work::Merge, Work::Purge, Work::Expire, Work::Chores] {
            world.run(work).await.expect("nothing fails");
        }
        clock.advance(2 * DAY);
    }
    world.close().await;
    RECORDED.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned(), all);
    clock.now()
}

impl World {
    pub async fn open(folder: &Path, clock: &Arc<MovedClock>) -> Self {
        let store = Arc::new(Faulty::new(database(folder).await));
        // Every second entry makes a checkpoint.
        let settings = LakeSettings { checkpoint_interval: const { std::num::NonZeroU64::new(2).expect("not zero") } };
        let (lake, files) = faulty_lake(&folder.join("lake"), settings).await;
        let purge = purge_on(Arc::clone(&store) as _, folder, &lake, clock).await;
        let of_clock = || Arc::clone(clock) as Arc<dyn Clock>;
        let tenants = Tenants::new(Arc::clone(&store) as _, of_clock(), purge.default_retention, Arc::default());
        let chores = Chores {
            store: Arc::clone(&store) as _,
            clock: of_clock(),
            tenants,
            files: ExportFiles::new(&lake),
            keep_exports: 7 * DAY,
        };
        let kept = Kept { feed_events: 30 * DAY, api_requests: 30 * DAY, removed_files: DAY };
        let upkeep = Upkeep::new(lake, of_clock(), kept, purge, None);
        Self { store, files, upkeep, chores }
    }

    pub async fn close(&self) {
        self.upkeep.purge.log.close().await;
        self.store.close().await;
    }

    pub async fn run(&self, work: Work) -> Outcome {
        match work {
            Work::Flush => self.upkeep.purge.flush.flush_all().await?,
            Work::Merge => self.upkeep.merge_all().await?,
            Work::Purge => drop(self.upkeep.purge(environment(HERE)).await?),
            Work::Expire => self.upkeep.expire().await?,
            Work::Vacuum => self.upkeep.vacuum(&self.upkeep.turn.lock().await).await?,
            Work::Chores => self.chores.once().await?,
        }
        Ok(())
    }

    /// Some of everything, with keys.
    async fn record(&self, keys: &str) {
        let log = &self.upkeep.purge.log;
        for append in with_keys(keys) {
            assert!(matches!(log.append(append).await, Ok(Appended::Stored(_))));
        }
        for record in [NewRecord::FeedEvent(feed_event_of(1)), NewRecord::ApiRequest(api_request_of(1))] {
            log.append(Append { environment: environment(HERE), record, key: None }).await.expect("stored");
        }
    }

    /// An export and an answer that will be too old.
    async fn prepare_chores(&self) {
        let ready = Export { state: ExportState::Ready, ..export(EXPORT) };
        self.store.insert_export(environment(HERE), &ready, &unkept).await.expect("stored");
        let path = object_store::path::Path::from(format!("{}.csv", ready.id));
        self.upkeep.lake.storage().exports().put(&path, "a,b".into()).await.expect("a file");
        let answer = StoredAnswer { request_digest: [1; 32], status: 200, body: vec![1], at: time(0) };
        self.store.put_answer(&answer_key(), &answer).await.expect("stored");
    }

    /// What readers see.
    async fn contents(&self) -> Recorded {
        let mut events = BTreeMap::new();
        for n in [SHORT, OTHER, GONE] {
            events.insert(organization_id(n), self.events(organization_id(n)).await);
        }
        let (tail, lake) = (self.upkeep.purge.log.tail(), &self.upkeep.lake);
        let commits = tail.commits();
        let (mut feed, mut requests) = (places(&lake.feed_events).await, places(&lake.api_requests).await);
        feed.extend(commits.iter().flat_map(|commit| commit.feed_events.iter().map(Row::place)));
        requests.extend(commits.iter().flat_map(|commit| commit.api_requests.iter().map(Row::place)));
        Recorded { events, feed, requests }
    }

    async fn events(&self, organization: OrganizationId) -> Vec<CommittedEvent> {
        let purge = &self.upkeep.purge;
        let selection = Selection { environment: environment(HERE), filter: Filter::of(organization) };
        let query = purge.reader.query(selection).expect("a query");
        let snapshot =
            Snapshot::new(purge.log.tail().shard(), purge.log.tail().events_of(organization), purge.lake.audit_events.snapshot());
        let scan = Scan { above: None, below: None, direction: Direction::Rising, rows: 1000 };
        purge.reader.nearest(&snapshot, &query, scan).await.expect("the lake")
    }

    /// Nothing that was acknowledged is lost, doubled or changed, but for a prefix that the organization's log tells of.
    pub async fn check(&self, case: &str, expected: &Recorded) {
        let found = self.contents().await;
        let log = &self.upkeep.purge.log;
        assert!(!log.has_forgotten_keys(self.upkeep.clock.now()), "{case}: runs of keys are missing");
        for (organization, events) in &found.events {
            let all = &expected.events[organization];
            let first = events.first().map_or(all.len() as u64, |event| event.seq);
            assert!(events.iter().zip(first..).all(|(event, seq)| event.seq == seq), "{case}: {organization} has a hole");
            let purges: Vec<_> = events.iter().filter_map(|event| RetentionPurged::of(&event.event)).collect();
            let told = purges.iter().map(|purge| purge.through_seq + 1).max().unwrap_or(0);
            let is_deleted = *organization == organization_id(GONE);
            assert!(first <= told || is_deleted, "{case}: {organization} begins at {first}, its log says {told}");
            assert!(purges.len() <= 1, "{case}: {organization} has records {purges:?}");
            let (kept, more) = events.split_at(all.len() - usize::try_from(first).expect("small"));
            assert_eq!(kept, &all[all.len() - kept.len()..], "{case}: {organization}");
            assert_eq!(more.len(), purges.len(), "{case}: {organization} has {more:?}");
        }
        for (what, found, all) in [("feed", &found.feed, &expected.feed), ("requests", &found.requests, &expected.requests)] {
            let kept = found.first().map_or_else(BTreeSet::new, |first| all.range(first..).copied().collect());
            assert_eq!(*found, kept, "{case}: {what}");
            assert!(found.last() == all.last(), "{case}: {what} lost the newest");
        }
        if let Some((_, export)) = self.store.export(export(EXPORT).id).await.expect("read")
            && export.state == ExportState::Expired
        {
            let file = self.chores.files.open(export.id).await;
            assert!(file.is_err(), "{case}: the file of an expired export is there");
        }
    }

    /// What was sent within the last day and is sent again is known, wherever its keys are by now.
    pub async fn check_keys(&self, case: &str) {
        for append in with_keys(RECENT) {
            let again = self.upkeep.purge.log.append(append).await;
            assert!(matches!(again, Ok(Appended::Replayed)), "{case}: sent again: {again:?}");
        }
    }

    /// The work has nothing left to do, and left what undisturbed work leaves.
    pub async fn check_done(&self, case: &str, work: Work) {
        let before = self.layout();
        self.run(work).await.unwrap_or_else(|error| panic!("{case}: once more: {error}"));
        assert_eq!(self.layout(), before, "{case}: there was something left to do");
        let lake = &self.upkeep.lake;
        let files = [files(&lake.audit_events), files(&lake.feed_events), files(&lake.api_requests)];
        let first_of_short = self.events(organization_id(SHORT)).await[0].seq;
        match work {
            Work::Flush => assert_eq!(self.upkeep.purge.log.tail().size().records, 0, "{case}"),
            // Two files of the first day became one.
            Work::Merge => assert_eq!(files, [3, 3, 3], "{case}"),
            Work::Purge => assert_eq!(first_of_short, 6, "{case}"),
            Work::Expire => assert_eq!(files[1..], [1, 1], "{case}"),
            Work::Vacuum => {}
            Work::Chores => {
                let (_, export) = self.store.export(export(EXPORT).id).await.expect("read").expect("there");
                let answer = self.store.answer(&answer_key()).await.expect("read");
                assert_eq!((export.state, answer), (ExportState::Expired, None), "{case}");
            }
        }
    }

    fn layout(&self) -> Vec<String> {
        let lake = &self.upkeep.lake;
        [paths(&lake.audit_events), paths(&lake.feed_events), paths(&lake.api_requests)].concat()
    }

    /// A vacuum leaves the files of the tables and nothing else.
    pub async fn check_clean(&self, case: &str, folder: &Path) {
        self.run(Work::Vacuum).await.unwrap_or_else(|error| panic!("{case}: a vacuum: {error}"));
        let (mut found, mut folders) = (Vec::new(), vec![folder.join("lake")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a folder").path()) {
                match entry.is_dir() {
                    true if entry.ends_with("_delta_log") => {}
                    true => folders.push(entry),
                    false => found.push(entry),
                }
            }
        }
        let mut expected: Vec<_> = self.layout().iter().map(|path| folder.join("lake").join(path)).collect();
        expected.sort_unstable();
        found.retain(|path| path.extension().is_some_and(|ending| ending == "parquet"));
        found.sort_unstable();
        assert_eq!(found, expected, "{case}: files on the disk and files of the tables");
    }
}

fn with_keys(keys: &str) -> impl Iterator<Item = Append> {
    [SHORT, OTHER, GONE, SHORT].into_iter().enumerate().map(move |(number, n)| {
        let append = append_of(organization_id(n), "a", Some(&format!("{number} {keys}")));
        Append { environment: environment(HERE), ..append }
    })
}

fn answer_key() -> AnswerKey {
    AnswerKey { environment: environment(HERE), digest: [3; 32] }
}

fn files<R: Row>(table: &Table<R>) -> usize {
    table.snapshot().files().len()
}

fn paths<R: Row>(table: &Table<R>) -> Vec<String> {
    table.snapshot().files().iter().map(|file| format!("{}/{}", R::TABLE, file.path)).collect()
}

/// Each once.
async fn places<R: Row>(table: &Table<R>) -> BTreeSet<RecordPlace> {
    let (mut places, mut rows) = (BTreeSet::new(), 0);
    for file in table.snapshot().files() {
        let bytes = table.files().get(&file.path.as_str().into()).await.expect("the file").bytes().await.expect("the file");
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).expect("parquet").build().expect("parquet") {
            let batch = R::from_batch(&batch.expect("parquet")).expect("our own rows");
            rows += batch.len();
            places.extend(batch.iter().map(Row::place));
        }
    }
    assert_eq!(rows, places.len(), "records of {} are there twice", R::TABLE);
    places
}
