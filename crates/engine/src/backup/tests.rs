//! A copy of an installation that goes on being written is one moment of it, and goes on from there.

use std::path::Path;
use std::sync::Arc;

use annals_core::event::CommittedEvent;

use super::*;
use crate::clock::MovedClock;
use crate::lake::LakeView;
use crate::place::Place;
use crate::testing::{Running, check_healthy};

struct Silent;

impl Watch for Silent {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

async fn backup(data: &Path, to: &Path, clock: &MovedClock) -> Taken {
    take(&Place::on(data), to.to_str().unwrap(), clock, &Silent).await.unwrap()
}

async fn restored(from: &Path, data: &Path) -> Restored {
    let restored = restore(from.to_str().unwrap(), None, data, &Silent).await.unwrap();
    check_healthy(data).await;
    restored
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_goes_on_where_it_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (data, shelf, there) = (folder.path().join("data"), folder.path().join("shelf"), folder.path().join("there"));
    let clock = Arc::new(MovedClock::default());
    let running = Running::open(&data, &clock, 1000).await;
    let organization = running.found().await;
    for actor in 0..10 {
        running.record_once(organization, actor).await;
    }
    running.engine.flush_all().await.unwrap();
    running.record_once(organization, 10).await;
    let first = backup(&data, &shelf, &clock).await;
    assert!(first.new_bytes > 0 && first.new_bytes <= first.bytes, "{first:?}");
    // Later ones share what they have in common.
    running.record_once(organization, 11).await;
    let second = backup(&data, &shelf, &clock).await;
    assert!(second.new_bytes < first.new_bytes && second.last_commit > first.last_commit, "{second:?}");
    running.record_once(organization, 12).await;
    running.engine.flush_all().await.unwrap();
    running.engine.close().await;
    drop(running);

    assert_eq!(restored(&shelf, &there).await.name, second.name);
    let running = Running::open(&there, &clock, 1000).await;
    assert_eq!(running.seqs(organization).await, (0..12).collect::<Vec<_>>());
    // Keys count whether they were in a run or in the log; what came after the backup is new.
    for actor in [0, 10, 11, 12] {
        running.record_once(organization, actor).await;
    }
    assert_eq!(running.seqs(organization).await, (0..13).collect::<Vec<_>>());
    running.engine.flush_all().await.unwrap();
    running.engine.close().await;
    drop(running);
    check_healthy(&there).await;
    // Any of them can be chosen.
    let older = folder.path().join("older");
    restore(shelf.to_str().unwrap(), Some(&first.name), &older, &Silent).await.unwrap();
    let running = Running::open(&older, &clock, 1000).await;
    assert_eq!(running.seqs(organization).await, (0..11).collect::<Vec<_>>());
    running.engine.close().await;
}

/// Recording, flushing and sealing of keys go on while copies are taken, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_copy_of_a_busy_installation_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let clock = Arc::new(MovedClock::default());
    let running = Arc::new(Running::open(&data, &clock, 1000).await);
    let organization = running.found().await;
    running.record_once(organization, 0).await;
    let writer = tokio::spawn({
        let running = Arc::clone(&running);
        async move {
            for actor in 1..2000 {
                running.record_once(organization, actor).await;
                if actor % 3 == 0 {
                    running.engine.flush_all().await.unwrap();
                }
            }
        }
    });
    for round in 0..6 {
        let (shelf, there) = (folder.path().join("shelf"), folder.path().join(format!("there{round}")));
        backup(&data, &shelf, &clock).await;
        restored(&shelf, &there).await;
        let copy = Running::open(&there, &clock, 1000).await;
        let there = copy.seqs(organization).await.len();
        assert_eq!(copy.seqs(organization).await, (0..there as u64).collect::<Vec<_>>());
        // Every key of an event that is there counts, and none of an event that is not.
        for actor in [0, there / 2, there - 1, there, there + 1] {
            copy.record_once(organization, actor).await;
        }
        assert_eq!(copy.seqs(organization).await.len(), there + 2);
        copy.engine.close().await;
    }
    writer.abort();
    let _ = writer.await;
    running.engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_restored_half_or_over_something() {
    let folder = tempfile::tempdir().unwrap();
    let (data, shelf) = (folder.path().join("data"), folder.path().join("shelf"));
    let clock = Arc::new(MovedClock::default());
    let running = Running::open(&data, &clock, 1000).await;
    let organization = running.found().await;
    running.record_once(organization, 0).await;
    running.engine.flush_all().await.unwrap();
    let taken = backup(&data, &shelf, &clock).await;
    running.engine.close().await;
    drop(running);
    let from = shelf.to_str().unwrap();
    let refused = restore(from, None, &data, &Silent).await;
    assert!(matches!(refused, Err(RestoreError::NotEmpty { .. })), "{refused:?}");
    // One that was killed is refused by a server, and can be repeated.
    let there = folder.path().join("there");
    std::fs::create_dir_all(there.join(crate::data_folder::RESTORING)).unwrap();
    std::fs::write(there.join("annals.db"), "half").unwrap();
    let opened = crate::Engine::open(crate::Settings::on(&there), clock.clone() as Arc<dyn crate::Clock>).await;
    assert!(opened.err().unwrap().to_string().contains("was not finished"));
    restored(&shelf, &there).await;
    // A file of the backup that changed, or is gone.
    let list = std::fs::read(shelf.join("backups").join(format!("{}.json", taken.name))).unwrap();
    let manifest = manifest::Manifest::read(&taken.name, &list).unwrap();
    for entry in &manifest.files {
        let path = shelf.join(entry.sha256.path().to_string());
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        std::fs::write(&path, bad).unwrap();
        let there = folder.path().join("damaged");
        let refused = restore(from, None, &there, &Silent).await.err().unwrap();
        assert!(matches!(refused, RestoreError::Damaged { .. }) && refused.to_string().contains(&entry.path), "{refused}");
        assert!(!there.exists());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(restore(from, None, &there, &Silent).await, Err(RestoreError::Damaged { .. })));
        assert!(!there.exists());
        std::fs::write(&path, good).unwrap();
    }
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let nothing = restore(empty.to_str().unwrap(), None, &folder.path().join("x"), &Silent).await;
    assert!(matches!(nothing, Err(RestoreError::NoBackup(_))), "{nothing:?}");
}

/// What a running server took away is one thing, what is lost another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_data_file_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (data, shelf) = (folder.path().join("data"), folder.path().join("shelf"));
    let clock = Arc::new(MovedClock::default());
    let running = Running::open(&data, &clock, 1000).await;
    let organization = running.found().await;
    running.record_once(organization, 0).await;
    running.engine.flush_all().await.unwrap();
    running.engine.close().await;
    drop(running);
    let view = LakeView::open(&Place::on(&data).lake().unwrap()).unwrap();
    let table = view.table::<CommittedEvent>().await.unwrap().snapshot().unwrap();
    std::fs::remove_file(data.join("lake/audit_events").join(&table.files()[0].path)).unwrap();
    let refused = take(&Place::on(&data), shelf.to_str().unwrap(), &*clock, &Silent).await.unwrap_err();
    assert!(refused.is_damage() && !refused.is_passing(), "{refused}");
    assert!(refused.to_string().contains(&table.files()[0].path), "{refused}");
}
