//! The spool against a model, a killed writer's torn tail at every length, and damage anywhere.

use std::collections::VecDeque;

use annals_core::time::Micros;
use proptest::prelude::*;
use tokio::sync::oneshot;

use super::super::outcome::{Emitted, NotEmitted};
use super::super::place::{Batch, BatchLimits, Doubt};
use super::*;

const TIME: i64 = 1_800_000_000 * 1_000_000;
const ALL: BatchLimits = BatchLimits { events_max: 10_000, bytes_max: 8 * 1024 * 1024 };

struct Open {
    inbox: Arc<Inbox>,
    reader: Reader,
    shared: Arc<Shared>,
}

fn small(folder: &Path, sync: SpoolSync) -> Spool {
    // Files of a few records.
    Spool::at(folder).sync(sync).bytes_max(4000)
}

fn open_with(spool: &Spool) -> Open {
    let shared = Arc::new(Shared::new(Arc::new(|| Micros::saturating(TIME)), None));
    let opened = open(spool, "events", &shared).expect("a spool");
    Open { inbox: opened.inbox, reader: opened.reader, shared }
}

impl Open {
    fn push(&self, json: &str) -> oneshot::Receiver<Result<Emitted, NotEmitted>> {
        let (answer, receiver) = oneshot::channel();
        let emitted_at = Micros::saturating(TIME);
        self.inbox.push(WaitingEvent { json: json.as_bytes().to_vec(), emitted_at, answer, stored: None }).expect("room");
        receiver
    }

