//! The commit log on a real database: what holds over restarts, retries, clocks and bounds. The crash table is beside it.

mod crash_table;
mod groups;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_core::event::{EventRules, NewEvent, NormalEvent, ValidEvent, Violation};
use annals_core::ids::{CommitNumber, EnvironmentId, OrganizationId, RecordPlace, ShardId};

use super::blob::{AuditRecord, Record};
use super::{Append, Appended, CommitLog, KeyMark, LakePosition, LogSettings, NewRecord, TailLimits};
use crate::clock::{Clock, MovedClock};
use crate::store::{self, Store};

pub(crate) const SHARD: u32 = 7;
struct NoRules;

impl EventRules for NoRules {
    fn violations(&self, _event: &NormalEvent) -> Vec<Violation> {
        Vec::new()
    }
}

pub(crate) fn organization(n: u128) -> OrganizationId {
    OrganizationId::from_parts(1, n)
}

/// A small event by `actor`.
pub(crate) fn new_event(organization: OrganizationId, actor: &str) -> NewEvent {
    let body = serde_json::json!({
        "organization_id": organization.to_string(),
        "event": {
            "action": "user.signed_in",
            "occurred_at": "2022-08-29T19:47:52.336Z",
            "actor": {"type": "user", "id": actor},
            "targets": [{"type": "team", "id": "t1"}],
            "context": {"location": "1.2.3.4"},
        }
    });
    NewEvent::parse(body.to_string().as_bytes()).expect("a good event")
}

pub(crate) fn valid_event(organization: OrganizationId, actor: &str) -> ValidEvent {
    new_event(organization, actor).check(&NoRules).expect("no rules")
}

pub(crate) fn record(actor: &str, seq: u64) -> Record {
    let event = new_event(organization(1), actor).event().clone();
    Record::AuditEvent(AuditRecord {
        environment: EnvironmentId::from_parts(1, 1),
        organization: organization(1),
        seq,
        key: None,
        event,
    })
}

/// The same text of a key is the same key.
pub(crate) fn mark(key: &str, actor: &str) -> KeyMark {
    let mut mark = KeyMark { key: [0; 16], body: new_event(organization(1), actor).digest().0 };
    for (place, byte) in mark.key.iter_mut().zip(key.bytes()) {
        *place = byte;
    }
    mark
}

pub(crate) fn append_of(organization: OrganizationId, actor: &str, key: Option<&str>) -> Append {
    let key = key.map(|key| mark(key, actor));
    let record = NewRecord::AuditEvent { organization, event: valid_event(organization, actor) };
    Append { environment: EnvironmentId::from_parts(1, 1), record, key }
}

pub(crate) async fn database(folder: &Path) -> Arc<dyn Store> {
    store::connect(&format!("sqlite:{}", folder.join("annals.db").display())).await.expect("a database")
}

pub(crate) async fn open_on(
    store: Arc<dyn Store>,
    folder: &Path,
    clock: &Arc<MovedClock>,
    flushed_through: CommitNumber,
) -> CommitLog {
    let settings = LogSettings {
        shard: ShardId::new(SHARD),
        keys_folder: folder.join("keys"),
        mark: folder.join("last-commit"),
        tail: TailLimits::default(),
    };
    let lake = LakePosition { flushed_through, received_at: None };
    CommitLog::open(store, Arc::clone(clock) as Arc<dyn Clock>, settings, lake).await.expect("the log opens")
}

async fn open(folder: &Path, clock: &Arc<MovedClock>, flushed_through: CommitNumber) -> CommitLog {
    open_on(database(folder).await, folder, clock, flushed_through).await
}

fn number(n: u64) -> CommitNumber {
    CommitNumber::new(n).expect("small")
}

