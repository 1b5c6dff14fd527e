//! Columns lose nothing: not in memory, not in a Parquet file.

use annals_core::event::CommittedEvent;
use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::{Columns, schema, to_batch, to_events, writer_properties};
use crate::lake::testing::{Sequencer, committed_event, event, organization};

fn through_parquet(batch: &RecordBatch) -> RecordBatch {
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(writer_properties())).expect("the schema is writable");
    writer.write(batch).expect("memory takes every write");
    let bytes = Bytes::from(writer.into_inner().expect("memory takes every write"));
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a file").with_batch_size(1 << 20).build().expect("a file");
    let batches: Vec<_> = reader.collect::<Result<_, _>>().expect("a file");
    arrow::compute::concat_batches(&schema(), &batches).expect("one schema")
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
        let batch = through_parquet(&to_batch(&events).expect("small"));
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
}

#[test]
fn rows_that_are_no_events_are_named() {
    let events = Sequencer::default().commit(1, vec![(organization(1), event(1)), (organization(1), event(2))]);
    let batch = to_batch(&events).expect("small");
    for (column, text, problem) in [
        (super::ID, "evt_1", "not an id"),
        (super::ORGANIZATION_ID, "x", "not an id"),
        (super::METADATA, "{\"a\": 1}", "not canonical metadata"),
        (super::METADATA, "{}", "not canonical metadata"),
        (super::EXTRA, "[]", "not the members of an event"),
        (super::EXTRA, "{\"targets\":{\"1\":{\"a\":1}}}", "members of a target that does not exist"),
    ] {
        let place = schema().index_of(column).expect("a column");
        let mut columns = batch.columns().to_vec();
        let wrong: Vec<_> = [Some(text)].into_iter().cycle().take(events.len()).collect();
        columns[place] = std::sync::Arc::new(arrow::array::StringArray::from(wrong));
        let damaged = RecordBatch::try_new(schema(), columns).expect("the right types");
        let error = to_events(&damaged).expect_err(text);
        assert_eq!((error.column, error.problem), (column, problem));
    }
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
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(writer_properties())).expect("the schema is writable");
    writer.write(&to_batch(&events).expect("small")).expect("memory takes every write");
    let per_event = writer.into_inner().expect("memory takes every write").len() / events.len();
    assert!(per_event <= 30, "{per_event} bytes an event");
}
