//! One key: replayed, refused, waited for, freed, expired.

use super::*;
use crate::clock::MovedClock;
use crate::store::faulty::{FAULTS, Faulty};
use crate::tenants::fixtures::{World, environment_scope, here, organization_scope};
use crate::tenants::{NewOrganization, Organization, RetentionDays, Tenants};

const REQUEST: &str = "POST /organizations";

async fn answers() -> (Answers, World) {
    let world = World::new().await;
    (Answers::new(Arc::clone(&world.store), Arc::clone(&world.clock) as Arc<dyn Clock>), world)
}

async fn begin(answers: &Answers, key: &str, body: u8) -> Result<Begun, AnswerError> {
    answers.begin(&environment_scope(1), REQUEST, key, [body; 32]).await
}

async fn first(answers: &Answers, key: &str) -> InFlight {
    match begin(answers, key, 1).await {
        Ok(Begun::First(in_flight)) => in_flight,
        other => panic!("expected the first request: {other:?}"),
    }
}

async fn keep(world: &World, in_flight: InFlight, status: u16) {
    let KeptAnswer { key, answer } = in_flight.kept(status, b"{}".to_vec());
    world.store.put_answer(&key, &answer).await.expect("stored");
}

fn check_replays(begun: Result<Begun, AnswerError>, status: u16) {
    check_replays_of(begun, status, b"{}");
}

fn check_replays_of(begun: Result<Begun, AnswerError>, status: u16, body: &[u8]) {
    match begun {
        Ok(Begun::Replay(answer)) => assert_eq!((answer.status, answer.body.as_slice()), (status, body)),
        other => panic!("expected a replay: {other:?}"),
    }
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_another_body_is_refused() {
    let (answers, world) = answers().await;
    keep(&world, first(&answers, "key").await, 201).await;
    check_replays(begin(&answers, "key", 1).await, 201);
    assert!(matches!(begin(&answers, "key", 2).await, Err(AnswerError::KeyReused)));
    drop(first(&answers, "other key").await);
}

#[tokio::test]
async fn keys_belong_to_a_path_and_an_owner() {
    let (answers, world) = answers().await;
    keep(&world, first(&answers, "key").await, 201).await;
    for (scope, request) in [
        (environment_scope(1), "POST /organizations/x"),
        (environment_scope(2), REQUEST),
        (organization_scope(1, 1), REQUEST),
        (organization_scope(1, 2), REQUEST),
    ] {
        let begun = answers.begin(&scope, request, "key", [1; 32]).await;
        assert!(matches!(begun, Ok(Begun::First(_))), "{scope:?} {request}");
    }
}

#[tokio::test]
async fn an_unfinished_request_frees_its_key() {
    let (answers, world) = answers().await;
    drop(first(&answers, "key").await);
    keep(&world, first(&answers, "key").await, 200).await;
    check_replays(begin(&answers, "key", 1).await, 200);
    assert!(answers.running.lock().expect("unpoisoned").is_empty());
}

#[tokio::test]
async fn answers_count_for_a_day() {
    let (answers, world) = answers().await;
    let clock: &MovedClock = &world.clock;
    keep(&world, first(&answers, "key").await, 201).await;
    clock.advance(LIFETIME - Duration::from_micros(1));
    check_replays(begin(&answers, "key", 1).await, 201);
    clock.advance(Duration::from_micros(1));
    keep(&world, first(&answers, "key").await, 200).await;
    check_replays(begin(&answers, "key", 1).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_execute_once() {
    let (answers, world) = answers().await;
    let world = Arc::new(world);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (answers, world) = (answers.clone(), Arc::clone(&world));
        calls.spawn(async move {
            match begin(&answers, "key", 1).await.expect("begun") {
                Begun::Replay(answer) => {
                    assert_eq!(answer.status, 201);
                    false
                }
                Begun::First(in_flight) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    keep(&world, in_flight, 201).await;
                    true
                }
            }
        });
    }
    let executed = calls.join_all().await.into_iter().filter(|executed| *executed).count();
    assert_eq!(executed, 1);
}

#[tokio::test]
async fn waiting_ends() {
    let (answers, _world) = answers().await;
    let key = AnswerKey { environment: environment_scope(1).environment_id(), digest: [1; 32] };
    let wait = Duration::from_millis(30);
    let held = answers.begin_within(wait, key.clone(), [1; 32]).await.expect("begun");
    let refused = answers.begin_within(wait, key.clone(), [1; 32]).await;
    assert!(matches!(refused, Err(AnswerError::Unavailable { .. })), "{refused:?}");
    drop(held);
    assert!(matches!(answers.begin_within(wait, key, [1; 32]).await, Ok(Begun::First(_))));
}

/// What the store says of the change is not what became of it; a retry is the only one who learns.
#[tokio::test]
async fn whenever_the_store_fails_a_retry_gets_the_answer_or_finds_nothing_done() {
    for fault in FAULTS {
        let world = World::new().await;
        let store = Arc::new(Faulty::new(Arc::clone(&world.store)));
        let clock = || Arc::clone(&world.clock) as Arc<dyn Clock>;
        let answers = Answers::new(Arc::clone(&store) as Arc<dyn Store>, clock());
        let tenants = Tenants::new(Arc::clone(&store) as Arc<dyn Store>, clock(), RetentionDays::ONE_YEAR, Arc::default());
        let create = async |in_flight: InFlight| {
            let new =
                NewOrganization { name: "Foo".to_owned(), external_id: Some("foo".to_owned()), ..NewOrganization::default() };
            let kept = |created: &Organization| Some(in_flight.kept(201, created.id.to_string().into_bytes()));
            tenants.create_organization(&here(), new, &kept).await
        };
        store.arm("insert_organization", 1, fault);
        create(first(&answers, "key").await).await.expect_err("a fault");
        let answered = match begin(&answers, "key", 1).await.expect("begun") {
            Begun::Replay(answer) => String::from_utf8(answer.body).expect("an id"),
            Begun::First(in_flight) => create(in_flight).await.expect("created").id.to_string(),
        };
        let made = tenants.organization_by_external_id(&environment_scope(1), "foo").await.expect("one");
        assert_eq!(answered, made.id.to_string(), "{fault:?}");
        check_replays_of(begin(&answers, "key", 1).await, 201, answered.as_bytes());
    }
}
