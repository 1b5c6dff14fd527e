//! A list of the feed is the naive filter over everything that was ever committed, wherever the events are.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use annals_core::ids::{EnvironmentId, FeedEventId};
use annals_core::record::{FeedEvent, NewFeedEvent, ObjectText};
use annals_core::time::Micros;
use proptest::prelude::*;

use super::FeedSelection;
use crate::lake::testing::{NOW, Sequencer, environment, feed_event_of, organization, shard, url};
use crate::lake::{Lake, LakeSettings, Row};
use crate::read::{ALWAYS, Reader, Snapshot};
use crate::store::listing::{Direction, Scan};

const HOUR: i64 = 60 * 60 * 1_000_000;

/// Some commits, flushed or not.
#[derive(Debug, Clone)]
struct Step {
    events: Vec<(EnvironmentId, NewFeedEvent)>,
    after: i64,
    flush: bool,
}

fn name() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a.created", "a.deleted", "b.created"]).prop_map(str::to_owned)
}

fn small_event() -> impl Strategy<Value = (EnvironmentId, NewFeedEvent)> {
    (0..3_u64, name(), proptest::option::of(0..3_u64), any::<bool>()).prop_map(|(number, name, about, has_context)| {
        let event = NewFeedEvent {
            name: name.parse().expect("a name"),
            organization: about.map(organization),
            context: has_context.then(|| ObjectText::from_stored("{}").expect("an object")),
            ..feed_event_of(number)
        };
        (environment(number), event)
    })
}

fn step() -> impl Strategy<Value = Step> {
    let events = proptest::collection::vec(small_event(), 1..12);
    (events, 0..3 * HOUR, proptest::bool::weighted(0.3)).prop_map(|(events, after, flush)| Step { events, after, flush })
}

/// A selection between the ids of the events at two places of everything, one way.
type Question = (FeedSelection, [Option<prop::sample::Index>; 2], Direction, u32);

fn question() -> impl Strategy<Value = Question> {
    let time = || (-10..40_i64).prop_map(|hours| Micros::saturating(NOW + hours * HOUR));
    let bound =
        || prop_oneof![4 => Just(Bound::Unbounded), 1 => time().prop_map(Bound::Included), 1 => time().prop_map(Bound::Excluded)];
    let cursor = || proptest::option::weighted(0.4, any::<prop::sample::Index>());
    let name = || name().prop_map(|name| name.parse().expect("a name"));
    let names = proptest::option::of(proptest::collection::vec(name(), 0..3));
    let about = proptest::option::weighted(0.3, (0..4_u64).prop_map(organization));
    let direction = proptest::sample::select(&[Direction::Rising, Direction::Falling][..]);
    let selection = (0..4_u64, names, about, (bound(), bound()));
    let selection = selection.prop_map(|(number, names, organization, received)| FeedSelection {
        environment: environment(number),
        names,
        organization,
        received,
    });
    (selection, [cursor(), cursor()], direction, 1..40_u32)
}

/// The contract in plain words.
fn naive(all: &[FeedEvent], selection: &FeedSelection, scan: Scan<FeedEventId>) -> Vec<FeedEvent> {
    let mut events: Vec<_> = all
        .iter()
        .filter(|event| event.environment == selection.environment)
        .filter(|event| selection.names.as_ref().is_none_or(|names| names.contains(&event.event.name)))
        .filter(|event| selection.organization.is_none() || event.event.organization == selection.organization)
        .filter(|event| selection.received.contains(&event.received_at))
        .filter(|event| scan.above.is_none_or(|id| id < event.id))
        .filter(|event| scan.below.is_none_or(|id| event.id < id))
        .cloned()
        .collect();
    if scan.direction == Direction::Falling {
        events.reverse();
    }
    events.truncate(scan.rows as usize);
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_list_is_the_naive_filter_over_all_that_was_committed(
        steps in proptest::collection::vec(step(), 1..30),
        questions in proptest::collection::vec(question(), 24),
        unreleased in 0..2_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(check_lists(steps, questions, unreleased))?;
    }
}

