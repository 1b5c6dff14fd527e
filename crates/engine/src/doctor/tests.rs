//! An installation is healthy until something is done to it; then what was done is named.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use annals_core::time::Micros;

use super::*;
use crate::Warning;
use crate::clock::{Clock, MovedClock};
use crate::lake::{Lake, LakeSettings};
use crate::testing::{DAY, Running};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_taken_away_are_missed_by_the_doctor_and_the_server() {
    for all in [false, true] {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::<MovedClock>::default());
        let running = Running::open(folder.path(), &clock, 1000).await;
        let organization = running.found().await;
        running.record_once(organization, 1).await;
        running.engine.flush_all().await.unwrap();
        assert_eq!(running.engine.readiness().await.warnings, []);
        running.engine.close().await;
        drop(running);
        let run = file(folder.path(), ".keys");
        if all {
            std::fs::remove_dir_all(run.parent().unwrap()).unwrap()
        } else {
            std::fs::remove_file(&run).unwrap()
        }
        for _ in 0..2 {
            let (_, findings) = examined(folder.path()).await;
            assert!(findings.len() == 1 && findings[0].part == Part::Keys, "{findings:?}");
            assert_eq!((findings[0].problem.as_str(), Path::new(&findings[0].place)), ("it is missing", run.as_path()));
            let running = Running::open(folder.path(), &clock, 1000).await;
            assert_eq!(running.engine.readiness().await.warnings, [Warning::KeysForgotten]);
            running.engine.close().await;
        }
        clock.advance(2 * DAY);
        let running = Running::open(folder.path(), &clock, 1000).await;
        assert_eq!(running.engine.readiness().await.warnings, []);
        running.engine.close().await;
    }
}

/// A cut write-ahead log is one way to get there, an older copy of the database another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_were_acknowledged_and_are_gone_are_missed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::<MovedClock>::default());
    let database = folder.path().join("annals.db");
    let (mut older, mut organization) = (Vec::new(), None);
    for actor in 0..2 {
        let running = Running::open(folder.path(), &clock, 1000).await;
        if actor == 0 {
            organization = Some(running.found().await);
        }
        running.record(organization.unwrap(), actor).await;
        running.engine.close().await;
        older.push(std::fs::read(&database).unwrap());
    }
    std::fs::write(&database, &older[0]).unwrap();
    let (_, findings) = examined(folder.path()).await;
    assert!(findings.iter().any(|found| found.problem.contains("the newest commits are missing")), "{findings:?}");
    let refused = crate::Engine::open(crate::Settings::on(folder.path()), Arc::clone(&clock) as _).await.err().unwrap();
    assert!(refused.to_string().contains("only if those commits are lost for good, remove"), "{refused}");
    std::fs::remove_file(Place::on(folder.path()).mark()).unwrap();
    Running::open(folder.path(), &clock, 1000).await.engine.close().await;
}

/// Nothing is founded where an installation was: that would also overwrite the mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_gone_is_no_new_installation() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::<MovedClock>::default());
    let running = Running::open(folder.path(), &clock, 1000).await;
    let organization = running.found().await;
    running.record(organization, 0).await;
    // A copy of the files that leaves out the write-ahead log, in which everything still is.
    let copy = tempfile::tempdir().unwrap();
    for file in ["annals.db", "last-commit"] {
        std::fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
    }
    running.engine.close().await;
    drop(running);
    std::fs::remove_file(folder.path().join("annals.db")).unwrap();
    for lost in [copy.path(), folder.path()] {
        for _ in 0..2 {
            let refused = crate::Engine::open(crate::Settings::on(lost), Arc::clone(&clock) as _).await.err().unwrap();
            assert!(refused.to_string().contains("the database ends at commit 0"), "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beginning_that_no_purge_took_is_missed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::<MovedClock>::default());
    let running = Running::open(folder.path(), &clock, 1000).await;
    let organization = running.found().await;
    for actor in 0..3 {
        running.record(organization, actor).await;
        running.engine.flush_all().await.unwrap();
        clock.advance(DAY);
    }
    running.engine.close().await;
    drop(running);
    let lake = Lake::open(&Place::on(folder.path()).lake().unwrap(), LakeSettings::default()).await.unwrap();
    let end = clock.now().saturating_sub(2 * DAY);
    assert_eq!(lake.audit_events.remove_received_before(end, end).await.unwrap(), 1);
    let (_, findings) = examined(folder.path()).await;
    assert!(findings.len() == 1 && findings[0].part == Part::Sequences, "{findings:?}");
    assert_eq!(findings[0].problem, "events 0 to 0 are missing, and no purge is recorded that took them");
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
