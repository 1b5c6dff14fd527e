//! The jobs on a whole engine: over restarts, and when time passes.

use std::sync::Arc;

use crate::clock::MovedClock;
use crate::exports::{DownloadError, ExportState};
use crate::testing::{DAY, Running, actors};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_a_stop_interrupted_is_written_after_the_start() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let running = Running::open(folder.path(), &clock, 7).await;
    let organization = running.found().await;
    for actor in 0..20 {
        running.record(organization, actor).await;
    }
    let id = running.export(organization).await;
    running.engine.close().await;
    drop(running);
    let running = Running::open(folder.path(), &clock, 7).await;
    running.wait_for(id, ExportState::Ready).await;
    assert_eq!(running.rows(id).await.unwrap(), actors(20));
    running.engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_expires_after_its_days() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let running = Running::open(folder.path(), &clock, 1000).await;
    let organization = running.found().await;
    running.record(organization, 0).await;
    let id = running.export(organization).await;
    running.wait_for(id, ExportState::Ready).await;
    clock.advance(6 * DAY);
    assert_eq!(running.rows(id).await.unwrap(), actors(1));
    running.engine.close().await;
    drop(running);
    clock.advance(2 * DAY);
    let running = Running::open(folder.path(), &clock, 1000).await;
    running.wait_for(id, ExportState::Expired).await;
    assert!(matches!(running.rows(id).await, Err(DownloadError::Gone)));
    running.engine.close().await;
}

/// Whatever is in the lake and whatever is in the tail, a reader sees one log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_and_lake_are_one_while_it_flushes_and_over_starts() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let mut running = Running::open(folder.path(), &clock, 5).await;
    let organization = running.found().await;
    for round in 1..=4 {
        for actor in (round - 1) * 23..round * 23 {
            running.record(organization, actor).await;
        }
        let id = running.export(organization).await;
        running.wait_for(id, ExportState::Ready).await;
        assert_eq!(running.rows(id).await.unwrap(), actors(round * 23), "round {round}");
        if round % 2 == 0 {
            running.engine.close().await;
            drop(running);
            running = Running::open(folder.path(), &clock, 5).await;
        }
    }
    running.engine.close().await;
}
