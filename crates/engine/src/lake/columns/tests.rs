//! Columns lose nothing: not in memory, not in a Parquet file.

use annals_core::event::CommittedEvent;
use annals_core::record::{ApiRequest, FeedEvent};
use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::{Columns, schema, to_batch, to_events, writer_properties};
use crate::lake::data_file::Kind;
use crate::lake::row::Row;
use crate::lake::testing::{
    Sequencer, api_request, api_request_of, committed_event, environment, event, feed_event, feed_event_of, organization,
};

const KINDS: [Kind; 3] = [Kind::Flushed, Kind::Merged, Kind::Packed];

fn through_parquet<R: Row>(kind: Kind, batch: &RecordBatch) -> RecordBatch {
    let mut writer = ArrowWriter::try_new(Vec::new(), R::schema(), Some(R::layout(kind))).expect("the schema is writable");
    writer.write(batch).expect("memory takes every write");
    let bytes = Bytes::from(writer.into_inner().expect("memory takes every write"));
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a file").with_batch_size(1 << 20).build().expect("a file");
    let batches: Vec<_> = reader.collect::<Result<_, _>>().expect("a file");
    arrow::compute::concat_batches(&R::schema(), &batches).expect("one schema")
}

fn check_round_trip<R: Row>(rows: &[R]) -> Result<(), TestCaseError> {
    for kind in KINDS {
        let batch = through_parquet::<R>(kind, &R::to_batch(rows).expect("small"));
        prop_assert_eq!(R::from_batch(&batch).expect("our own rows"), rows);
    }
    Ok(())
}

fn targets_text(columns: &Columns<'_>, row: usize) -> String {
    let mut out = String::new();
    columns.write_targets(row, &mut out).expect("our own row");
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_event_comes_back_with_its_canonical_text(events in proptest::collection::vec(committed_event(), 1..24)) {
        check_round_trip(&events)?;
        let batch = through_parquet::<CommittedEvent>(Kind::Flushed, &to_batch(&events).expect("small"));
        let back = to_events(&batch).expect("our own rows");
        let texts = |events: &[CommittedEvent]| events.iter().map(CommittedEvent::canonical_text).collect::<Vec<_>>();
        prop_assert_eq!(texts(&back), texts(&events));
        prop_assert_eq!(&back, &events);
        let columns = Columns::of(&batch).expect("our own columns");
        for (row, event) in events.iter().enumerate() {
            let mut expected = event.event.targets_text();
            if expected.is_empty() {
                expected.push_str("[]");
            }
            prop_assert_eq!(targets_text(&columns, row), expected);
        }
    }

    #[test]
    fn every_row_of_the_other_tables_comes_back(
        events in proptest::collection::vec(feed_event(), 1..24),
        requests in proptest::collection::vec(api_request(), 1..24),
    ) {
        check_round_trip(&events)?;
        check_round_trip(&requests)?;
    }
}

/// Each text, put into every row of its column, is told with its problem.
fn check_named<R: Row>(batch: &RecordBatch, cases: &[(&'static str, &str, &str)]) {
    for (column, text, problem) in cases {
        let place = R::schema().index_of(column).expect("a column");
        let mut columns = batch.columns().to_vec();
        let wrong: Vec<_> = [Some(*text)].into_iter().cycle().take(batch.num_rows()).collect();
        columns[place] = std::sync::Arc::new(arrow::array::StringArray::from(wrong));
        let damaged = RecordBatch::try_new(R::schema(), columns).expect("the right types");
        let error = R::from_batch(&damaged).expect_err(text);
        assert_eq!((error.column, error.problem), (*column, *problem));
    }
}

#[test]
fn rows_that_are_no_records_are_named() {
    let events = Sequencer::default().commit(1, vec![(organization(1), event(1)), (organization(1), event(2))]);
    let batch = to_batch(&events).expect("small");
    check_named::<CommittedEvent>(
        &batch,
        &[
            (super::ID, "evt_1", "not an id"),
            (super::ORGANIZATION_ID, "x", "not an id"),
            (super::METADATA, "{\"a\": 1}", "not canonical metadata"),
            (super::METADATA, "{}", "not canonical metadata"),
            (super::EXTRA, "[]", "not the members of an event"),
            (super::EXTRA, "{\"targets\":{\"1\":{\"a\":1}}}", "members of a target that does not exist"),
        ],
    );
    let mut sequencer = Sequencer::default();
    let feed = sequencer.feed(1, vec![(environment(1), feed_event_of(1)), (environment(1), feed_event_of(2))]);
    check_named::<FeedEvent>(
        &FeedEvent::to_batch(&feed).expect("small"),
        &[
            (super::ENVIRONMENT_ID, "env", "not an id"),
            (super::feed::EVENT, "User", "not the name of an event"),
            (super::feed::DATA, "{ }", "not a canonical JSON object"),
            (super::feed::CONTEXT, "[]", "not a canonical JSON object"),
        ],
    );
    let requests = sequencer.requests(1, vec![(environment(1), api_request_of(1)), (environment(1), api_request_of(2))]);
    check_named::<ApiRequest>(
        &ApiRequest::to_batch(&requests).expect("small"),
        &[(super::ID, "event_1", "not an id"), (super::ACTOR_TYPE, "robot", "not a kind of actor")],
    );
    let one_column = batch.project(&[0]).expect("a column");
    assert_eq!(to_events(&one_column).expect_err("no columns").problem, "missing");
}

#[test]
fn a_sorted_day_of_ordinary_events_is_small() {
    // Not the figure of the documentation, which is of realistic events: a guard against losing an encoding by accident.
    let mut sequencer = Sequencer::default();
    let mut events: Vec<_> = (0..400)
        .flat_map(|n| sequencer.commit(2500, (0..10).map(|i| (organization(i * n % 97), event(n * 10 + i))).collect()))
        .collect();
    events.sort_by_key(|event| (event.organization, event.seq));
    for kind in KINDS {
        let properties = writer_properties(kind);
        let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).expect("the schema is writable");
        writer.write(&to_batch(&events).expect("small")).expect("memory takes every write");
        let per_event = writer.into_inner().expect("memory takes every write").len() / events.len();
        assert!(per_event <= 30, "{per_event} bytes an event, {kind:?}");
    }
}
