//! Whatever is read is the naive answer over everything that was ever committed, wherever the events are.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use annals_core::event::{CommittedEvent, MetadataText, NormalEvent, Party};
use annals_core::ids::{AuditEventId, EnvironmentId, OrganizationId, ShardId};
use annals_core::json::{self, Json};
use annals_core::time::Micros;
use futures::TryStreamExt;
use proptest::prelude::*;

use super::{ActionPattern, AuditTrailFilter, Batches, Between, Filter, Reader, Select, Selection, Snapshot};
use crate::lake::columns::to_events;
use crate::lake::testing::{NOW, Sequencer, event, organization, shard, url};
use crate::lake::{Lake, LakeSettings};
use crate::store::listing::{Direction, Scan};

const HOUR: i64 = 60 * 60 * 1_000_000;

fn environment(number: u128) -> EnvironmentId {
    EnvironmentId::from_parts(1_600_000_000_000, number)
}

async fn lake(folder: &std::path::Path) -> Lake {
    Lake::open(&url(folder), LakeSettings::default()).await.expect("a lake")
}

async fn collect(batches: Batches) -> Vec<CommittedEvent> {
    let batches: Vec<_> = batches.try_collect().await.expect("readable");
    batches.iter().flat_map(|batch| to_events(batch).expect("our own rows")).collect()
}

/// The contract in plain words.
fn passes(selection: &Selection, committed: &CommittedEvent) -> bool {
    let (filter, event) = (&selection.filter, &committed.event);
    let any = |wanted: &[String], is: &dyn Fn(&str) -> bool| wanted.is_empty() || wanted.iter().any(|text| is(text));
    let action = |pattern: &ActionPattern| match pattern {
        ActionPattern::Exact(name) => event.action == *name,
        ActionPattern::Prefix(prefix) => event.action.starts_with(prefix.as_str()),
    };
    let keys: std::collections::BTreeSet<_> = filter.metadata.iter().map(|(key, _)| key).collect();
    let has = |key: &String| filter.metadata.iter().any(|(k, value)| k == key && metadata(event, key).as_ref() == Some(value));
    committed.environment == selection.environment
        && filter.organization.is_none_or(|organization| organization == committed.organization)
        && filter.occurred.contains(&event.occurred_at)
        && filter.received.contains(&committed.received_at)
        && (filter.actions.is_empty() || filter.actions.iter().any(action))
        && any(&filter.actor_ids, &|text| event.actor.id == text)
        && any(&filter.actor_names, &|text| event.actor.name.as_deref() == Some(text))
        && any(&filter.actor_types, &|text| event.actor.kind == text)
        && any(&filter.target_ids, &|text| event.targets.iter().any(|target| target.id == text))
        && any(&filter.target_types, &|text| event.targets.iter().any(|target| target.kind == text))
        && any(&filter.target_names, &|text| event.targets.iter().any(|target| target.name.as_deref() == Some(text)))
        && any(&filter.locations, &|text| event.context.location.as_deref() == Some(text))
        && keys.into_iter().all(has)
        && filter.search.as_ref().is_none_or(|search| texts(committed).iter().any(|text| text.contains(&search.to_lowercase())))
        && filter.audit_trail.as_ref().is_none_or(|marks| is_marked(event, marks))
}

fn metadata(event: &NormalEvent, key: &str) -> Option<String> {
    match event.metadata.as_ref()?.to_value().get(key)? {
        serde_json::Value::String(text) => Some(text.clone()),
        value @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => Some(value.to_string()),
        _ => None,
    }
}

/// Every text of an event, lower-cased.
fn texts(committed: &CommittedEvent) -> Vec<String> {
    fn leaves(value: serde_json::Value, all: &mut Vec<String>) {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => all.push(text),
            serde_json::Value::Array(items) => items.into_iter().for_each(|item| leaves(item, all)),
            serde_json::Value::Object(members) => members.into_iter().for_each(|(_, value)| leaves(value, all)),
            other => all.push(other.to_string()),
        }
    }
    let event = &committed.event;
    let mut all = vec![committed.id.to_string(), committed.organization.to_string(), event.action.clone()];
    all.extend(event.context.location.iter().chain(&event.context.user_agent).cloned());
    for party in std::iter::once(&event.actor).chain(&event.targets) {
        all.extend([party.id.clone(), party.kind.clone()].into_iter().chain(party.name.clone()));
        party.metadata.iter().for_each(|metadata| leaves(metadata.to_value(), &mut all));
        party.extra.iter().for_each(|(_, text)| leaves(serde_json::from_str(text).expect("JSON"), &mut all));
    }
    event.context.extra.iter().for_each(|(_, text)| leaves(serde_json::from_str(text).expect("JSON"), &mut all));
    event.metadata.iter().for_each(|metadata| leaves(metadata.to_value(), &mut all));
    all.iter().map(|text| text.to_lowercase()).collect()
}