/// Actor and seq of every event of one organization in the tail, in order.
pub(crate) fn in_tail(log: &CommitLog, organization: OrganizationId) -> Vec<(String, u64)> {
    let commits = log.tail().commits();
    let events = commits.iter().flat_map(|commit| commit.audit_events.iter()).filter(|event| event.organization == organization);
    events.map(|event| (event.event.actor.id.clone(), event.seq)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_get_dense_seqs_and_rising_ids_and_all_are_there_after_a_start() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = Arc::new(open(folder.path(), &clock, CommitNumber::ZERO).await);
    let appends = (0..600u128).map(|n| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.append(append_of(organization(n % 3), &format!("a{n}"), None)).await.expect("stored") })
    });
    let outcomes = futures::future::join_all(appends).await;
    let mut ids: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome.expect("no panic") {
            Appended::Stored(id) => id,
            other => panic!("{other:?}"),
        })
        .collect();
    let told = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((told, ids.len()), (600, 600));
    let before: Vec<_> = (0..3).map(|n| in_tail(&log, organization(n))).collect();
    for events in &before {
        assert!(events.iter().map(|(_, seq)| *seq).eq(0..200), "{events:?}");
    }
    let commits = log.tail().commits();
    let order: Vec<_> =
        commits.iter().flat_map(|commit| commit.audit_events.iter().map(|event| RecordPlace::from(event.id))).collect();
    assert_eq!(order, ids);
    log.close().await;
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    assert_eq!((0..3).map(|n| in_tail(&log, organization(n))).collect::<Vec<_>>(), before);
    assert_eq!(
        log.append(append_of(organization(0), "late", None)).await.ok().map(|_| in_tail(&log, organization(0)).len()),
        Some(201)
    );
}

#[tokio::test]
async fn a_key_counts_for_a_day_also_over_restarts_and_flushes() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let org = organization(1);
    let tell = async |log: &CommitLog, actor: &str| match log.append(append_of(org, actor, Some("key"))).await.expect("an answer")
    {
        Appended::Stored(_) => "stored",
        Appended::Replayed => "replayed",
        Appended::KeyReused => "reused",
        Appended::LeftOut => "left out",
    };
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    assert_eq!((tell(&log, "a").await, tell(&log, "a").await, tell(&log, "b").await), ("stored", "replayed", "reused"));
    log.close().await;
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    assert_eq!((tell(&log, "a").await, tell(&log, "b").await), ("replayed", "reused"));
    // Flushed: the row leaves the log, the key stays.
    log.retire(number(1)).await.expect("retired");
    assert_eq!((tell(&log, "a").await, tell(&log, "b").await, log.tail().size().records), ("replayed", "reused", 0));
    log.close().await;
    let log = open(folder.path(), &clock, number(1)).await;
    assert_eq!(tell(&log, "a").await, "replayed");
    clock.advance(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(tell(&log, "b").await, "stored");
    assert_eq!(in_tail(&log, org), [("b".to_owned(), 1)]);
}

#[tokio::test]
async fn a_key_twice_in_one_commit_is_stored_once() {
    let folder = tempfile::tempdir().expect("temp folder");
    let log = open(folder.path(), &Arc::new(MovedClock::default()), CommitNumber::ZERO).await;
    let appends = (0..40).map(|n| log.append(append_of(organization(1), if n % 4 == 3 { "other" } else { "same" }, Some("key"))));
    let outcomes = futures::future::join_all(appends).await;
    let count = |wanted: fn(&Appended) -> bool| outcomes.iter().filter(|outcome| outcome.as_ref().is_ok_and(wanted)).count();
    assert_eq!(count(|told| matches!(told, Appended::Stored(_))), 1);
    assert_eq!(count(|told| matches!(told, Appended::Replayed)) + count(|told| matches!(told, Appended::KeyReused)), 39);
    assert_eq!(in_tail(&log, organization(1)).len(), 1);
}

/// Received times and ids never fall, and heads go on, when all rows have left the log and the clock was set back.
#[tokio::test]
async fn a_clock_that_is_set_back_changes_no_order() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    let stored = async |log: &CommitLog, actor: &str| match log.append(append_of(organization(1), actor, None)).await {
        Ok(Appended::Stored(id)) => id,
        other => panic!("{other:?}"),
    };
    let first = stored(&log, "a").await;
    clock.set_back(Duration::from_secs(86_400));
    let second = stored(&log, "b").await;
    assert!(second > first && second.millis() == first.millis());
    let received_at = log.tail().oldest_received_at();
    log.retire(number(2)).await.expect("retired");
    log.close().await;
    drop(log);
    let settings = LogSettings {
        shard: ShardId::new(SHARD),
        keys_folder: folder.path().join("keys"),
        mark: folder.path().join("last-commit"),
        tail: TailLimits::default(),
    };
    let lake = LakePosition { flushed_through: number(2), received_at };
    let log = CommitLog::open(database(folder.path()).await, clock, settings, lake).await.expect("the log opens");
    assert!(stored(&log, "c").await > second);
    assert_eq!(in_tail(&log, organization(1)), [("c".to_owned(), 2)]);
}

