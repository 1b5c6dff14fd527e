//! What nobody needs goes, and nothing that somebody may need.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use annals_core::time::Micros;

use super::merge_tests::{all, fill, merge_all};
use super::testing::{Fault, Sequencer, When, faulty_lake, url};
use super::{Lake, LakeSettings, Pace};
use crate::clock::{Clock, SystemClock};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Data files and staged files.
fn on_disk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("a folder");
        if entry.file_type().expect("a file").is_dir() {
            files.extend(on_disk(&entry.path()));
        } else if !entry.path().components().any(|part| part.as_os_str() == "_delta_log") {
            files.push(entry.path());
        }
    }
    files
}

fn later(by: Duration) -> Micros {
    SystemClock.now().saturating_add(by)
}

async fn vacuum(lake: &Lake, by: Duration) -> u64 {
    lake.audit_events.vacuum(later(by), DAY).await.expect("the folder").files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_and_merged_files_go_after_a_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lake, store) = faulty_lake(folder.path(), LakeSettings::default()).await;
    let mut sequencer = Sequencer::default();
    fill(&lake, &mut sequencer, 1, 4).await;
    let expected = all(&lake.audit_events).await;
    // A merge dies between its file and its log entry, which is an orphan then.
    store.fail(Fault { path_end: "/audit_events/_delta_log/00000000000000000005.json", when: When::NotStored });
    lake.audit_events.merge_next(later(DAY), &HashSet::new(), Pace::Full).await.map(|_| ()).expect_err("the storage went away");
    let staged = folder.path().join("audit_events/_staged_0123");
    std::fs::write(&staged, "half").expect("a file");
    assert_eq!(on_disk(&folder.path().join("audit_events")).len(), 4 + 1 + 1);
    assert_eq!(vacuum(&lake, Duration::ZERO).await, 0);
    merge_all(&lake.audit_events, later(Duration::ZERO), &mut HashSet::new()).await;
    assert_eq!(vacuum(&lake, DAY / 2).await, 0);
    assert_eq!(vacuum(&lake, DAY + DAY / 2).await, 4 + 1 + 1);
    assert_eq!(on_disk(&folder.path().join("audit_events")).len(), 2);
    let reopened = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    for lake in [lake, reopened] {
        assert_eq!(all(&lake.audit_events).await, expected);
        assert_eq!(vacuum(&lake, 100 * DAY).await, 0);
        assert_eq!(all(&lake.audit_events).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_keeps_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    fill(&lake, &mut Sequencer::default(), 1, 4).await;
    let reading = lake.audit_events.snapshot();
    merge_all(&lake.audit_events, later(Duration::ZERO), &mut HashSet::new()).await;
    assert_eq!(vacuum(&lake, 9 * DAY).await, 0);
    assert!(reading.files().iter().all(|file| folder.path().join("audit_events").join(&file.path).exists()));
    drop(reading);
    assert_eq!(vacuum(&lake, 9 * DAY).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vacuum_that_fails_half_way_is_finished_by_the_next() {
    for when in [When::NotStored, When::StoredButUnanswered] {
        let folder = tempfile::tempdir().expect("a folder");
        let (lake, store) = faulty_lake(folder.path(), LakeSettings::default()).await;
        fill(&lake, &mut Sequencer::default(), 1, 4).await;
        let expected = all(&lake.audit_events).await;
        merge_all(&lake.audit_events, later(Duration::ZERO), &mut HashSet::new()).await;
        store.fail(Fault { path_end: ".parquet", when });
        lake.audit_events.vacuum(later(9 * DAY), DAY).await.expect_err("the storage went away");
        assert!(store.struck());
        let left = if when == When::NotStored { 4 } else { 3 };
        assert_eq!(on_disk(&folder.path().join("audit_events")).len(), 2 + left);
        assert_eq!(vacuum(&lake, 9 * DAY).await, left as u64);
        assert_eq!(all(&lake.audit_events).await, expected);
    }
}
