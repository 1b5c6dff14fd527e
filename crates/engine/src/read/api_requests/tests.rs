//! A list of API requests is the naive filter and sort over everything that was ever committed, wherever the entries are.

use std::cmp::Ordering;
use std::sync::Arc;

use annals_core::ids::EnvironmentId;
use annals_core::record::{ApiRequest, NewApiRequest, RequestActor, RequestActorKind, RequestFacts, RequestTarget};
use annals_core::time::Micros;
use proptest::prelude::*;

use super::{Direction, Place, RequestFilter, RequestSelection, Side, Sort, SortField};
use crate::lake::testing::{NOW, Sequencer, api_request_of, environment, organization, shard, url};
use crate::lake::{Lake, LakeSettings};
use crate::read::{Reader, Snapshot};

const HOUR: i64 = 60 * 60 * 1_000_000;

#[derive(Debug, Clone)]
struct Step {
    requests: Vec<(EnvironmentId, NewApiRequest)>,
    after: i64,
    flush: bool,
}

fn word() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "", "é"]).prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["/v1/VMs/1", "/v1/vms/É%_", "/V2", "\\", "İ/ΑΣ"]).prop_map(str::to_owned)
}

fn actor_kind() -> impl Strategy<Value = RequestActorKind> {
    proptest::sample::select(&[RequestActorKind::User, RequestActorKind::ApiKey][..])
}

fn hour() -> impl Strategy<Value = Micros> {
    (-9..9_i64).prop_map(|hours| Micros::saturating(NOW + hours * HOUR))
}

