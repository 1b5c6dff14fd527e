//! A scan is the naive filter over everything that was ever committed, wherever the events are.

use std::sync::Arc;

use annals_core::event::{CommittedEvent, NormalEvent, Party};
use annals_core::ids::{ExportId, OrganizationId};
use annals_core::time::Micros;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use proptest::prelude::*;

use super::{Batches, ExportFileError, ExportFiles, Filter, ReadError, Reader, Snapshot, csv};
use crate::lake::columns::{to_batch, to_events};
use crate::lake::testing::{NOW, Sequencer, committed_event, event, organization, shard, url};
use crate::lake::{Lake, LakeSettings};

const HOUR: i64 = 60 * 60 * 1_000_000;

async fn lake(folder: &std::path::Path) -> Lake {
    Lake::open(&url(folder), LakeSettings::default()).await.expect("a lake")
}

async fn collect(batches: Batches) -> Vec<CommittedEvent> {
    let batches: Vec<_> = batches.try_collect().await.expect("readable");
    batches.iter().flat_map(|batch| to_events(batch).expect("our own rows")).collect()
}

/// The contract in plain words.
fn passes(filter: &Filter, committed: &CommittedEvent) -> bool {
    let event = &committed.event;
    let inside = |(from, to): (Option<Micros>, Option<Micros>), time: Micros| {
        from.is_none_or(|from| time >= from) && to.is_none_or(|to| time <= to)
    };
    let any = |wanted: &[String], is: &dyn Fn(&str) -> bool| wanted.is_empty() || wanted.iter().any(|text| is(text));
    committed.organization == filter.organization
        && inside(filter.occurred, event.occurred_at)
        && inside(filter.received, committed.received_at)
        && any(&filter.actions, &|text| event.action == text)
        && any(&filter.actor_ids, &|text| event.actor.id == text)
        && any(&filter.actor_names, &|text| event.actor.name.as_deref() == Some(text))
        && any(&filter.target_types, &|text| event.targets.iter().any(|target| target.kind == text))
}

fn word() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "c", "", "é"]).prop_map(str::to_owned)
}

fn small_event() -> impl Strategy<Value = NormalEvent> {
    let parties = proptest::collection::vec(word(), 0..3);
    (word(), word(), proptest::option::of(word()), parties, -9..9_i64).prop_map(|(action, actor, name, kinds, hours)| {
        let mut event = event(0);
        event.action = action;
        event.actor.id = actor;
        event.actor.name = name;
        event.targets =
            kinds.into_iter().map(|kind| Party { id: "t".into(), kind, name: None, metadata: None, extra: Vec::new() }).collect();
        event.occurred_at = Micros::saturating(NOW + hours * HOUR);
        event
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let time = || proptest::option::weighted(0.3, (-10..40_i64).prop_map(|hours| Micros::saturating(NOW + hours * HOUR)));
    let words = || prop_oneof![3 => Just(Vec::new()), 2 => proptest::collection::vec(word(), 1..3)];
    (0..5_u64, (time(), time()), (time(), time()), words(), words(), words(), words()).prop_map(
        |(number, occurred, received, actions, actor_ids, actor_names, target_types)| Filter {
            organization: organization(number),
            occurred,
            received,
            actions,
            actor_ids,
            actor_names,
            target_types,
        },
    )
}

#[derive(Debug, Clone)]
struct Step {
    events: Vec<(OrganizationId, NormalEvent)>,
    after: i64,
    flush: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let events = proptest::collection::vec(((0..4_u64).prop_map(organization), small_event()), 1..12);
    (events, 0..3 * HOUR, proptest::bool::weighted(0.2)).prop_map(|(events, after, flush)| Step { events, after, flush })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_scan_is_the_naive_filter_over_all_that_was_committed(
        steps in proptest::collection::vec(step(), 1..30),
        filters in proptest::collection::vec(filter(), 16),
        unreleased in 0..2_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(check_scans(steps, filters, unreleased))?;
    }
}

/// `unreleased`: how many flushed commits the tail still has, as between a flush and its release.
async fn check_scans(steps: Vec<Step>, filters: Vec<Filter>, unreleased: usize) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake(folder.path()).await;
    let mut sequencer = Sequencer::default();
    let mut all = Vec::new();
    let mut commits: Vec<Arc<[CommittedEvent]>> = Vec::new();
    let mut flushed = 0;
    for step in steps {
        commits.push(sequencer.commit(step.after, step.events).into());
        all.extend_from_slice(&commits[commits.len() - 1]);
        if step.flush {
            let through = commits[commits.len() - 1][0].id.commit();
            lake.audit_events.append(shard(), through, commits[flushed..].concat()).await.expect("a flush");
            flushed = commits.len();
        }
    }
    let tail = commits.split_off(flushed.saturating_sub(unreleased));
    let snapshot = Snapshot::new(shard(), tail, lake.audit_events.snapshot());
    let reader = Reader::new(&lake).expect("a reader");
    for filter in filters {
        let expected: Vec<_> = all.iter().filter(|event| passes(&filter, event)).cloned().collect();
        let found = collect(reader.scan(&snapshot, &filter).expect("a filter")).await;
        prop_assert_eq!(found, expected, "{:?}", filter);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_on_columns_and_lists_are_decided_while_decoding() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake(folder.path()).await;
    let events = Sequencer::default().commit(1, (0..100).map(|n| (organization(n % 7), event(n))).collect());
    lake.audit_events.append(shard(), events[0].id.commit(), events).await.expect("a flush");
    let filter = Filter { actor_ids: vec!["user_8".into()], target_types: vec!["team".into()], ..Filter::of(organization(1)) };
    let reader = Reader::new(&lake).expect("a reader");
    let plan = reader.lake_plan(lake.audit_events.snapshot().files().to_vec(), filter.expression()).await.expect("a plan");
    let text = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
    assert!(!text.contains("FilterExec"), "{text}");
    assert!(text.contains("array_has_any"), "{text}");
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