    /// Whether there was room.
    fn append(&self, json: &str) -> bool {
        match self.push(json).blocking_recv().expect("an answer") {
            Ok(_) => true,
            Err(NotEmitted::SpoolFull { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn take(&mut self, events_max: usize) -> Batch {
        self.reader.take(BatchLimits { events_max, ..ALL }).expect("readable")
    }

    fn settle(&mut self, batch: &Batch) {
        self.reader.settle(batch.end, batch.records.len() as u64, &[]);
    }

    /// Everything that waits; not settled.
    fn rest(&mut self) -> Vec<String> {
        texts(&self.take(usize::MAX))
    }

    /// As `kill -9` does, except that the writer ends what it began.
    fn kill(self) {
        let Self { inbox, reader, shared } = self;
        inbox.close();
        drop(reader);
        futures::executor::block_on(shared.ends());
    }
}

fn texts(batch: &Batch) -> Vec<String> {
    batch.records.iter().map(|record| String::from_utf8(record.json.to_vec()).expect("text")).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).expect("listable").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "events")).collect();
    files.sort();
    files
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<usize>),
    /// Takes up to so many, and the server has them.
    Settle(usize),
    /// The position is written, with or without word of what is on its way.
    Save(bool),
    Kill,
    /// A killed writer leaves the beginning of a record.
    KillAndTear(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(1..400_usize, 1..6).prop_map(Step::Append),
        3 => (1..8_usize).prop_map(Step::Settle),
        2 => any::<bool>().prop_map(Step::Save),
        1 => Just(Step::Kill),
        1 => (1..300_usize).prop_map(Step::KillAndTear),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the server does not have must be in the spool, in order. What it has may come again after a kill, up to the last save.
fn check_model(steps: Vec<Step>, sync: SpoolSync) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = small(folder.path(), sync);
    let (mut model, mut unsaved, mut drawn, mut torn_bytes) = (VecDeque::new(), VecDeque::new(), 0, 0);
    let mut open = open_with(&spool);
    for step in steps {
        match step {
            Step::Append(lengths) => {
                for length in lengths {
                    drawn += 1;
                    let json = format!("{{\"{drawn}\":\"{}\"}}", "x".repeat(length));
                    if open.append(&json) {
                        model.push_back(json);
                    }
                }
            }
            Step::Settle(count) => {
                let batch = open.take(count);
                let expected: Vec<_> = model.drain(..batch.records.len()).collect();
                assert_eq!(texts(&batch), expected);
                assert!(batch.records.len() == count || model.is_empty() || batch.doubt.is_some());
                unsaved.extend(expected);
                open.settle(&batch);
            }
            Step::Save(false) => {
                open.reader.mark(None).expect("written");
                unsaved.clear();
            }
            Step::Save(true) => {
                let batch = open.take(3);
                open.reader.mark(Some(Doubt { until: batch.end, since: Micros::saturating(TIME) })).expect("written");
                unsaved.clear();
                let expected: Vec<_> = model.drain(..batch.records.len()).collect();
                assert_eq!(texts(&batch), expected);
                unsaved.extend(expected);
                open.settle(&batch);
            }
            Step::Kill | Step::KillAndTear(_) => {
                open.kill();
                if let (Step::KillAndTear(length), Some(last)) = (step, files(folder.path()).last()) {
                    let mut line = Vec::new();
                    record::encode(&mut line, Micros::saturating(TIME), &vec![b'x'; length]);
                    let mut torn = OpenOptions::new().append(true).open(last).expect("writable");
                    line.truncate(line.len() - 1 - length / 2);
                    std::io::Write::write_all(&mut torn, &line).expect("written");
                    torn_bytes += line.len() as u64;
                }
                open = open_with(&spool);
                while let Some(json) = unsaved.pop_back() {
                    model.push_front(json);
                }
            }
        }
        assert!(open.shared.spooled.load(std::sync::atomic::Ordering::Relaxed) >= model.len() as u64);
        let bytes: u64 = files(folder.path()).iter().map(|file| file.metadata().expect("a file").len()).sum();
        assert!(bytes <= 4000 + torn_bytes, "{bytes}");
    }
    open.kill();
    let mut open = open_with(&spool);
    let mut found = Vec::new();
    // A batch may be empty before the end: where there is only a torn record to be passed over.
    while !open.reader.is_empty() {
        let batch = open.take(7);
        found.extend(texts(&batch));
        open.settle(&batch);
    }
    assert_eq!(found, unsaved.into_iter().chain(model).collect::<Vec<_>>());
    assert_eq!(open.shared.counters.stats().damaged, 0);
    assert_eq!(open.shared.spooled.load(std::sync::atomic::Ordering::Relaxed), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_out_of_order(steps in steps()) {
        check_model(steps, SpoolSync::OsOnly);
    }
}

fn three(folder: &Path) -> Spool {
    let spool = Spool::at(folder).sync(SpoolSync::OsOnly);
    let open = open_with(&spool);
    for json in [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#] {
        assert!(open.append(json));
    }
    open.kill();
    spool
}

/// A write that was cut short, at every byte: what was complete is there, the torn record is not, and nothing counts as damage.
#[test]
fn a_torn_tail_is_passed_over_at_every_length() {
    let original = tempfile::tempdir().expect("a folder");
    three(original.path());
    let bytes = std::fs::read(&files(original.path())[0]).expect("readable");
    for length in 0..=bytes.len() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::at(folder.path()).sync(SpoolSync::OsOnly);
        std::fs::write(folder.path().join("00000000000000000001.events"), &bytes[..length]).expect("written");
        let complete = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
        let mut open = open_with(&spool);
        assert!(open.append("{}"));
        let expected = [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#].into_iter().take(complete).chain(["{}"]);
        assert!(open.rest().iter().map(String::as_str).eq(expected), "{length} bytes");
        assert_eq!(open.shared.counters.stats().damaged, 0, "{length} bytes");
        open.kill();
    }
}

/// Every single byte may go wrong: the others are there, and the damage is counted.
#[test]
fn damage_costs_one_record_and_is_said() {
    let original = tempfile::tempdir().expect("a folder");
    three(original.path());
    let path = files(original.path()).remove(0);
    let bytes = std::fs::read(&path).expect("readable");
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).expect("written");
        let mut open = open_with(&Spool::at(original.path()).sync(SpoolSync::OsOnly));
        assert!(open.append("{}"));
        let hit = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        let is_break = bytes[at] == b'\n';
        let found = open.rest();
        for (number, json) in [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#].iter().enumerate() {
            // A line without its end takes the next one with it.
            let is_lost = number == hit || is_break && number == hit + 1;
            assert_eq!(found.iter().any(|text| text == json), !is_lost, "byte {at}, record {number}");
        }
        assert_eq!(found.last().map(String::as_str), Some("{}"));
        // The last line without its end looks like a torn one.
        let is_torn = is_break && hit + 1 == lines.len();
        assert_eq!(open.shared.counters.stats().damaged > 0, !is_torn, "byte {at}");
        open.kill();
        for file in files(original.path()).into_iter().skip(1) {
            std::fs::remove_file(file).expect("removed");
        }
    }
}

