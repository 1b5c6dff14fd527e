//! Several records of one request: one commit, one outcome each; and the three kinds side by side.

use std::sync::Arc;

use annals_core::event::NewEvent;
use annals_core::ids::{ApiRequestId, CommitNumber, EnvironmentId, FeedEventId};
use annals_core::limits::GROUP_RECORDS_MAX;
use annals_core::record::{NewApiRequest, NewFeedEvent, ObjectText, RequestActor, RequestActorKind, RequestFacts, RequestTarget};

use super::{NoRules, append_of, in_tail, open, organization};
use crate::clock::MovedClock;
use crate::commit_log::{Append, Appended, NewRecord, Together};

fn feed_event(name: &str) -> NewRecord {
    let data = ObjectText::of_value(&serde_json::json!({"object": "user", "email": null})).expect("an object");
    NewRecord::FeedEvent(NewFeedEvent { organization: None, name: name.parse().expect("a name"), data, context: None })
}

fn api_request(path: &str) -> NewRecord {
    let request = RequestFacts {
        action: "vm.create".to_owned(),
        actor: RequestActor { id: "user_1".to_owned(), kind: RequestActorKind::User, name: None },
        client_ip: "203.0.113.7".to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        status_code: 201,
        user_agent: Some("curl".to_owned()),
        target: Some(RequestTarget { id: "vm_1".to_owned(), kind: "vm".to_owned() }),
    };
    NewRecord::ApiRequest(NewApiRequest { organization: Some(organization(1)), created_at: None, request })
}

fn append_record(record: NewRecord) -> Append {
    Append { environment: EnvironmentId::from_parts(1, 1), record, key: None }
}

#[tokio::test]
async fn three_kinds_come_into_one_commit_and_are_there_after_a_start() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    let group = vec![
        append_of(organization(1), "a", None),
        append_record(feed_event("user.created")),
        append_record(api_request("/v1/vms")),
        append_of(organization(1), "b", None),
    ];
    let outcomes = log.append_all(group, Together::Each).await.expect("stored");
    let places: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Appended::Stored(place) => place,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(places.is_sorted() && places.iter().all(|place| place.commit() == places[0].commit()));
    let check = |log: &crate::commit_log::CommitLog| {
        let commits = log.tail().commits();
        assert_eq!((commits.len(), log.tail().size().records), (1, 4));
        assert_eq!(in_tail(log, organization(1)), [("a".to_owned(), 0), ("b".to_owned(), 1)]);
        assert_eq!(commits[0].feed_events[0].id, FeedEventId::from(places[1]));
        assert_eq!(commits[0].feed_events[0].event.data.as_str(), r#"{"email":null,"object":"user"}"#);
        assert_eq!(commits[0].api_requests[0].id, ApiRequestId::from(places[2]));
        assert_eq!(commits[0].api_requests[0].created_at, commits[0].received_at);
    };
    check(&log);
    log.close().await;
    check(&open(folder.path(), &clock, CommitNumber::ZERO).await);
}

#[tokio::test]
async fn a_reused_key_leaves_out_only_itself_or_its_whole_group() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    log.append(append_of(organization(1), "a", Some("used"))).await.expect("stored");
    let group = || {
        vec![
            append_of(organization(1), "b", Some("new")),
            append_of(organization(1), "a", Some("used")),
            append_of(organization(1), "other", Some("used")),
            append_of(organization(1), "b", Some("new")),
        ]
    };
    let told = log.append_all(group(), Together::AllOrNone).await.expect("an answer");
    assert_eq!(told, [Appended::LeftOut, Appended::Replayed, Appended::KeyReused, Appended::LeftOut]);
    assert_eq!(in_tail(&log, organization(1)), [("a".to_owned(), 0)]);
    let told = log.append_all(group(), Together::Each).await.expect("an answer");
    assert!(matches!(told[..], [Appended::Stored(_), Appended::Replayed, Appended::KeyReused, Appended::Replayed]), "{told:?}");
    assert_eq!(in_tail(&log, organization(1)), [("a".to_owned(), 0), ("b".to_owned(), 1)]);
    // Nothing of a group that was left out counts as seen.
    log.close().await;
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    let told = log.append_all(group(), Together::AllOrNone).await.expect("an answer");
    assert_eq!(told, [Appended::Replayed, Appended::Replayed, Appended::KeyReused, Appended::Replayed]);
}

