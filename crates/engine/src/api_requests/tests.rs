//! The log over restarts and flushes of a whole engine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_core::record::{NewApiRequest, RequestActor, RequestActorKind, RequestFacts};
use annals_core::secret::ApiKeySecret;

use super::{Entry, OwnRequest, Receipt, RequestFilter, Requester, RequestsQuery, Sort};
use crate::clock::MovedClock;
use crate::tenants::{RefusedKey, Scope};
use crate::{Clock, Engine, FlushSettings, Settings};

const KEY: &str = "sk_test_api_requests_0123456789";

async fn open(folder: &Path, clock: &Arc<MovedClock>, flush_records: usize) -> (Engine, Scope) {
    let mut settings = Settings::on(folder);
    settings.first_key = ApiKeySecret::from_text(KEY);
    settings.flush = FlushSettings { records: flush_records, age: Duration::from_secs(24 * 60 * 60) };
    let engine = Engine::open(settings, Arc::clone(clock) as Arc<dyn Clock>).await.unwrap().engine;
    let scope = engine.tenants().authenticate(KEY).await.unwrap().expect("the first key");
    (engine, scope)
}

fn entry(action: &str, key: Option<&str>) -> Entry {
    let request = RequestFacts {
        action: action.to_owned(),
        actor: RequestActor { id: "u".to_owned(), kind: RequestActorKind::User, name: None },
        client_ip: "::1".to_owned(),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        status_code: 200,
        user_agent: None,
        target: None,
    };
    let request = NewApiRequest { organization: None, created_at: None, request };
    Entry { organization: None, request, idempotency_key: key.map(str::to_owned) }
}

fn own(action: &str) -> OwnRequest {
    OwnRequest {
        action: action.to_owned(),
        client_ip: "::1".to_owned(),
        method: "POST".to_owned(),
        path: "/".to_owned(),
        status_code: 201,
        user_agent: None,
        target: None,
        organization: None,
    }
}

/// Newest first.
async fn actions(engine: &Engine, scope: &Scope) -> Vec<String> {
    let query = RequestsQuery { filter: RequestFilter::default(), sort: Sort::default(), beside: None, limit: 100 };
    let page = engine.api_requests().list(scope, &query).await.unwrap();
    assert_eq!((page.total, page.has_before, page.has_after), (page.items.len() as u64, false, false));
    page.items.into_iter().map(|item| item.request.action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_and_their_keys_outlive_restarts_and_flushes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(MovedClock::default());
    let mut expected = Vec::new();
    for (round, flush_records) in [("a", 1_000_000), ("b", 1), ("c", 1_000_000)] {
        let (engine, scope) = open(folder.path(), &clock, flush_records).await;
        assert_eq!(actions(&engine, &scope).await, expected, "after the restart before {round}");
        let first = engine.api_requests().publish(&scope, vec![entry("keyed", Some("k")), entry(round, None)]).await.unwrap();
        assert_eq!(matches!(first[0], Receipt::Stored(_)), round == "a", "the key is known from the first round on");
        if round == "a" {
            expected.insert(0, "keyed".to_owned());
        }
        expected.insert(0, round.to_owned());
        clock.advance(Duration::from_secs(1));
        engine.api_requests().record(Requester::Key(scope), own("own.write")).await.unwrap();
        expected.insert(0, "own.write".to_owned());
        clock.advance(Duration::from_secs(1));
        assert_eq!(actions(&engine, &scope).await, expected, "{round}");
        let Receipt::Stored(id) = first[1] else { panic!("{first:?}") };
        assert_eq!(engine.api_requests().get(&scope, id).await.unwrap().request.action, round);
        if flush_records == 1 {
            while engine.api_requests().log.tail().size().records > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(actions(&engine, &scope).await, expected, "out of the lake");
        }
        engine.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_recorded_in_the_first_environment() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(MovedClock::default());
    let (engine, scope) = open(folder.path(), &clock, 1_000_000).await;
    let (_, other) = engine.create_environment("other").await.unwrap();
    engine.close().await;
    drop(engine);
    // Also by an engine that found the installation and did not make it.
    let (engine, _) = open(folder.path(), &clock, 1_000_000).await;
    engine.api_requests().record(Requester::Refused(RefusedKey::UNKNOWN), own("authentication.failed")).await.unwrap();
    assert_eq!(actions(&engine, &scope).await, ["authentication.failed"]);
    let other = engine.tenants().authenticate(other.expose()).await.unwrap().expect("its key");
    assert!(actions(&engine, &other).await.is_empty());
    engine.close().await;
}