fn is_marked(event: &NormalEvent, marks: &AuditTrailFilter) -> bool {
    let mark = event.context.extra.iter().find(|(name, _)| name == "annals.audit_trail");
    mark.is_some_and(|(_, text)| {
        let mark: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let has = |name: &str, wanted: &[String]| wanted.is_empty() || wanted.iter().any(|text| mark[name] == **text);
        has("group", &marks.groups) && has("action_type", &marks.action_types)
    })
}

fn word() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "a.b", "", "é\"", "%_", "a.*"]).prop_map(str::to_owned)
}

/// Also values that are no texts, and objects that only look like the member that is looked for.
fn metadata_text() -> impl Strategy<Value = Option<MetadataText>> {
    let values = vec![
        r#""a""#,
        r#""É\"""#,
        r#""{\"k\":\"a\"}""#,
        "true",
        "-5",
        "1.5",
        r#"{"k":"a"}"#,
        r#"["A",null]"#,
        r#"{"a":{"k":true}}"#,
    ];
    let member = (proptest::sample::select(vec!["k", "b"]), proptest::sample::select(values));
    proptest::collection::vec(member, 0..3).prop_map(|members| {
        let members: std::collections::BTreeMap<_, _> = members.into_iter().collect();
        let value = |text: &'static str| json::parse(text.as_bytes()).expect("JSON");
        MetadataText::from_members(members.into_iter().map(|(key, text)| (key.into(), value(text))).collect())
    })
}

