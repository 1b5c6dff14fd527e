//! Exports: cells, and files on the lake's storage.

use annals_core::ids::ExportId;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use proptest::prelude::*;

use super::{ExportFileError, ExportFiles, ReadError, csv};
use crate::lake::columns::to_batch;
use crate::lake::testing::{Sequencer, committed_event, event, organization, url};
use crate::lake::{Lake, LakeSettings};

async fn lake(folder: &std::path::Path) -> Lake {
    Lake::open(&url(folder), LakeSettings::default()).await.expect("a lake")
}

/// What a spreadsheet would show, with the guard taken off again.
fn cell(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t', '\r']) => rest,
        _ => text,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn csv_cells_are_the_event_again(events in proptest::collection::vec(committed_event(), 1..8)) {
        let batch = to_batch(&events).expect("small");
        let file = [csv::header(), csv::rows(&batch).expect("our own rows")].concat();
        let mut reader = ::csv::ReaderBuilder::new().from_reader(file.as_slice());
        let header = reader.headers().expect("a header").iter().collect::<Vec<_>>().join(",");
        prop_assert_eq!(header, "id,action,version,occurred_at,actor_id,actor_type,actor_name,actor_metadata,targets,context_location,\
             context_user_agent,metadata,created_at");
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().expect("csv");
        prop_assert_eq!(rows.len(), events.len());
        for (row, committed) in rows.iter().zip(&events) {
            let event = &committed.event;
            let metadata = |metadata: &Option<annals_core::event::MetadataText>| metadata.as_ref().map(|m| m.as_str().to_owned()).unwrap_or_default();
            let targets = event.targets_text();
            let expected = [
                committed.id.to_string(),
                event.action.clone(),
                event.version.map(|version| version.to_string()).unwrap_or_default(),
                event.occurred_at.wire(),
                event.actor.id.clone(),
                event.actor.kind.clone(),
                event.actor.name.clone().unwrap_or_default(),
                metadata(&event.actor.metadata),
                if targets.is_empty() { "[]".to_owned() } else { targets },
                event.context.location.clone().unwrap_or_default(),
                event.context.user_agent.clone().unwrap_or_default(),
                metadata(&event.metadata),
                committed.received_at.wire(),
            ];
            for (cell_text, expected) in row.iter().zip(&expected) {
                prop_assert!(!cell_text.starts_with(['=', '+', '-', '@', '\t', '\r']));
                // A client may send a quote in front itself; it is kept.
                prop_assert!(cell(cell_text) == expected || cell_text == expected, "{cell_text:?} is not {expected:?}");
            }
        }
    }
}

#[test]
fn lines_end_as_rfc_4180_wants_and_absent_cells_are_empty() {
    let mut committed = Sequencer::default().commit(0, vec![(organization(1), event(7))]);
    committed[0].event.action = "=cmd|' /C calc'!A0".to_owned();
    committed[0].event.context.user_agent = Some("a \"b\",\r\nc".to_owned());
    let rows = csv::rows(&to_batch(&committed).expect("small")).expect("our own rows");
    let id = committed[0].id;
    assert_eq!(
        std::str::from_utf8(&rows).expect("UTF-8"),
        format!(
            "{id},'=cmd|' /C calc'!A0,,2026-07-23T10:11:12.000Z,user_7,user,,,\"[{{\"\"id\"\":\"\"team_1\"\",\"\"type\"\":\"\"team\"\"}}]\",\
             203.0.113.7,\"a \"\"b\"\",\r\nc\",,2026-07-23T10:11:12.000Z\r\n"
        )
    );
}

fn export_id() -> ExportId {
    ExportId::from_parts(1, 2)
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("exports")).into_iter().flatten();
    entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_file_is_written_read_and_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = ExportFiles::new(&lake(folder.path()).await);
    let id = export_id();
    assert!(matches!(files.open(id).await, Err(ExportFileError::NotFound)));
    files.delete(id).await.expect("nothing to do");
    let mut sequencer = Sequencer::default();
    let mut batch = || to_batch(&sequencer.commit(5, (0..50).map(|n| (organization(1), event(n))).collect())).expect("small");
    let batches = [batch(), batch()];
    for _ in 0..2 {
        let written = files.write(id, stream::iter(batches.clone()).map(Ok).boxed()).await.expect("room");
        let opened = files.open(id).await.expect("there");
        let bytes = opened.bytes.try_fold(Vec::new(), |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        });
        let bytes = bytes.await.expect("readable");
        assert_eq!((written.rows, written.bytes, opened.size), (100, bytes.len() as u64, bytes.len() as u64));
        let expected = [csv::header(), csv::rows(&batches[0]).expect("ours"), csv::rows(&batches[1]).expect("ours")].concat();
        assert_eq!(bytes, expected);
    }
    assert_eq!(names(folder.path()), [format!("{id}.csv")]);
    files.delete(id).await.expect("there");
    files.delete(id).await.expect("nothing to do");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_or_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = ExportFiles::new(&lake(folder.path()).await);
    let batch = to_batch(&Sequencer::default().commit(5, (0..50).map(|n| (organization(1), event(n))).collect())).expect("small");
    let lost = || ReadError::Unavailable(datafusion::error::DataFusionError::External("the storage went away".into()));
    let failing = stream::iter([Ok(batch.clone()), Err(lost())]).boxed();
    assert!(matches!(files.write(export_id(), failing).await, Err(ExportFileError::Read(_))));
    assert_eq!(names(folder.path()), Vec::<String>::new());

    let endless = stream::iter([Ok(batch)]).chain(stream::pending()).boxed();
    let mut write = files.write(export_id(), endless).boxed();
    tokio::time::timeout(std::time::Duration::from_millis(50), &mut write).await.expect_err("it never ends");
    assert_eq!(names(folder.path()).len(), 1);
    drop(write);
    // Removed by a task of its own.
    while !names(folder.path()).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}
