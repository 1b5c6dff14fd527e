//! Every step of a commit and of its aftermath × {failed and not stored, failed but stored} × {the process lives, the process
//! dies}. Clients send again with their keys, as they do. Afterwards each event is there exactly once, seqs are dense, and a start
//! finds the same.

use std::path::Path;
use std::sync::Arc;

use annals_core::ids::{CommitNumber, ShardId};

use super::{SHARD, append_of, database, in_tail, number, open_on, organization};
use crate::clock::MovedClock;
use crate::commit_log::{Appended, CommitLog};
use crate::store::Store;
use crate::store::faulty::{FAULTS, Fault, Faulty};

/// Appends in a case; the first ones meet the faults.
const EVENTS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Lives,
    /// The process is gone after the first refusal; another one starts on the same folder.
    Dies,
}

/// Methods of the store and the calls to them that fail, counted from the first append.
type Faults = &'static [(&'static str, u32)];

const COMMIT: &[Faults] = &[
    &[("commit", 1)],
    &[("commit", 2)],
    &[("commit", EVENTS as u32)],
    // The outcome is looked for, and that fails too: once, and so often that clients are told to come back.
    &[("commit", 1), ("claim_shard", 1)],
    &[("commit", 1), ("last_commit", 1)],
    &[("commit", 1), ("commits_after", 1)],
    &[("commit", 2), ("claim_shard", 1), ("claim_shard", 2), ("claim_shard", 3)],
    &[("commit", 2), ("last_commit", 1), ("last_commit", 2), ("last_commit", 3), ("last_commit", 4)],
    &[("commit", 1), ("commit", 2), ("commit", 3)],
];

async fn open(store: &Arc<dyn Store>, folder: &Path, clock: &Arc<MovedClock>, flushed: CommitNumber) -> CommitLog {
    open_on(Arc::clone(store), folder, clock, flushed).await
}

/// Sends one event until it is acknowledged, like a client with an idempotency key.
async fn send(log: &mut CommitLog, store: &Arc<dyn Store>, folder: &Path, clock: &Arc<MovedClock>, actor: &str, then: Then) {
    for _ in 0..10 {
        match log.append(append_of(organization(1), actor, Some(actor))).await {
            Ok(Appended::Stored(_) | Appended::Replayed) => return,
            Ok(Appended::KeyReused | Appended::LeftOut) => panic!("{actor}: the key is new"),
            Err(_) if then == Then::Dies => {
                log.close().await;
                *log = open(store, folder, clock, CommitNumber::ZERO).await;
            }
            Err(_) => {}
        }
    }
    panic!("{actor} is never acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_commit() {
    for faults in COMMIT {
        for fault in FAULTS {
            for then in [Then::Lives, Then::Dies] {
                check_commit(faults, fault, then).await;
            }
        }
    }
}

async fn check_commit(faults: Faults, fault: Fault, then: Then) {
    let case = format!("{faults:?} {fault:?} {then:?}");
    let (folder, clock) = (tempfile::tempdir().expect("temp folder"), Arc::new(MovedClock::default()));
    let sound = database(folder.path()).await;
    let faulty = Arc::new(Faulty::new(Arc::clone(&sound)));
    let mut log = open(&(Arc::clone(&faulty) as Arc<dyn Store>), folder.path(), &clock, CommitNumber::ZERO).await;
    for (method, nth) in faults {
        faulty.arm(method, *nth, fault);
    }
    for n in 0..EVENTS {
        send(&mut log, &sound, folder.path(), &clock, &format!("a{n}"), then).await;
    }
    let expected: Vec<_> = (0..EVENTS).map(|n| (format!("a{n}"), n as u64)).collect();
    assert_eq!(in_tail(&log, organization(1)), expected, "{case}");
    // A process that died took its faults with it.
    assert!(then == Then::Dies || faulty.is_spent() || faults.len() > 1, "{case}: the fault did not happen");
    log.close().await;
    let log = open(&sound, folder.path(), &clock, CommitNumber::ZERO).await;
    assert_eq!(in_tail(&log, organization(1)), expected, "{case}, after a start");
    for (actor, _) in &expected {
        let again = log.append(append_of(organization(1), actor, Some(actor))).await;
        assert!(matches!(again, Ok(Appended::Replayed)), "{case}: {actor} {again:?}");
    }
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_retirement() {
    for fault in FAULTS {
        for then in [Then::Lives, Then::Dies] {
            let case = format!("{fault:?} {then:?}");
            let (folder, clock) = (tempfile::tempdir().expect("temp folder"), Arc::new(MovedClock::default()));
            let sound = database(folder.path()).await;
            let faulty = Arc::new(Faulty::new(Arc::clone(&sound)));
            let mut log = open(&(Arc::clone(&faulty) as Arc<dyn Store>), folder.path(), &clock, CommitNumber::ZERO).await;
            for actor in ["a", "b", "c"] {
                send(&mut log, &sound, folder.path(), &clock, actor, Then::Lives).await;
            }
            // The lake has commits 1 and 2 now, and the commit log is told.
            faulty.arm("release", 1, fault);
            assert!(log.retire(number(2)).await.is_err(), "{case}");
            if then == Then::Dies {
                log.close().await;
                log = open(&sound, folder.path(), &clock, number(2)).await;
            }
            log.retire(number(2)).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(in_tail(&log, organization(1)), [("c".to_owned(), 2)], "{case}");
            log.close().await;
            let mut log = open(&sound, folder.path(), &clock, number(2)).await;
            for actor in ["a", "b", "c", "d"] {
                send(&mut log, &sound, folder.path(), &clock, actor, Then::Lives).await;
            }
            assert_eq!(in_tail(&log, organization(1)), [("c".to_owned(), 2), ("d".to_owned(), 3)], "{case}");
            log.close().await;
        }
    }
}

/// A run of keys that cannot be written keeps its rows in the commit log: nothing is forgotten, and a later seal brings all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_that_fails() {
    // What is in the way of the run while it is written, and of its name when it is.
    for obstacle in ["unfinished", "keys"] {
        for then in [Then::Lives, Then::Dies] {
            let case = format!("{obstacle} {then:?}");
            let (folder, clock) = (tempfile::tempdir().expect("temp folder"), Arc::new(MovedClock::default()));
            let store = database(folder.path()).await;
            let mut log = open(&store, folder.path(), &clock, CommitNumber::ZERO).await;
            for actor in ["a", "b", "c"] {
                send(&mut log, &store, folder.path(), &clock, actor, Then::Lives).await;
            }
            let in_the_way = folder.path().join("keys").join(format!("{:020}.{obstacle}", 0));
            std::fs::create_dir_all(in_the_way.join("full")).expect("a folder");
            assert!(log.retire(number(2)).await.is_err(), "{case}");
            assert_eq!(store.commits_after(ShardId::new(SHARD), CommitNumber::ZERO, 9).await.expect("read").len(), 3, "{case}");
            std::fs::remove_dir_all(&in_the_way).expect("a folder");
            if then == Then::Dies {
                log.close().await;
                log = open(&store, folder.path(), &clock, number(2)).await;
            }
            log.retire(number(2)).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            log.close().await;
            let log = open(&store, folder.path(), &clock, number(2)).await;
            for actor in ["a", "b", "c"] {
                let again = log.append(append_of(organization(1), actor, Some(actor))).await;
                assert!(matches!(again, Ok(Appended::Replayed)), "{case}: {actor} {again:?}");
            }
            assert_eq!(in_tail(&log, organization(1)), [("c".to_owned(), 2)], "{case}");
            log.close().await;
        }
    }
}

/// A second process claims the shard: the first one never writes again, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fenced_writer_stops() {
    let (folder, clock) = (tempfile::tempdir().expect("temp folder"), Arc::new(MovedClock::default()));
    let store = database(folder.path()).await;
    let first = open(&store, folder.path(), &clock, CommitNumber::ZERO).await;
    first.append(append_of(organization(1), "a", None)).await.expect("stored");
    let second = open(&store, folder.path(), &clock, CommitNumber::ZERO).await;
    for _ in 0..2 {
        first.append(append_of(organization(1), "lost", None)).await.expect_err("fenced");
    }
    assert!(matches!(first.health(), crate::commit_log::Health::Stopped(_)));
    second.append(append_of(organization(1), "b", None)).await.expect("stored");
    assert_eq!(in_tail(&second, organization(1)), [("a".to_owned(), 0), ("b".to_owned(), 1)]);
}