/// The bound of the tail is one of memory, wherever in an event its texts stand.
#[tokio::test]
async fn members_that_nobody_knows_count_in_the_tail() {
    let folder = tempfile::tempdir().expect("temp folder");
    let log = open(folder.path(), &Arc::new(MovedClock::default()), CommitNumber::ZERO).await;
    let mut expected = 0;
    for holder in ["actor", "targets/0", "context"] {
        let mut body = serde_json::json!({"organization_id": organization(1).to_string(), "event": {
            "action": "user.signed_in", "occurred_at": "2022-08-29T19:47:52.336Z", "actor": {"type": "user", "id": "a"},
            "targets": [{"type": "team", "id": "t1"}], "context": {"location": "1.2.3.4"},
        }});
        body.pointer_mut(&format!("/event/{holder}")).expect("a member")["more"] = "x".repeat(10_000).into();
        let event = NewEvent::parse(body.to_string().as_bytes()).expect("a good event").check(&NoRules).expect("no rules");
        log.append(append_record(NewRecord::AuditEvent { organization: organization(1), event })).await.expect("stored");
        expected += 10_000;
        assert!(log.tail().size().bytes > expected, "{holder}: {:?}", log.tail().size());
    }
}

/// Groups of both sorts and single records at once: each is whole, and a key counts once over all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_beside_each_other_are_whole() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = Arc::new(open(folder.path(), &clock, CommitNumber::ZERO).await);
    let groups = (0..60u32).map(|n| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let together = if n % 2 == 0 { Together::AllOrNone } else { Together::Each };
            let own = (0..20).map(|i| append_of(organization(1), &format!("{n}-{i}"), None));
            // Ten groups share a key, and each comes with another body.
            let shared = append_of(organization(1), &format!("{n}-shared"), Some(&format!("key{}", n % 6)));
            log.append_all(own.chain([shared]).collect(), together).await.expect("an answer")
        })
    });
    let outcomes: Vec<_> =
        futures::future::join_all(groups).await.into_iter().map(|outcome| outcome.expect("no panic")).collect();
    let stored = |outcome: &&Appended| matches!(outcome, Appended::Stored(_));
    let mut expected = 0;
    for (n, outcome) in outcomes.iter().enumerate() {
        let own = outcome[..20].iter().filter(stored).count();
        match outcome[20] {
            Appended::Stored(_) => assert_eq!(own, 20, "{n}"),
            Appended::KeyReused if n % 2 == 0 => assert_eq!(own, 0, "{n}"),
            Appended::KeyReused => assert_eq!(own, 20, "{n}"),
            other => panic!("{n}: {other:?}"),
        }
        expected += outcome.iter().filter(stored).count();
    }
    assert_eq!(outcomes.iter().filter(|outcome| stored(&&outcome[20])).count(), 6);
    let events = in_tail(&log, organization(1));
    assert_eq!(events.len(), expected);
    assert!(events.iter().map(|(_, seq)| *seq).eq(0..expected as u64));
}

#[tokio::test]
async fn the_largest_group_is_one_commit_and_a_larger_one_is_refused() {
    let folder = tempfile::tempdir().expect("temp folder");
    let clock = Arc::new(MovedClock::default());
    let log = open(folder.path(), &clock, CommitNumber::ZERO).await;
    let group = |records: usize| vec![append_of(organization(1), "a", None); records];
    assert_eq!(log.append_all(group(GROUP_RECORDS_MAX), Together::Each).await.expect("stored").len(), GROUP_RECORDS_MAX);
    assert_eq!(log.append_all(Vec::new(), Together::Each).await.expect("nothing"), []);
    log.append_all(group(GROUP_RECORDS_MAX + 1), Together::Each).await.expect_err("too many");
    log.close().await;
    assert_eq!(in_tail(&open(folder.path(), &clock, CommitNumber::ZERO).await, organization(1)).len(), GROUP_RECORDS_MAX);
}