fn small_request() -> impl Strategy<Value = (EnvironmentId, NewApiRequest)> {
    let method = proptest::sample::select(vec!["GET", "get", "POST"]);
    let target = proptest::option::of((word(), word()).prop_map(|(id, kind)| RequestTarget { id, kind }));
    let facts = (word(), word(), actor_kind(), word(), method, path(), 199..203_u16, target).prop_map(
        |(action, actor, kind, client_ip, method, path, status_code, target)| RequestFacts {
            action,
            actor: RequestActor { id: actor, kind, name: None },
            client_ip,
            method: method.to_owned(),
            path,
            status_code,
            target,
            ..api_request_of(0).request
        },
    );
    // Mostly one environment, so that some files are all its own.
    let number = prop_oneof![4 => Just(0_u64), 1 => 1..3_u64];
    (number, proptest::option::of(0..3_u64), proptest::option::of(hour()), facts).prop_map(
        |(number, about, created_at, request)| {
            (environment(number), NewApiRequest { organization: about.map(organization), created_at, request })
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let requests = proptest::collection::vec(small_request(), 1..12);
    (requests, 0..3 * HOUR, proptest::bool::weighted(0.3)).prop_map(|(requests, after, flush)| Step { requests, after, flush })
}

fn selection() -> impl Strategy<Value = RequestSelection> {
    let rarely = || proptest::option::weighted(0.15, word());
    let time = || proptest::option::weighted(0.3, hour());
    let status = || proptest::option::weighted(0.2, 198..204_u16);
    let part = proptest::sample::select(vec!["vms/", "/v", "%", "_", "\\", "é", "", "ας", "ασ", "i"]).prop_map(str::to_owned);
    let method = proptest::sample::select(vec!["GET", "POST"]).prop_map(str::to_owned);
    let about = proptest::option::weighted(0.2, (0..4_u64).prop_map(organization));
    let first = (about, rarely(), rarely(), proptest::option::weighted(0.2, actor_kind()), rarely());
    let second = (time(), time(), proptest::option::weighted(0.2, method), proptest::option::weighted(0.3, part));
    (0..3_u64, first, second, (status(), status()), (rarely(), rarely())).prop_map(
        |(
            number,
            (organization, action, actor_id, actor_type, client_ip),
            (created_at_min, created_at_max, method, path),
            (status_code_min, status_code_max),
            (target_id, target_type),
        )| RequestSelection {
            environment: environment(number),
            filter: RequestFilter {
                organization,
                action,
                actor_id,
                actor_type,
                client_ip,
                created_at_min,
                created_at_max,
                method,
                path,
                status_code_min,
                status_code_max,
                target_id,
                target_type,
            },
        },
    )
}

fn sort() -> impl Strategy<Value = Sort> {
    let fields = proptest::sample::subsequence(vec![SortField::CreatedAt, SortField::StatusCode], 1..=2).prop_shuffle();
    let directions = proptest::sample::select(&[Direction::Asc, Direction::Desc][..]);
    let sort = (fields, proptest::collection::vec(directions, 2));
    sort.prop_map(|(fields, directions)| Sort::new(fields.into_iter().zip(directions).collect()).expect("no field twice"))
}

/// The contract in plain words.
fn passes(selection: &RequestSelection, entry: &ApiRequest) -> bool {
    let (filter, facts) = (&selection.filter, &entry.request);
    let target = facts.target.clone().map(|target| (target.id, target.kind)).unzip();
    entry.environment == selection.environment
        && (filter.organization.is_none() || entry.organization == filter.organization)
        && filter.action.as_ref().is_none_or(|action| *action == facts.action)
        && filter.actor_id.as_ref().is_none_or(|id| *id == facts.actor.id)
        && filter.actor_type.is_none_or(|kind| kind == facts.actor.kind)
        && filter.client_ip.as_ref().is_none_or(|ip| *ip == facts.client_ip)
        && filter.created_at_min.is_none_or(|min| min <= entry.created_at)
        && filter.created_at_max.is_none_or(|max| entry.created_at <= max)
        && filter.method.as_ref().is_none_or(|method| *method == facts.method)
        && filter.path.as_ref().is_none_or(|part| facts.path.to_lowercase().contains(part))
        && filter.status_code_min.is_none_or(|min| min <= facts.status_code)
        && filter.status_code_max.is_none_or(|max| facts.status_code <= max)
        && (filter.target_id.is_none() || filter.target_id == target.0)
        && (filter.target_type.is_none() || filter.target_type == target.1)
}

fn compare(sort: &Sort, a: &ApiRequest, b: &ApiRequest) -> Ordering {
    let turn = |direction, ordering: Ordering| if direction == Direction::Asc { ordering } else { ordering.reverse() };
    for (field, direction) in sort.keys() {
        let ordering = match field {
            SortField::CreatedAt => a.created_at.cmp(&b.created_at),
            SortField::StatusCode => a.request.status_code.cmp(&b.request.status_code),
        };
        if ordering.is_ne() {
            return turn(*direction, ordering);
        }
    }
    turn(sort.keys().last().expect("not empty").1, a.id.cmp(&b.id))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn pages_one_after_the_other_are_the_naive_filter_and_sort_over_all_that_was_committed(
        steps in proptest::collection::vec(step(), 1..30),
        questions in proptest::collection::vec((selection(), sort(), 1..30_usize), 16),
        unreleased in 0..2_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(check_lists(steps, questions, unreleased))?;
    }
}

type Question = (RequestSelection, Sort, usize);

async fn check_lists(steps: Vec<Step>, questions: Vec<Question>, unreleased: usize) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    let mut commits: Vec<Arc<[ApiRequest]>> = Vec::new();
    let mut flushed = 0;
    for step in steps {
        commits.push(sequencer.requests(step.after, step.requests).into());
        if step.flush {
            let through = commits[commits.len() - 1][0].id.commit();
            lake.api_requests.append(shard(), through, commits[flushed..].concat()).await.expect("a flush");
            flushed = commits.len();
        }
    }
    let all = commits.concat();
    let tail = commits.split_off(flushed.saturating_sub(unreleased));
    let snapshot = Snapshot::new(shard(), tail, lake.api_requests.snapshot());
    let reader = Reader::new(&lake.api_requests).expect("a reader");
    for (selection, sort, limit) in questions {
        let mut expected: Vec<_> = all.iter().filter(|entry| passes(&selection, entry)).cloned().collect();
        expected.sort_by(|a, b| compare(&sort, a, b));
        let mut found = Vec::new();
        loop {
            let beside = found.last().map(|last| (Side::After, Place::of(last)));
            let page = reader.requests(&snapshot, &selection, &sort, beside, limit).await.expect("readable");
            prop_assert!(page.len() <= limit);
            found.extend_from_slice(&page);
            if page.len() < limit {
                break;
            }
        }
        prop_assert_eq!(&found, &expected, "{:?} {:?} {}", selection, sort, limit);
        if let Some(last) = found.pop() {
            let beside = Some((Side::Before, Place::of(&last)));
            let page = reader.requests(&snapshot, &selection, &sort, beside, limit).await.expect("readable");
            prop_assert_eq!(&page[..], &found[found.len().saturating_sub(limit)..], "{:?} {:?} {}", selection, sort, limit);
        }
        let count = reader.count_requests(&snapshot, &selection).await.expect("readable");
        prop_assert_eq!(count, expected.len() as u64, "{:?}", selection);
    }
    for entry in &all {
        for number in 0..3 {
            let found = reader.by_id(&snapshot, &everything(number), entry.id).await.expect("readable");
            prop_assert_eq!(found, Some(entry.clone()).filter(|entry| entry.environment == environment(number)));
        }
    }
    Ok(())
}

fn everything(number: u64) -> RequestSelection {
    RequestSelection { environment: environment(number), filter: RequestFilter::default() }
}

/// The newest entries are in the newest file, and nothing else is opened for them or counted by opening.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_opens_one_file_and_a_count_of_everything_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
    let mut sequencer = Sequencer::default();
    let mut newest = Vec::new();
    for number in 0..4 {
        let requests = (0..10).map(|n| (environment(1), api_request_of(10 * number + n))).collect();
        newest = sequencer.requests(HOUR, requests);
        lake.api_requests.append(shard(), newest[0].id.commit(), newest.clone()).await.expect("a flush");
    }
    let snapshot = Snapshot::new(shard(), [], lake.api_requests.snapshot());
    for file in &snapshot.lake.files()[..3] {
        std::fs::remove_file(folder.path().join("api_requests").join(&file.path)).expect("a file");
    }
    let reader = Reader::new(&lake.api_requests).expect("a reader");
    let list = async |limit| reader.requests(&snapshot, &everything(1), &Sort::default(), None, limit).await;
    newest.reverse();
    assert_eq!(list(10).await.expect("one file"), newest);
    list(11).await.expect_err("the file before is gone");
    assert_eq!(reader.count_requests(&snapshot, &everything(1)).await.expect("no file"), 40);
}
