//! A byte that changed in a data file never becomes part of an answer.

use std::path::Path;

use annals_core::event::CommittedEvent;
use futures::TryStreamExt;

use super::{Filter, ReadError, Reader, Selection, Snapshot};
use crate::lake::columns::to_events;
use crate::lake::testing::{Sequencer, commit, environment, event, organization, shard, url};
use crate::lake::{Lake, LakeError, LakeSettings};

async fn lake(folder: &Path) -> Lake {
    Lake::open(&url(folder), LakeSettings::default()).await.expect("a lake")
}

/// Everything, by a process that has just begun.
async fn read(folder: &Path) -> Result<Vec<CommittedEvent>, ReadError> {
    let lake = lake(folder).await;
    let reader = Reader::new(&lake.audit_events)?;
    let query = reader.query(Selection { environment: environment(1), filter: Filter::everything() })?;
    let snapshot = Snapshot::new(shard(), [], lake.audit_events.snapshot());
    let batches: Vec<_> = reader.scan(&snapshot, &query, &[]).try_collect().await?;
    Ok(batches.iter().flat_map(|batch| to_events(batch).expect("our own rows")).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_what_was_written_or_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = {
        let lake = lake(folder.path()).await;
        let events = Sequencer::default().commit(5, (0..40).map(|n| (organization(n % 7), event(n))).collect());
        lake.audit_events.append(shard(), commit(1), events).await.expect("a flush").files()[0].clone()
    };
    let path = folder.path().join("audit_events").join(&file.path);
    let (good, events) = (std::fs::read(&path).expect("the file"), read(folder.path()).await.expect("readable"));
    assert_eq!(events.len(), 40);
    let (directory, mut noticed) = (file.parts.expect("it has parts").directory(), 0);
    for at in (0..good.len()).step_by(61) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, bytes).expect("the file");
        match read(folder.path()).await {
            // Whoever reads everything needs no directory.
            Ok(found) if directory.contains(&(at as u64)) => assert_eq!(found, events),
            Err(ReadError::Lake(LakeError::Damaged(why))) if why.to_string().contains(&file.path) => noticed += 1,
            other => panic!("byte {at}: {other:?}"),
        }
    }
    assert!(noticed > 100, "{noticed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_an_older_version_are_read_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = Sequencer::default().commit(5, (0..40).map(|n| (organization(n % 7), event(n))).collect());
    lake(folder.path()).await.audit_events.append(shard(), commit(1), events.clone()).await.expect("a flush");
    let entry = folder.path().join("audit_events/_delta_log/00000000000000000001.json");
    let text = std::fs::read_to_string(&entry).expect("the log");
    let (before, tags) = text.split_once(r#""tags":{"#).expect("tags");
    let (_, after) = tags.split_once('}').expect("their end");
    // Nor do their entries say which files there are.
    let older = format!(r#"{before}"tags":null{after}"#).replace("annals.files", "nobody.reads");
    std::fs::write(&entry, older).expect("the log");
    let lake = lake(folder.path()).await;
    let snapshot = lake.audit_events.snapshot();
    let file = &snapshot.files()[0];
    assert_eq!(file.parts, None);
    assert_eq!(lake.audit_events.data_files().directory(file).await.expect("readable"), None);
    lake.audit_events.verify(file, &mut |_| ()).await.expect("readable");
    let mut found = read(folder.path()).await.expect("readable");
    found.sort_by_key(|event| event.id);
    assert_eq!(found, events);
}
