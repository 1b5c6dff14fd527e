//! Every step × {failed and not done, failed but done} × {the process lives, the process dies}: each event reaches the feed exactly once,
//! in the order of the changes, and the outbox ends empty.

use std::path::Path;

use annals_core::ids::CommitNumber;

use super::*;
use crate::clock::{Clock, MovedClock};
use crate::commit_log::tests::{database, open_on};
use crate::store::conformance::fixtures::{HERE, environment, founding};
use crate::store::faulty::{FAULTS, Fault, Faulty};
use crate::store::unkept;
use crate::tenants::fixtures::here;
use crate::tenants::{NewOrganization, RetentionDays, Tenants};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Lives,
    /// The process is gone after the first failure; another one starts on the same folder.
    Dies,
}

struct Running {
    job: OutboxJob,
    tenants: Tenants,
}

async fn open(store: &Arc<dyn Store>, folder: &Path, clock: &Arc<MovedClock>) -> Running {
    let log = Arc::new(open_on(Arc::clone(store), folder, clock, CommitNumber::ZERO).await);
    let told = Arc::new(Notify::new());
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let tenants = Tenants::new(Arc::clone(store), clock, RetentionDays::ONE_YEAR, Arc::clone(&told));
    Running { job: OutboxJob { store: Arc::clone(store), log, told }, tenants }
}

impl Running {
    /// Names of the organizations whose creation the feed tells of, in order.
    fn feed(&self) -> Vec<String> {
        let commits = self.job.log.tail().commits();
        let events = commits.iter().flat_map(|commit| commit.feed_events.iter());
        let name = |event: &annals_core::record::FeedEvent| {
            assert_eq!((event.event.name.as_str(), event.environment), ("organization.created", environment(HERE)));
            let data: serde_json::Value = serde_json::from_str(event.event.data.as_str()).expect("JSON");
            data["name"].as_str().expect("a name").to_owned()
        };
        events.map(name).collect()
    }
}

const STEPS: &[&[(&str, u32)]] = &[
    &[],
    &[("outbox", 1)],
    &[("outbox", 1), ("outbox", 2)],
    &[("commit", 1)],
    &[("commit", 2)],
    &[("commit", 1), ("claim_shard", 1), ("claim_shard", 2), ("claim_shard", 3)],
    &[("clear_outbox", 1)],
    &[("clear_outbox", 1), ("outbox", 2), ("clear_outbox", 2)],
    &[("insert_organization", 1)],
    &[("insert_organization", 2), ("outbox", 1), ("commit", 1), ("clear_outbox", 1)],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_move() {
    for faults in STEPS {
        for fault in FAULTS {
            for then in [Then::Lives, Then::Dies] {
                check(faults, fault, then).await;
            }
        }
    }
}

async fn check(faults: &[(&'static str, u32)], fault: Fault, then: Then) {
    let case = format!("{faults:?} {fault:?} {then:?}");
    let (folder, clock) = (tempfile::tempdir().expect("temp folder"), Arc::new(MovedClock::default()));
    let sound = database(folder.path()).await;
    sound.found(&founding(HERE)).await.expect("founded");
    let faulty = Arc::new(Faulty::new(Arc::clone(&sound)));
    let store: Arc<dyn Store> = Arc::clone(&faulty) as _;
    let mut running = open(&store, folder.path(), &clock).await;
    for (method, nth) in faults {
        faulty.arm(method, *nth, fault);
    }
    let mut expected = Vec::new();
    for round in 0..3 {
        for n in 0..2 {
            let name = format!("{round}.{n}");
            let new = NewOrganization { name: name.clone(), ..NewOrganization::default() };
            let created = running.tenants.create_organization(&here(), new, &unkept).await;
            // The feed tells of what was stored, whatever the caller was told.
            if created.is_ok() || fault == Fault::StoredUnanswered {
                expected.push(name);
            }
        }
        let mut settled = false;
        for _ in 0..10 {
            match running.job.step().await {
                Ok(0) => settled = true,
                Ok(_) => {}
                Err(_) if then == Then::Dies => {
                    running.job.log.close().await;
                    running = open(&store, folder.path(), &clock).await;
                }
                Err(_) => {}
            }
        }
        assert!(settled, "{case}: round {round} never ends");
        assert_eq!(running.feed(), expected, "{case}: round {round}");
    }
    assert!(faulty.is_spent(), "{case}");
    running.job.log.close().await;
    let again = open(&sound, folder.path(), &clock).await;
    assert_eq!((again.feed(), sound.outbox(9).await.expect("read")), (expected, Vec::new()), "{case}");
    again.job.log.close().await;
}

/// What is too much for one step takes several, and nothing overtakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_move_in_order() {
    let (folder, clock) = (tempfile::tempdir().expect("temp folder"), Arc::new(MovedClock::default()));
    let store = database(folder.path()).await;
    store.found(&founding(HERE)).await.expect("founded");
    let running = open(&store, folder.path(), &clock).await;
    let mut expected = Vec::new();
    for n in 0..300 {
        let name = n.to_string();
        let new = NewOrganization { name: name.clone(), ..NewOrganization::default() };
        running.tenants.create_organization(&here(), new, &unkept).await.expect("created");
        expected.push(name);
    }
    let mut steps = Vec::new();
    while let Ok(moved @ 1..) = running.job.step().await {
        steps.push(moved);
    }
    assert_eq!(steps, [256, 44]);
    assert_eq!(running.feed(), expected);
    running.job.log.close().await;
}

#[test]
fn a_step_takes_what_fits_and_at_least_one() {
    let event = |bytes: usize| OutboxEvent {
        place: 1,
        environment: environment(HERE),
        event: annals_core::record::NewFeedEvent {
            organization: None,
            name: "a.b".parse().expect("a name"),
            data: annals_core::record::ObjectText::of_value(&serde_json::json!({"x": "x".repeat(bytes)})).expect("an object"),
            context: None,
        },
    };
    let large = 900_000;
    assert_eq!(fitting(&[]), 1);
    assert_eq!(fitting(&[event(1), event(2)]), 2);
    assert_eq!(fitting(&[event(large), event(large), event(large), event(large), event(large)]), 4);
}