/// A flush finishes while a commit's outcome is open: the claims that looked for it have raised the epoch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retirement_beside_an_open_outcome() {
    for fault in FAULTS {
        let (folder, clock) = (tempfile::tempdir().expect("temp folder"), Arc::new(MovedClock::default()));
        let sound = database(folder.path()).await;
        let faulty = Arc::new(Faulty::new(Arc::clone(&sound)));
        let store = Arc::clone(&faulty) as Arc<dyn Store>;
        let mut log = open(&store, folder.path(), &clock, CommitNumber::ZERO).await;
        send(&mut log, &sound, folder.path(), &clock, "a", Then::Lives).await;
        faulty.arm("commit", 1, fault);
        for nth in 1..=3 {
            faulty.arm("last_commit", nth, fault);
        }
        log.append(append_of(organization(1), "b", Some("b"))).await.expect_err("nobody knows");
        log.retire(number(1)).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        send(&mut log, &sound, folder.path(), &clock, "b", Then::Lives).await;
        assert_eq!(in_tail(&log, organization(1)), [("b".to_owned(), 1)], "{fault:?}");
        log.close().await;
    }
}

/// Nobody sends anything any more, and still the outcome is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_outcome_settles_by_itself() {
    let (folder, clock) = (tempfile::tempdir().expect("temp folder"), Arc::new(MovedClock::default()));
    let faulty = Arc::new(Faulty::new(database(folder.path()).await));
    let log = open(&(Arc::clone(&faulty) as Arc<dyn Store>), folder.path(), &clock, CommitNumber::ZERO).await;
    faulty.arm("commit", 1, Fault::StoredUnanswered);
    for nth in 1..=3 {
        faulty.arm("last_commit", nth, Fault::NotStored);
    }
    log.append(append_of(organization(1), "a", None)).await.expect_err("nobody knows");
    assert!(matches!(log.health(), crate::commit_log::Health::Unsettled(_)));
    for _ in 0..100 {
        if log.health() == crate::commit_log::Health::Good {
            assert_eq!(in_tail(&log, organization(1)), [("a".to_owned(), 0)]);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody looked");
}
