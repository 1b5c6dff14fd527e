//! One key: replayed, refused, waited for, freed, expired.

use super::*;
use crate::clock::MovedClock;
use crate::tenants::fixtures::{World, environment_scope, organization_scope};

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

fn check_replays(begun: Result<Begun, AnswerError>, status: u16) {
    match begun {
        Ok(Begun::Replay(answer)) => assert_eq!((answer.status, answer.body.as_slice()), (status, b"{}".as_slice())),
        other => panic!("expected a replay: {other:?}"),
    }
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_another_body_is_refused() {
    let (answers, _world) = answers().await;
    first(&answers, "key").await.finish(201, b"{}".to_vec()).await.expect("stored");
    check_replays(begin(&answers, "key", 1).await, 201);
    assert!(matches!(begin(&answers, "key", 2).await, Err(AnswerError::KeyReused)));
    drop(first(&answers, "other key").await);
}

#[tokio::test]
async fn keys_belong_to_a_path_and_an_owner() {
    let (answers, _world) = answers().await;
    first(&answers, "key").await.finish(201, b"{}".to_vec()).await.expect("stored");
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
    let (answers, _world) = answers().await;
    drop(first(&answers, "key").await);
    first(&answers, "key").await.finish(200, b"{}".to_vec()).await.expect("stored");
    check_replays(begin(&answers, "key", 1).await, 200);
    assert!(answers.running.lock().expect("unpoisoned").is_empty());
}

#[tokio::test]
async fn answers_count_for_a_day() {
    let (answers, world) = answers().await;
    let clock: &MovedClock = &world.clock;
    first(&answers, "key").await.finish(201, b"{}".to_vec()).await.expect("stored");
    clock.advance(LIFETIME - Duration::from_micros(1));
    check_replays(begin(&answers, "key", 1).await, 201);
    clock.advance(Duration::from_micros(1));
    first(&answers, "key").await.finish(200, b"{}".to_vec()).await.expect("stored");
    check_replays(begin(&answers, "key", 1).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_execute_once() {
    let (answers, _world) = answers().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let answers = answers.clone();
        calls.spawn(async move {
            match begin(&answers, "key", 1).await.expect("begun") {
                Begun::Replay(answer) => {
                    assert_eq!(answer.status, 201);
                    false
                }
                Begun::First(in_flight) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    in_flight.finish(201, b"{}".to_vec()).await.expect("stored");
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
