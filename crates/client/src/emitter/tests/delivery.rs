//! Whatever the server does: every event once, in order.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::super::{NotStored, Stats};
use super::server::{FAULTS, Fault};
use super::*;

const EVENTS: usize = 300;

/// Emits numbers, lets the server fail, and looks at what it has in the end.
async fn check(faults: &[Fault], mode: Mode) -> Stats {
    let server = Server::start().await;
    server.fail(faults.iter().copied());
    let emitter = builder(&server.url, mode).build().expect("an emitter");
    for number in 0..EVENTS {
        emitter.emit(event(number)).await.expect("taken");
    }
    flush(&emitter).await;
    assert!(server.numbers().into_iter().eq(0..EVENTS), "{faults:?}: {:?}", server.numbers());
    let stats = emitter.shutdown(PATIENCE).await;
    assert_eq!((stats.sent, stats.queued, stats.spooled, stats.dropped), (EVENTS as u64, 0, 0, 0), "{faults:?}: {stats:?}");
    stats
}

async fn check_in_both(faults: &[Fault]) {
    let folder = tempfile::tempdir().expect("a folder");
    for mode in [Mode::FailClosed, spool(folder.path())] {
        let failed = faults.iter().filter(|fault| **fault != Fault::Well).count() as u64;
        assert_eq!(check(faults, mode).await.failed_requests, failed, "{faults:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_survived_alone_and_twice() {
    for fault in FAULTS {
        check_in_both(&[fault]).await;
        check_in_both(&[fault, fault, Fault::Well, fault]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_row_of_faults_is_survived() {
    for seed in 0..8 {
        let mut random = SmallRng::seed_from_u64(seed);
        let faults: Vec<_> = (0..12).map(|_| FAULTS[random.random_range(0..FAULTS.len())]).collect();
        // Pauses double only while nothing gets through.
        let faults: Vec<_> = faults.chunks(3).flat_map(|three| three.iter().copied().chain([Fault::Well])).collect();
        let folder = tempfile::tempdir().expect("a folder");
        check(&faults, if seed % 2 == 0 { spool(folder.path()) } else { Mode::FailClosed }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let started = std::time::Instant::now();
    check(&[Fault::RetryInOneSecond], Mode::FailClosed).await;
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_or_address_is_waited_out() {
    check_in_both(&[Fault::Unauthorized, Fault::NoSuchRoute]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_late_gets_everything() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let folder = tempfile::tempdir().expect("a folder");
    let emitter = builder(&format!("http://{address}"), spool(folder.path())).build().expect("an emitter");
    for number in 0..EVENTS {
        emitter.emit(event(number)).await.expect("taken");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(emitter.stats().failed_requests > 0);
    let server = Server::start_at(address).await;
    flush(&emitter).await;
    assert!(server.numbers().into_iter().eq(0..EVENTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_an_emitter() {
    let server = Server::start().await;
    server.fail([Fault::ResetButStored, Fault::Well, Fault::HalfAnswer]);
    let folder = tempfile::tempdir().expect("a folder");
    let emitter = builder(&server.url, spool(folder.path())).build().expect("an emitter");
    let tasks = (0..8).map(|task| {
        let emitter = emitter.clone();
        tokio::spawn(async move {
            for number in 0..100 {
                emitter.emit(event(task * 1000 + number)).await.expect("taken");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    flush(&emitter).await;
    let numbers = server.numbers();
    assert_eq!(numbers.len(), 800);
    for task in 0..8 {
        let own = numbers.iter().filter(|number| **number / 1000 == task).map(|number| number % 1000);
        assert!(own.eq(0..100), "task {task}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_events_hold_up_nobody_and_are_kept() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let troubles = Troubles::default();
    let emitter = troubles.hear(builder(&server.url, spool(folder.path()))).build().expect("an emitter");
    for number in 0..100 {
        let action = match number % 10 {
            3 => "bad.schema",
            7 => "bad.organization",
            _ => "note.added",
        };
        emitter.emit(named(action, number)).await.expect("taken");
    }
    flush(&emitter).await;
    assert!(server.numbers().into_iter().eq((0..100).filter(|number| !matches!(number % 10, 3 | 7))));
    let stats = emitter.shutdown(PATIENCE).await;
    assert_eq!((stats.sent, stats.refused, stats.spooled), (80, 20, 0));
    assert_eq!(troubles.take().iter().filter(|trouble| matches!(trouble, Trouble::Refused(_))).count(), 20);
    let kept = std::fs::read_to_string(folder.path().join("refused.ndjson")).expect("kept");
    let kept: Vec<serde_json::Value> = kept.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(kept.len(), 20);
    assert_eq!(kept[0]["code"], "invalid_audit_log_event");
    assert_eq!(kept[0]["errors"][0]["instancePath"], "/targets");
    assert_eq!(kept[0]["item"]["event"]["actor"]["id"], "3");
    assert_eq!((&kept[1]["http_status"], &kept[1]["item"]["event"]["actor"]["id"]), (&404.into(), &"7".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_hears_of_the_server() {
    let server = Server::start().await;
    server.fail([Fault::ResetButStored]);
    let folder = tempfile::tempdir().expect("a folder");
    for mode in [Mode::FailClosed, spool(folder.path())] {
        let emitter = builder(&server.url, mode).linger(PATIENCE).build().expect("an emitter");
        // The second one would wait for the batch to fill if nobody waited for it.
        for number in 0..2 {
            let waited = tokio::time::timeout(PATIENCE / 2, emitter.emit_and_wait(event(number))).await;
            waited.expect("in time").expect("stored");
            assert_eq!(server.numbers().last(), Some(&number));
        }
        match emitter.emit_and_wait(named("bad.schema", 2)).await {
            Err(NotStored::Refused(refused)) => assert_eq!(refused.code.as_deref(), Some("invalid_audit_log_event")),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_goes_in_pieces() {
    let server = Server::start().await;
    server.take_at_most(7);
    let emitter = builder(&server.url, Mode::FailClosed).build().expect("an emitter");
    for number in 0..EVENTS {
        emitter.emit(event(number)).await.expect("taken");
    }
    flush(&emitter).await;
    assert!(server.numbers().into_iter().eq(0..EVENTS));
    server.take_at_most(0);
    assert!(matches!(emitter.emit_and_wait(event(0)).await, Err(NotStored::Refused(refused)) if refused.http_status == 413));
}
