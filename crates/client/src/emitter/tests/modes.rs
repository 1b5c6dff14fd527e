//! What each mode promises when the server is away, and at the end.

use super::super::{Emitted, EmitterBuildError, NotStored};
use super::server::Fault;
use super::*;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn fail_open_drops_and_says_so() {
    let emitter = builder(NOWHERE, Mode::FailOpen).queue(10, 1024 * 1024).build().expect("an emitter");
    for number in 0..10 {
        assert!(matches!(emitter.emit(event(number)).await, Ok(Emitted::Queued)));
    }
    for number in 10..15 {
        assert!(matches!(emitter.emit(event(number)).await, Ok(Emitted::Dropped(NotEmitted::QueueFull))));
    }
    assert!(matches!(emitter.emit_and_wait(event(15)).await, Err(NotStored::NotEmitted(NotEmitted::QueueFull))));
    assert_eq!((emitter.stats().queued, emitter.stats().dropped), (10, 6));
    let stats = emitter.shutdown(Duration::from_millis(50)).await;
    assert_eq!((stats.queued, stats.dropped, stats.sent), (0, 16, 0));
}

#[tokio::test]
async fn fail_closed_fails() {
    let emitter = builder(NOWHERE, Mode::FailClosed).queue(10, 1024 * 1024).build().expect("an emitter");
    for number in 0..10 {
        emitter.emit(event(number)).await.expect("room");
    }
    assert!(matches!(emitter.emit(event(10)).await, Err(NotEmitted::QueueFull)));
    assert_eq!(emitter.stats().dropped, 0);
    emitter.shutdown(Duration::ZERO).await;
    assert!(matches!(emitter.emit(event(11)).await, Err(NotEmitted::Closed)));
    assert!(!emitter.flush().await);
}

#[tokio::test]
async fn who_waits_is_told_of_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    for mode in [Mode::FailClosed, spool(folder.path())] {
        let emitter = builder(NOWHERE, mode).build().expect("an emitter");
        let waiting = tokio::spawn({
            let emitter = emitter.clone();
            async move { (emitter.emit_and_wait(event(0)).await, emitter.flush().await) }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        emitter.shutdown(Duration::from_millis(50)).await;
        let (stored, flushed) = waiting.await.expect("no panic");
        assert!(matches!(stored, Err(NotStored::Abandoned)), "{stored:?}");
        assert!(!flushed);
    }
}

#[tokio::test]
async fn what_is_too_large_or_no_json_is_not_taken() {
    let emitter = builder(NOWHERE, Mode::FailClosed).build().expect("an emitter");
    let mut large = event(0);
    large.event.context.location = "x".repeat(2 * 1024 * 1024);
    assert!(matches!(emitter.emit(large).await, Err(NotEmitted::TooLarge { .. })));
}

/// Without `shutdown`, without the server, over several emitters.
#[tokio::test(flavor = "multi_thread")]
async fn a_spool_outlives_its_emitters() {
    let folder = tempfile::tempdir().expect("a folder");
    for start in [0, 100, 200] {
        let emitter = open_soon(NOWHERE, folder.path()).await;
        assert_eq!(emitter.stats().spooled, start as u64);
        for number in start..start + 100 {
            assert!(matches!(emitter.emit(event(number)).await, Ok(Emitted::Spooled)));
        }
    }
    let server = Server::start().await;
    let emitter = open_soon(&server.url, folder.path()).await;
    flush(&emitter).await;
    assert!(server.numbers().into_iter().eq(0..300));
    assert_eq!(emitter.shutdown(PATIENCE).await.spooled, 0);
    // And nothing comes again.
    let requests = server.requests();
    let emitter = builder(&server.url, spool(folder.path())).build().expect("an emitter");
    assert_eq!(emitter.shutdown(PATIENCE).await.spooled, 0);
    assert_eq!(server.requests(), requests);
}

/// An emitter that was dropped ends in the background.
async fn open_soon(url: &str, folder: &Path) -> Emitter {
    for _ in 0..500 {
        match builder(url, spool(folder)).build() {
            Ok(emitter) => return emitter,
            Err(EmitterBuildError::SpoolInUse { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the spool stays in use");
}

#[tokio::test]
async fn a_spool_belongs_to_one_emitter() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = builder(NOWHERE, spool(folder.path())).build().expect("an emitter");
    let second = builder(NOWHERE, spool(folder.path())).build();
    assert!(matches!(second, Err(EmitterBuildError::SpoolInUse { .. })));
    first.shutdown(Duration::ZERO).await;
    builder(NOWHERE, spool(folder.path())).build().expect("free again");
    assert!(matches!(builder(NOWHERE, spool(Path::new("/dev/null/x"))).build(), Err(EmitterBuildError::Spool { .. })));
}

#[tokio::test]
async fn a_full_spool_takes_nothing_new_until_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = || Mode::Spool(Spool::at(folder.path()).sync(SpoolSync::OsOnly).bytes_max(20_000));
    let emitter = builder(NOWHERE, small()).build().expect("an emitter");
    let mut taken = 0;
    let full = loop {
        match emitter.emit(event(taken)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, NotEmitted::SpoolFull { bytes_max: 20_000 }), "{full}");
    assert!((50..200).contains(&taken), "{taken}");
    let stats = emitter.shutdown(Duration::ZERO).await;
    assert!(stats.spooled_bytes <= 20_000 && stats.spooled == taken as u64, "{stats:?}");
    let server = Server::start().await;
    let emitter = builder(&server.url, small()).build().expect("an emitter");
    flush(&emitter).await;
    emitter.emit(event(taken)).await.expect("room again");
    flush(&emitter).await;
    assert!(server.numbers().into_iter().eq(0..=taken));
}

#[tokio::test]
async fn an_unawaited_event_is_emitted_all_the_same() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    for (first, mode) in [(0, Mode::FailOpen), (2, spool(folder.path()))] {
        let emitter = builder(&server.url, mode).build().expect("an emitter");
        drop(emitter.emit(event(first)));
        emitter.emit(event(first + 1)).await.expect("taken");
        flush(&emitter).await;
    }
    assert_eq!(server.numbers(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn shutdown_sends_what_is_there() {
    let server = Server::start().await;
    server.fail([Fault::Unavailable]);
    let emitter = builder(&server.url, Mode::FailOpen).linger(PATIENCE).build().expect("an emitter");
    for number in 0..120 {
        emitter.emit(event(number)).await.expect("taken");
    }
    let stats = emitter.shutdown(PATIENCE).await;
    assert_eq!((stats.sent, stats.dropped), (120, 0));
    assert!(server.numbers().into_iter().eq(0..120));
}

/// Programs without a runtime may emit too.
#[test]
fn no_runtime_is_needed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Server::start());
    let folder = tempfile::tempdir().expect("a folder");
    let emitter = builder(&server.url, spool(folder.path())).build().expect("an emitter");
    futures::executor::block_on(async {
        emitter.emit(event(0)).await.expect("taken");
        emitter.emit_and_wait(event(1)).await.expect("stored");
        assert_eq!(emitter.shutdown(PATIENCE).await.sent, 2);
    });
    assert_eq!(server.numbers(), [0, 1]);
}