async fn check_lists(steps: Vec<Step>, questions: Vec<Question>, unreleased: usize) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    let mut commits: Vec<Arc<[FeedEvent]>> = Vec::new();
    let mut flushed = 0;
    for step in steps {
        commits.push(sequencer.feed(step.after, step.events).into());
        if step.flush {
            let through = commits[commits.len() - 1][0].id.commit();
            lake.feed_events.append(shard(), through, commits[flushed..].concat()).await.expect("a flush");
            flushed = commits.len();
        }
    }
    let all = commits.concat();
    let tail = commits.split_off(flushed.saturating_sub(unreleased));
    let snapshot = Snapshot::new(shard(), tail, lake.feed_events.snapshot());
    let reader = Reader::new(&lake.feed_events).expect("a reader");
    for (selection, [above, below], direction, rows) in questions {
        let id = |index: Option<prop::sample::Index>| index.map(|index| index.get(&all).id);
        let scan = Scan { above: id(above), below: id(below), direction, rows };
        let query = reader.query(selection.clone()).expect("a query");
        let found = reader.nearest(&snapshot, &query, scan).await.expect("readable");
        prop_assert_eq!(found, naive(&all, &selection, scan), "{:?} {:?}", selection, scan);
    }
    for event in &all {
        for number in 0..3 {
            let found = reader.by_id(&snapshot, &everything(number), event.id).await.expect("readable");
            prop_assert_eq!(found, Some(event.clone()).filter(|event| event.environment == environment(number)));
        }
    }
    Ok(())
}

fn everything(number: u64) -> FeedSelection {
    FeedSelection { environment: environment(number), names: None, organization: None, received: ALWAYS }
}

/// Files that cannot have the answer are not opened: here they are not even there.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_opens_only_the_files_that_it_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    let mut commits: Vec<Vec<FeedEvent>> = Vec::new();
    for number in 0..6 {
        let events = (0..10).map(|n| (environment(1), feed_event_of(10 * number + n))).collect();
        commits.push(sequencer.feed(HOUR / 60, events));
        let last = commits.last().expect("just made");
        if number < 5 {
            lake.feed_events.append(shard(), last[0].place().commit(), last.clone()).await.expect("a flush");
        }
    }
    let snapshot = Snapshot::new(shard(), [Arc::from(commits[5].clone())], lake.feed_events.snapshot());
    let reader = Reader::new(&lake.feed_events).expect("a reader");
    for place in [0, 1] {
        std::fs::remove_file(folder.path().join("events").join(&snapshot.lake.files()[place].path)).expect("a file");
    }
    let query = reader.query(everything(1)).expect("a query");
    let list = async |above: Option<FeedEventId>, below, direction, rows| {
        reader.nearest(&snapshot, &query, Scan { above, below, direction, rows }).await
    };
    use Direction::{Falling, Rising};
    let id = |commit: usize, index: usize| Some(commits[commit][index].id);
    assert_eq!(list(id(1, 9), id(4, 0), Rising, 50).await.expect("two files"), commits[2..4].concat());
    assert_eq!(list(id(2, 4), None, Rising, 5).await.expect("one file"), commits[2][5..]);
    assert_eq!(list(None, id(4, 0), Falling, 10).await.expect("one file").last(), commits[3].first());
    assert_eq!(list(None, None, Falling, 10).await.expect("the tail").last(), commits[5].first());
    assert_eq!(list(id(4, 9), None, Rising, 50).await.expect("the tail"), commits[5]);
    assert_eq!(list(id(5, 9), None, Rising, 50).await.expect("nothing"), []);
    assert_eq!(list(None, None, Falling, 40).await.expect("three files").last(), commits[2].first());
    list(None, None, Falling, 41).await.expect_err("the second file is gone");
    list(None, None, Rising, 1).await.expect_err("the oldest file is gone");
}