/// The process died after the Delta commit and before the release.
#[tokio::test]
async fn rows_that_the_lake_holds_stay_out_of_the_tail_and_keep_their_heads() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    for actor in ["a", "b", "c"] {
        log.append(append_of(organization(1), actor, Some(actor))).await.expect("stored");
    }
    log.close().await;
    let log = open(folder.path(), &clock, number(2)).await;
    assert_eq!(in_tail(&log, organization(1)), [("c".to_owned(), 2)]);
    log.retire(number(2)).await.expect("retired");
    log.close().await;
    let log = open(folder.path(), &clock, number(2)).await;
    assert_eq!(in_tail(&log, organization(1)), [("c".to_owned(), 2)]);
    for actor in ["a", "b", "c"] {
        assert!(matches!(log.append(append_of(organization(1), actor, Some(actor))).await, Ok(Appended::Replayed)), "{actor}");
    }
    log.append(append_of(organization(1), "d", None)).await.expect("stored");
    assert_eq!(in_tail(&log, organization(1)).last(), Some(&("d".to_owned(), 3)));
}

#[tokio::test]
async fn a_full_tail_refuses_and_a_flush_makes_room() {
    let folder = tempfile::tempdir().expect("temp folder");
    let settings = LogSettings {
        shard: ShardId::new(SHARD),
        keys_folder: folder.path().join("keys"),
        mark: folder.path().join("last-commit"),
        tail: TailLimits { records_max: 2, bytes_max: usize::MAX },
    };
    let lake = LakePosition { flushed_through: CommitNumber::ZERO, received_at: None };
    let log = CommitLog::open(database(folder.path()).await, Arc::new(MovedClock::default()), settings, lake)
        .await
        .expect("the log opens");
    let append = async || log.append(append_of(organization(1), "a", None)).await;
    assert!(append().await.is_ok() && append().await.is_ok());
    let refused = append().await.expect_err("full");
    assert!(refused.reason.contains("tail is full"), "{refused}");
    log.retire(number(1)).await.expect("retired");
    assert!(append().await.is_ok());
}

#[tokio::test]
async fn a_damaged_row_is_named_at_the_start() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    log.append(append_of(organization(1), "a", None)).await.expect("stored");
    log.close().await;
    drop(log);
    let store = database(folder.path()).await;
    let fence = store.claim_shard(ShardId::new(SHARD)).await.expect("claimed");
    let torn = crate::store::StoredCommit { number: number(2), blob: b"AL\x01nonsense".to_vec() };
    store.commit(fence, &torn).await.expect("stored");
    let settings = LogSettings {
        shard: ShardId::new(SHARD),
        keys_folder: folder.path().join("keys"),
        mark: folder.path().join("last-commit"),
        tail: TailLimits::default(),
    };
    let lake = LakePosition { flushed_through: CommitNumber::ZERO, received_at: None };
    let refused = CommitLog::open(store, clock, settings, lake).await.err().expect("refused").to_string();
    assert!(refused.contains("commit 2"), "{refused}");
}

/// A mistyped lake URL, a volume that is not mounted, an older copy: going on would split the history.
#[tokio::test]
async fn a_lake_without_released_commits_is_refused() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    for actor in ["a", "b", "c", "d"] {
        log.append(append_of(organization(1), actor, None)).await.expect("stored");
    }
    log.retire(number(2)).await.expect("retired");
    log.close().await;
    drop(log);
    for (flushed_through, taken) in [(0, false), (1, false), (2, true), (3, true), (4, true), (5, false)] {
        let settings = LogSettings {
            shard: ShardId::new(SHARD),
            keys_folder: folder.path().join("keys"),
            mark: folder.path().join("last-commit"),
            tail: TailLimits::default(),
        };
        let lake = LakePosition { flushed_through: number(flushed_through), received_at: None };
        let opened = CommitLog::open(database(folder.path()).await, Arc::clone(&clock) as _, settings, lake).await;
        assert_eq!(opened.is_ok(), taken, "lake flushed through {flushed_through}");
        if let Ok(log) = opened {
            log.close().await;
        }
    }
}
