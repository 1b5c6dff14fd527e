//! Days of outage: what is said when the server can no longer tell a repetition.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use annals_core::time::Micros;

use super::server::Fault;
use super::*;

const HOUR: i64 = 3600 * 1_000_000;
/// Any time will do.
const START: i64 = 1_800_000_000 * 1_000_000;

#[derive(Clone)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    fn forward(&self, hours: i64) {
        self.0.fetch_add(hours * HOUR, Relaxed);
    }

    fn build(&self, builder: EmitterBuilder) -> Emitter {
        let clock = Arc::clone(&self.0);
        builder.clock(Arc::new(move || Micros::saturating(clock.load(Relaxed)))).build().expect("an emitter")
    }
}

/// An event is stored and its answer is lost, another one is never sent; `hours` later an emitter goes on.
async fn check(hours: i64, stored: &[usize], reported: usize) {
    let (server, clock, troubles) = (Server::start().await, Clock::new(), Troubles::default());
    let folder = tempfile::tempdir().expect("a folder");
    server.fail([Fault::ResetButStored].into_iter().chain([Fault::ResetNotStored; 100]));
    let emitter = clock.build(builder(&server.url, spool(folder.path())));
    emitter.emit(event(0)).await.expect("taken");
    while server.requests() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    emitter.emit(event(1)).await.expect("taken");
    emitter.shutdown(Duration::ZERO).await;
    server.fail([]);
    clock.forward(hours);
    if hours > 24 {
        server.forget_keys();
    }
    let emitter = clock.build(troubles.hear(builder(&server.url, spool(folder.path()))));
    flush(&emitter).await;
    assert_eq!(server.numbers(), stored, "{hours} hours");
    assert_eq!(emitter.stats().perhaps_twice, reported as u64);
    match &troubles.take()[..] {
        [] => assert_eq!(reported, 0),
        [Trouble::PerhapsTwice { idempotency_keys, first_sent_at }] => {
            assert_eq!((idempotency_keys.len(), first_sent_at.get()), (reported, START));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_by_keys_while_they_live() {
    check(19, &[0, 1], 0).await;
}

/// Only of the one that was on its way.
#[tokio::test]
async fn later_it_is_said_which_events_may_be_there_twice() {
    check(23, &[0, 1], 1).await;
    check(25, &[0, 0, 1], 1).await;
}

/// Further attempts do not make the doubt younger: the first one may have stored the event.
#[tokio::test]
async fn the_first_attempt_counts() {
    let (server, clock, troubles) = (Server::start().await, Clock::new(), Troubles::default());
    let folder = tempfile::tempdir().expect("a folder");
    server.fail([Fault::ResetButStored].into_iter().chain([Fault::ResetNotStored; 100]));
    let emitter = clock.build(troubles.hear(builder(&server.url, spool(folder.path()))));
    emitter.emit(event(0)).await.expect("taken");
    for _ in 0..2 {
        let before = server.requests();
        while server.requests() < before + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        clock.forward(13);
    }
    server.fail([]);
    flush(&emitter).await;
    match &troubles.take()[..] {
        [Trouble::PerhapsTwice { first_sent_at, .. }] => assert_eq!(first_sent_at.get(), START),
        other => panic!("{other:?}"),
    }
}

/// The word is on disk before the request is on its way.
#[tokio::test]
async fn an_emitter_that_ends_during_its_first_attempt_leaves_word() {
    let (server, clock, troubles) = (Server::start().await, Clock::new(), Troubles::default());
    let folder = tempfile::tempdir().expect("a folder");
    server.fail([Fault::Silence]);
    let emitter = clock.build(builder(&server.url, spool(folder.path())));
    emitter.emit(event(0)).await.expect("taken");
    while server.requests() < 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    emitter.shutdown(Duration::ZERO).await;
    clock.forward(21);
    let emitter = clock.build(troubles.hear(builder(&server.url, spool(folder.path()))));
    flush(&emitter).await;
    assert_eq!(server.numbers(), [0]);
    assert!(matches!(&troubles.take()[..], [Trouble::PerhapsTwice { .. }]));
}

/// No connection, a wrong key: nothing was stored, so nothing is in doubt, however long it takes.
#[tokio::test]
async fn what_was_certainly_not_stored_is_never_in_doubt() {
    let (server, clock, troubles) = (Server::start().await, Clock::new(), Troubles::default());
    let folder = tempfile::tempdir().expect("a folder");
    server.fail([Fault::Unauthorized; 100]);
    for url in ["http://127.0.0.1:9", &server.url] {
        let emitter = clock.build(troubles.hear(builder(url, spool(folder.path()))));
        drop(emitter.emit(event(0)));
        while emitter.stats().failed_requests == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        emitter.shutdown(Duration::ZERO).await;
        clock.forward(100);
    }
    server.fail([]);
    let emitter = clock.build(troubles.hear(builder(&server.url, spool(folder.path()))));
    flush(&emitter).await;
    assert_eq!(server.numbers(), [0, 0]);
    assert!(troubles.take().is_empty());
}

#[tokio::test]
async fn events_that_are_too_old_are_kept_aside() {
    let (server, clock, troubles) = (Server::start().await, Clock::new(), Troubles::default());
    let folder = tempfile::tempdir().expect("a folder");
    let emitter = clock.build(builder("http://127.0.0.1:9", spool(folder.path())));
    emitter.emit(event(0)).await.expect("taken");
    clock.forward(24 * 29);
    emitter.emit(event(1)).await.expect("taken");
    emitter.shutdown(Duration::ZERO).await;
    clock.forward(48);
    let emitter = clock.build(troubles.hear(builder(&server.url, spool(folder.path()))));
    flush(&emitter).await;
    assert_eq!(server.numbers(), [1]);
    assert!(matches!(&troubles.take()[..], [Trouble::Refused(refused)] if refused.code.as_deref() == Some("too_old")));
    let kept = std::fs::read_to_string(folder.path().join("refused.ndjson")).expect("kept");
    assert!(kept.contains(r#""code":"too_old""#), "{kept}");
}
