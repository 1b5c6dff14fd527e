//! The jobs on a whole engine: over restarts, and when time passes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_core::event::NewEvent;
use annals_core::ids::{ExportId, OrganizationId};
use annals_core::secret::ApiKeySecret;
use annals_core::time::Micros;
use futures::TryStreamExt;

use crate::clock::MovedClock;
use crate::exports::{DownloadError, ExportFilter, ExportState};
use crate::jobs::FlushSettings;
use crate::tenants::{NewOrganization, NewSchema, Scope, TargetSchema};
use crate::{Clock, Engine, Settings};

const KEY: &str = "sk_test_jobs_0123456789";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Running {
    engine: Engine,
    scope: Scope,
}

impl Running {
    async fn open(folder: &Path, clock: &Arc<MovedClock>, flush_events: usize) -> Self {
        let mut settings = Settings::on(folder);
        settings.first_key = ApiKeySecret::from_text(KEY);
        settings.flush = FlushSettings { records: flush_events, age: DAY };
        let engine = Engine::open(settings, Arc::clone(clock) as Arc<dyn Clock>).await.unwrap().engine;
        let scope = engine.tenants().authenticate(KEY).await.unwrap().expect("the first key");
        Self { engine, scope }
    }

    async fn found(&self) -> OrganizationId {
        let environment = self.scope.environment().unwrap();
        let targets = vec![TargetSchema { kind: "team".to_owned(), metadata: None }];
        let schema = NewSchema { targets, ..NewSchema::default() };
        self.engine.tenants().create_schema(&environment, "user.signed_in", schema).await.unwrap();
        let new = NewOrganization { name: "Acme".to_owned(), ..NewOrganization::default() };
        self.engine.tenants().create_organization(&environment, new).await.unwrap().id
    }

    async fn record(&self, organization: OrganizationId, actor: usize) {
        let event = NewEvent::parse(
            format!(
                r#"{{"organization_id":"{organization}","event":{{"action":"user.signed_in","occurred_at":"2026-01-01",
                "actor":{{"id":"a{actor}","type":"user"}},"targets":[{{"id":"t","type":"team"}}],"context":{{"location":""}}}}}}"#
            )
            .as_bytes(),
        );
        self.engine.append(&self.scope, event.unwrap(), None).await.unwrap();
    }

    async fn export(&self, organization: OrganizationId) -> ExportId {
        let scope = self.engine.tenants().organization_scope(&self.scope, organization).await.unwrap();
        let filter = ExportFilter {
            range_start: Micros::saturating(i64::MIN),
            range_end: Micros::saturating(i64::MAX),
            actions: Vec::new(),
            actor_names: Vec::new(),
            actor_ids: Vec::new(),
            targets: Vec::new(),
        };
        self.engine.exports().create(&scope, filter).await.unwrap().id
    }

    async fn wait_for(&self, id: ExportId, state: ExportState) {
        for _ in 0..1000 {
            if self.engine.exports().get(&self.scope, id).await.unwrap().state == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{id} never gets {state:?}");
    }

    /// The actors of the rows, in order.
    async fn rows(&self, id: ExportId) -> Result<Vec<String>, DownloadError> {
        let export = self.engine.exports().get(&self.scope, id).await.unwrap();
        let ticket = self.engine.exports().ticket(&export).unwrap();
        let holder = self.engine.exports().verify(id, &ticket).await?;
        let parts: Vec<_> = self.engine.exports().download(id, &holder).await?.stream.try_collect().await.unwrap();
        let bytes = parts.concat();
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        Ok(reader.records().map(|row| row.unwrap()[4].to_owned()).collect())
    }
}

fn actors(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("a{n}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_a_stop_interrupted_is_written_after_the_start() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let running = Running::open(folder.path(), &clock, 7).await;
    let organization = running.found().await;
    for actor in 0..20 {
        running.record(organization, actor).await;
    }
    let id = running.export(organization).await;
    running.engine.close().await;
    drop(running);
    let running = Running::open(folder.path(), &clock, 7).await;
    running.wait_for(id, ExportState::Ready).await;
    assert_eq!(running.rows(id).await.unwrap(), actors(20));
    running.engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_expires_after_its_days() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let running = Running::open(folder.path(), &clock, 1000).await;
    let organization = running.found().await;
    running.record(organization, 0).await;
    let id = running.export(organization).await;
    running.wait_for(id, ExportState::Ready).await;
    clock.advance(6 * DAY);
    assert_eq!(running.rows(id).await.unwrap(), actors(1));
    running.engine.close().await;
    drop(running);
    clock.advance(2 * DAY);
    let running = Running::open(folder.path(), &clock, 1000).await;
    running.wait_for(id, ExportState::Expired).await;
    assert!(matches!(running.rows(id).await, Err(DownloadError::Gone)));
    running.engine.close().await;
}

/// Whatever is in the lake and whatever is in the tail, a reader sees one log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_and_lake_are_one_while_it_flushes_and_over_starts() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(MovedClock::default()));
    let mut running = Running::open(folder.path(), &clock, 5).await;
    let organization = running.found().await;
    for round in 1..=4 {
        for actor in (round - 1) * 23..round * 23 {
            running.record(organization, actor).await;
        }
        let id = running.export(organization).await;
        running.wait_for(id, ExportState::Ready).await;
        assert_eq!(running.rows(id).await.unwrap(), actors(round * 23), "round {round}");
        if round % 2 == 0 {
            running.engine.close().await;
            drop(running);
            running = Running::open(folder.path(), &clock, 5).await;
        }
    }
    running.engine.close().await;
}
