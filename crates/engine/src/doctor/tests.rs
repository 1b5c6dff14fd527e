//! An installation is healthy until something is done to it; then what was done is named.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use annals_core::time::Micros;

use super::*;
use crate::lake::{Lake, LakeSettings};
use crate::testing::Running;

#[derive(Default)]
struct Heard(Mutex<Vec<Finding>>);

impl Watch for Heard {
    fn begin(&self, _: Part, _: u64) {}
    fn advance(&self, _: u64) {}
    fn found(&self, finding: &Finding) {
        self.0.lock().unwrap().push(finding.clone());
    }
}

async fn examined(folder: &Path) -> (Examined, Vec<Finding>) {
    let heard = Heard::default();
    let examined = examine(&Place::on(folder), &heard).await.unwrap();
    (examined, heard.0.into_inner().unwrap())
}

/// Twenty events, of which some are in the lake and some in the log.
async fn furnished(folder: &Path) -> Running {
    let running = Running::open(folder, &Arc::default(), 1000).await;
    let organization = running.found().await;
    for actor in 0..20 {
        running.record(organization, actor).await;
        if actor % 8 == 7 {
            running.engine.flush_all().await.unwrap();
        }
    }
    running
}

/// The first file below `folder` whose name ends so, by name.
fn file(folder: &Path, ending: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    found.swap_remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_and_a_stopped_installation_are_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let running = furnished(folder.path()).await;
    let (seen, findings) = examined(folder.path()).await;
    assert_eq!(findings, []);
    assert!(seen.commits > 0 && seen.files > 0, "{seen:?}");
    running.engine.close().await;
    drop(running);
    assert_eq!(examined(folder.path()).await.1, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let running = furnished(folder.path()).await;
    running.engine.close().await;
    drop(running);
    let data = folder.path();
    let audit_events = data.join("lake/audit_events");
    let truncate: fn(&mut Vec<u8>) = |bytes| bytes.truncate(bytes.len() / 2);
    let flip: fn(&mut Vec<u8>) = |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
    };
    let flip_header: fn(&mut Vec<u8>) = |bytes| bytes[3] ^= 1;
    for (path, change, part) in [
        (file(&audit_events, ".parquet"), truncate, Part::DataFiles),
        (file(&audit_events, "1.json"), truncate, Part::TableLogs),
        (file(data, "annals.db"), truncate, Part::Database),
        (file(data, "annals.db"), flip_header, Part::Database),
        (file(&audit_events, ".parquet"), flip, Part::DataFiles),
    ] {
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        change(&mut bad);
        std::fs::write(&path, bad).unwrap();
        let (_, findings) = examined(data).await;
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(findings.iter().any(|found| found.part == part && found.place.contains(name)), "{name}: {findings:?}");
        std::fs::write(&path, good).unwrap();
    }
    std::fs::remove_file(file(&audit_events, ".parquet")).unwrap();
    let (_, findings) = examined(data).await;
    assert!(findings.iter().any(|found| found.problem == "it is missing"), "{findings:?}");
}

/// A running server takes files out of a table and deletes them while the table is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_misses_the_rows_of_files_that_went_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let running = furnished(folder.path()).await;
    running.engine.close().await;
    drop(running);
    let (heard, url) = (Heard::default(), Place::on(folder.path()).lake().unwrap());
    let mut exam = Exam { watch: &heard, examined: Examined::default() };
    let view = LakeView::open(&url).unwrap();
    let table = TableCheck::<CommittedEvent>::of(&mut exam, &view, None).await.unwrap().unwrap();
    let lake = Lake::open(&url, LakeSettings::default()).await.unwrap();
    let (before, end) = (lake.audit_events.snapshot(), Micros::saturating(i64::MAX));
    assert_eq!(lake.audit_events.remove_received_before(end, end).await.unwrap(), 1);
    std::fs::remove_file(folder.path().join("lake/audit_events").join(&before.files()[0].path)).unwrap();
    let whole = table.files(&mut exam, &mut |_| ()).await.unwrap();
    assert_eq!((whole, heard.0.into_inner().unwrap()), (false, Vec::new()));
}