fn mark() -> impl Strategy<Value = Vec<(String, String)>> {
    let mark = (word(), word()).prop_map(|(group, kind)| {
        let text = |text: String| Json::String(text.into()).canonical();
        vec![("annals.audit_trail".to_owned(), format!(r#"{{"action_type":{},"group":{}}}"#, text(kind), text(group)))]
    });
    let other = Just(vec![("other".to_owned(), r#""annals.audit_trail""#.to_owned())]);
    prop_oneof![3 => Just(Vec::new()), 2 => mark, 1 => other]
}

fn party() -> impl Strategy<Value = Party> {
    (word(), word(), proptest::option::of(word()), metadata_text()).prop_map(|(id, kind, name, metadata)| Party {
        id,
        kind,
        name,
        metadata,
        extra: Vec::new(),
    })
}

fn small_event() -> impl Strategy<Value = NormalEvent> {
    let targets = proptest::collection::vec(party(), 0..3);
    (word(), party(), targets, proptest::option::of(word()), metadata_text(), mark(), -9..9_i64).prop_map(
        |(action, actor, targets, location, metadata, marks, hours)| {
            let mut event = event(0);
            (event.action, event.actor, event.targets, event.metadata) = (action, actor, targets, metadata);
            (event.context.location, event.context.extra) = (location, marks);
            event.occurred_at = Micros::saturating(NOW + hours * HOUR);
            event
        },
    )
}

fn between() -> impl Strategy<Value = Between> {
    let bound = || {
        (-10..40_i64, 0..7).prop_map(|(hours, kind)| match kind {
            0 => Bound::Included(Micros::saturating(NOW + hours * HOUR)),
            1 => Bound::Excluded(Micros::saturating(NOW + hours * HOUR)),
            _ => Bound::Unbounded,
        })
    };
    (bound(), bound())
}

/// Most conditions are absent, or nothing would pass all of them.
fn selection() -> impl Strategy<Value = Selection> {
    let words = || prop_oneof![6 => Just(Vec::new()), 1 => proptest::collection::vec(word(), 1..3)];
    let pattern = word().prop_map(|text| ActionPattern::from_text(&text));
    let actions = prop_oneof![4 => Just(Vec::new()), 1 => proptest::collection::vec(pattern, 1..3)];
    let value = proptest::sample::select(vec!["a", "true", "-5", "1.5", "É\""]).prop_map(str::to_owned);
    let pair = (proptest::sample::select(vec!["k", "b"]).prop_map(str::to_owned), value);
    let metadata = prop_oneof![4 => Just(Vec::new()), 1 => proptest::collection::vec(pair, 1..3)];
    let search = proptest::sample::select(vec!["a.B", "É", "é\"", "true", "k", "{", "-5", "zz"]).prop_map(str::to_owned);
    let trail = (words(), words()).prop_map(|(groups, action_types)| AuditTrailFilter { groups, action_types });
    let owner = (0..8_u128, proptest::option::weighted(0.6, 0..5_u64));
    let lists = (words(), words(), words(), words(), words(), words(), words());
    let rest = (metadata, proptest::option::weighted(0.2, search), proptest::option::weighted(0.2, trail));
    (owner, between(), between(), actions, lists, rest).prop_map(
        |((environment_number, owner), occurred, received, actions, lists, rest)| {
            let (actor_ids, actor_names, actor_types, target_ids, target_types, target_names, locations) = lists;
            let (metadata, search, audit_trail) = rest;
            let organization = owner.map(organization);
            Selection {
                // Nearly always the one that has events.
                environment: environment(if environment_number == 0 { 2 } else { 1 }),
                filter: Filter {
                    organization,
                    occurred,
                    received,
                    actions,
                    actor_ids,
                    actor_names,
                    actor_types,
                    target_ids,
                    target_types,
                    target_names,
                    locations,
                    metadata,
                    search,
                    audit_trail,
                },
            }
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

/// Which page: bounds as positions among all events, direction and rows.
fn page() -> impl Strategy<Value = (Option<usize>, Option<usize>, bool, u32)> {
    let position = || proptest::option::weighted(0.4, 0..200_usize);
    (position(), position(), any::<bool>(), prop_oneof![1..6_u32, 1..300_u32])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn everything_that_is_read_is_the_naive_answer(
        steps in proptest::collection::vec(step(), 1..30),
        selections in proptest::collection::vec(selection(), 24),
        pages in proptest::collection::vec(page(), 6),
        unreleased in 0..2_usize,
        overlapping in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(check(steps, selections, pages, unreleased, overlapping))?;
    }
}

/// `unreleased`: how many flushed commits the tail still has, as between a flush and its release. `overlapping`: another shard
/// writes into the same lake, so that files overlap in their ids.
async fn check(
    steps: Vec<Step>,
    selections: Vec<Selection>,
    pages: Vec<(Option<usize>, Option<usize>, bool, u32)>,
    unreleased: usize,
    overlapping: bool,
) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake(folder.path()).await;
    let mut sequencer = Sequencer::default();
    let (mut all, mut commits, mut of_another) = (Vec::new(), Vec::<Arc<[CommittedEvent]>>::new(), Vec::new());
    let mut flushed = 0;
    for (number, step) in steps.into_iter().enumerate() {
        let mut commit = sequencer.commit(step.after, step.events);
        if overlapping && number % 2 == 0 {
            commit.iter_mut().for_each(move_to_another_shard);
            of_another.extend_from_slice(&commit);
        } else {
            commits.push(commit.clone().into());
        }
        all.extend(commit);
        if step.flush {
            flush(&lake, &std::mem::take(&mut of_another)).await;
            flush(&lake, &commits[flushed..].concat()).await;
            flushed = commits.len();
        }
    }
    flush(&lake, &of_another).await;
    all.sort_by_key(|event| event.id);
    let tail = commits.split_off(flushed.saturating_sub(unreleased));
    let snapshot = Snapshot::new(shard(), tail, lake.audit_events.snapshot());
    let reader = Reader::new(&lake.audit_events).expect("a reader");
    for selection in selections {
        let expected: Vec<_> = all.iter().filter(|event| passes(&selection, event)).cloned().collect();
        let query = reader.query(selection.clone()).expect("a filter");
        let mut found = collect(reader.scan(&snapshot, &query, &[])).await;
        if selection.filter.organization.is_none() || overlapping {
            found.sort_by_key(|event| event.id);
        }
        prop_assert_eq!(ids(&found), ids(&expected), "{:?}", selection);
        prop_assert_eq!(&found, &expected, "{:?}", selection);
        for (above, below, rising, rows) in &pages {
            let id = |position: &Option<usize>| position.and_then(|at| all.get(at)).map(|event| event.id);
            let direction = if *rising { Direction::Rising } else { Direction::Falling };
            let scan = Scan { above: id(above), below: id(below), direction, rows: *rows };
            let found = reader.nearest(&snapshot, &query, scan).await.expect("readable");
            let expected = naive_page(&expected, scan);
            prop_assert_eq!(ids(&found), ids(&expected), "{:?} {:?}", selection, scan);
            prop_assert_eq!(found, expected, "{:?} {:?}", selection, scan);
        }
    }
    by_id(&reader, &snapshot, &all).await
}

fn move_to_another_shard(event: &mut CommittedEvent) {
    let (id, another) = (event.id, ShardId::new(7));
    event.id =
        AuditEventId::of_commit(id.millis(), another, id.commit(), u16::from_be_bytes([id.to_bytes()[14], id.to_bytes()[15]]));
}

async fn flush(lake: &Lake, events: &[CommittedEvent]) {
    if let Some(last) = events.last() {
        lake.audit_events.append(last.id.shard(), last.id.commit(), events.to_vec()).await.expect("a flush");
    }
}

fn ids(events: &[CommittedEvent]) -> Vec<AuditEventId> {
    events.iter().map(|event| event.id).collect()
}

fn naive_page(expected: &[CommittedEvent], scan: Scan<AuditEventId>) -> Vec<CommittedEvent> {
    let inside = |event: &&CommittedEvent| {
        scan.above.is_none_or(|above| event.id > above) && scan.below.is_none_or(|below| event.id < below)
    };
    let mut inside: Vec<_> = expected.iter().filter(inside).cloned().collect();
    if scan.direction == Direction::Falling {
        inside.reverse();
    }
    inside.truncate(scan.rows as usize);
    inside
}

async fn by_id(reader: &Reader, snapshot: &Snapshot, all: &[CommittedEvent]) -> Result<(), TestCaseError> {
    let everything = |number, organization| Selection {
        environment: environment(number),
        filter: Filter { organization, ..Filter::everything() },
    };
    for event in all.iter().step_by(5) {
        for (number, organization, visible) in
            [(1, None, true), (1, Some(event.organization), true), (1, Some(organization(9)), false), (2, None, false)]
        {
            let found = reader.by_id(snapshot, &everything(number, organization), event.id).await.expect("readable");
            prop_assert_eq!(found.as_ref(), visible.then_some(event));
        }
        let unknown = AuditEventId::of_commit(event.id.millis(), shard(), event.id.commit(), u16::MAX);
        prop_assert_eq!(reader.by_id(snapshot, &everything(1, None), unknown).await.expect("readable"), None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_on_columns_and_lists_are_decided_while_decoding() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake(folder.path()).await;
    let events = Sequencer::default().commit(1, (0..100).map(|n| (organization(n % 7), event(n))).collect());
    lake.audit_events.append(shard(), events[0].id.commit(), events).await.expect("a flush");
    let filter = Filter {
        actor_ids: vec!["user_8".into()],
        target_types: vec!["team".into()],
        actions: vec![ActionPattern::from_text("user.*")],
        metadata: vec![("k".into(), "v".into())],
        audit_trail: Some(AuditTrailFilter::default()),
        ..Filter::of(organization(1))
    };
    let reader = Reader::new(&lake.audit_events).expect("a reader");
    let selection = Selection { environment: environment(1), filter };
    let plan =
        reader.lake_plan(lake.audit_events.snapshot().files().to_vec(), selection.expression(), &[]).await.expect("a plan");
    let text = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
    assert!(!text.contains("FilterExec"), "{text}");
    for function in ["array_has_any", "metadata_has", "is_of_audit_trail"] {
        assert!(text.contains(function), "{text}");
    }
}

/// The newest page of a long history opens the newest file only.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_on_the_page_are_not_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake(folder.path()).await;
    let mut sequencer = Sequencer::default();
    let mut ids = Vec::new();
    for _ in 0..12 {
        let events = sequencer.commit(HOUR, (0..30).map(|n| (organization(n % 3), event(n))).collect());
        ids.extend(events.iter().map(|event| event.id));
        lake.audit_events.append(shard(), events[0].id.commit(), events).await.expect("a flush");
    }
    let files = lake.audit_events.snapshot().files().to_vec();
    for file in &files[1..files.len() - 1] {
        std::fs::remove_file(folder.path().join("audit_events").join(&file.path)).expect("a file");
    }
    let reader = Reader::new(&lake.audit_events).expect("a reader");
    let query = reader.query(Selection { environment: environment(1), filter: Filter::everything() }).expect("a filter");
    let snapshot = Snapshot::new(shard(), [], lake.audit_events.snapshot());
    let scan = |direction, above, below| Scan { above, below, direction, rows: 30 };
    for (scan, expected) in [
        (scan(Direction::Falling, None, None), &ids[330..]),
        (scan(Direction::Rising, None, None), &ids[..30]),
        (scan(Direction::Rising, Some(ids[340]), None), &ids[341..]),
        (scan(Direction::Falling, None, Some(ids[7])), &ids[..7]),
    ] {
        let mut found: Vec<_> =
            reader.nearest(&snapshot, &query, scan).await.expect("readable").iter().map(|event| event.id).collect();
        found.sort();
        assert_eq!(found, expected, "{scan:?}");
    }
    reader.nearest(&snapshot, &query, scan(Direction::Falling, None, Some(ids[340]))).await.expect_err("the next file is gone");
}

/// More rows than a row group, a chunk of conditions and a page of ids have: what is left out on the way must not be missing.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_large_files_are_the_naive_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake(folder.path()).await;
    let mut sequencer = Sequencer::default();
    let mut all = Vec::new();
    for _ in 0..2 {
        // One organization has nine rows of ten.
        let owner = |n: u64| organization(if n.is_multiple_of(10) { n / 10 % 7 } else { 3 });
        let commits: Vec<_> = (0..4)
            .map(|c| sequencer.commit(HOUR, (0..20_000).map(|n| (owner(n), event(n * (c + 1) % 9973))).collect()))
            .collect();
        flush(&lake, &commits.concat()).await;
        all.extend(commits.concat());
    }
    let (reader, snapshot) =
        (Reader::new(&lake.audit_events).expect("a reader"), Snapshot::new(shard(), [], lake.audit_events.snapshot()));
    for (owner, actors) in
        [(3, vec![]), (3, vec!["user_17"]), (3, vec!["user_9000", "user_1"]), (5, vec![]), (5, vec!["user_50"]), (9, vec![])]
    {
        let actor_ids = actors.into_iter().map(str::to_owned).collect();
        let selection =
            Selection { environment: environment(1), filter: Filter { actor_ids, ..Filter::of(organization(owner)) } };
        let expected: Vec<_> = all.iter().filter(|event| passes(&selection, event)).cloned().collect();
        let query = reader.query(selection.clone()).expect("a filter");
        for (above, below) in
            [(None, None), (None, Some(70_001)), (Some(90_000), None), (Some(30_000), Some(130_017)), (Some(5), Some(6))]
        {
            for (direction, rows) in [(Direction::Falling, 50), (Direction::Rising, 50), (Direction::Falling, 3000)] {
                let id = |at: Option<usize>| at.map(|at| all[at].id);
                let scan = Scan { above: id(above), below: id(below), direction, rows };
                let found = reader.nearest(&snapshot, &query, scan).await.expect("readable");
                assert!(found == naive_page(&expected, scan), "{selection:?} {scan:?}: {} rows", found.len());
            }
        }
    }
}

/// One thread: whoever does not pause keeps everybody else waiting.
#[tokio::test]
async fn others_have_their_turn_while_a_long_tail_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = lake(folder.path()).await;
    let tail: Arc<[_]> = Sequencer::default().commit(1, (0..20_000).map(|n| (organization(0), event(n % 50))).collect()).into();
    let snapshot = Snapshot::new(shard(), [tail], lake.audit_events.snapshot());
    let reader = Reader::new(&lake.audit_events).expect("a reader");
    let filter = Filter { actor_ids: vec!["nobody".to_owned()], ..Filter::everything() };
    let query = reader.query(Selection { environment: environment(1), filter }).expect("a filter");
    let turns = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            loop {
                turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    let scan = Scan { above: None, below: None, direction: Direction::Falling, rows: 100 };
    assert_eq!(reader.nearest(&snapshot, &query, scan).await.expect("readable"), []);
    let of_page = turns.swap(0, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(collect(reader.scan(&snapshot, &query, &[])).await, []);
    let of_scan = turns.load(std::sync::atomic::Ordering::Relaxed);
    counter.abort();
    assert!(of_page > 3 && of_scan > 3, "{of_page} {of_scan}");
}