#[test]
fn a_missing_file_costs_what_was_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    three(folder.path());
    let spool = three(folder.path());
    let open = open_with(&spool);
    assert!(open.append("{}"));
    std::fs::remove_file(&files(folder.path())[1]).expect("removed");
    let mut open = open;
    assert_eq!(open.rest(), [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#, "{}"]);
    assert_eq!(open.shared.counters.stats().damaged, 1);
    open.kill();
}

/// Everything comes again, and all of it is in doubt.
#[test]
fn a_damaged_position_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = three(folder.path());
    let mut open = open_with(&spool);
    let batch = open.take(2);
    open.settle(&batch);
    open.reader.save().expect("written");
    open.kill();
    let position = folder.path().join("position");
    let bytes = std::fs::read(&position).expect("readable");
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        std::fs::write(&position, &damaged).expect("written");
        let mut open = open_with(&spool);
        let batch = open.take(usize::MAX);
        assert_eq!((batch.records.len(), batch.doubt.is_some()), (3, true), "byte {at}");
        assert_eq!(open.shared.counters.stats().damaged, 1);
        open.kill();
    }
    std::fs::write(&position, &bytes).expect("written");
    assert_eq!(open_with(&spool).rest(), [r#"{"c":3}"#]);
}

/// A power cut can leave a position that is further than the file: new records must not count as settled.
#[test]
fn a_position_behind_the_end_hides_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = three(folder.path());
    let mut open = open_with(&spool);
    let batch = open.take(3);
    open.settle(&batch);
    open.reader.save().expect("written");
    open.kill();
    for leftover in [20, 0] {
        let file = OpenOptions::new().write(true).open(&files(folder.path())[0]).expect("writable");
        file.set_len(leftover).expect("cut");
        let mut open = open_with(&spool);
        assert!(open.append("{}"));
        assert_eq!(open.rest().last().map(String::as_str), Some("{}"));
        open.kill();
    }
    std::fs::remove_file(&files(folder.path())[0]).expect("removed");
    let mut open = open_with(&spool);
    assert_eq!(open.rest(), ["{}", "{}"]);
    open.kill();
}

#[test]
fn a_spool_for_other_records_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = three(folder.path());
    let shared = Arc::new(Shared::new(Arc::new(|| Micros::saturating(TIME)), None));
    let refused = open(&spool, "requests", &shared);
    assert!(matches!(refused, Err(EmitterBuildError::OtherKind { kind, .. }) if kind == "events"));
}

#[test]
fn every_policy_of_syncing_keeps_everything() {
    for sync in [SpoolSync::Each, SpoolSync::Interval(Duration::from_millis(5)), SpoolSync::OsOnly] {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::at(folder.path()).sync(sync);
        let mut open = open_with(&spool);
        let answers: Vec<_> = (0..100).map(|number| open.push(&format!("{{\"{number}\":0}}"))).collect();
        for answer in answers {
            assert!(matches!(answer.blocking_recv(), Ok(Ok(Emitted::Spooled))));
        }
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(open.rest().len(), 100, "{sync:?}");
        open.kill();
    }
}
