//! A whole engine for tests, with one organization, one action, and as many events as wanted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_core::event::NewEvent;
use annals_core::ids::{ExportId, OrganizationId};
use annals_core::secret::ApiKeySecret;
use annals_core::time::Micros;
use futures::TryStreamExt;

use crate::clock::MovedClock;
use crate::doctor;
use crate::exports::{DownloadError, ExportFilter, ExportState};
use crate::jobs::FlushSettings;
use crate::page::{ListQuery, Order};
use crate::place::Place;
use crate::read::Filter;
use crate::store::unkept;
use crate::tenants::{NewOrganization, NewSchema, Scope, TargetSchema};
use crate::{Clock, Engine, Settings};

pub const KEY: &str = "sk_test_jobs_0123456789";
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub struct Running {
    pub engine: Engine,
    pub scope: Scope,
}

impl Running {
    pub async fn open(folder: &Path, clock: &Arc<MovedClock>, flush_events: usize) -> Self {
        let mut settings = Settings::on(folder);
        settings.first_key = ApiKeySecret::from_text(KEY);
        settings.flush = FlushSettings { records: flush_events, age: DAY };
        let engine = Engine::open(settings, Arc::clone(clock) as Arc<dyn Clock>).await.unwrap().engine;
        let scope = engine.tenants().authenticate(KEY).await.unwrap().expect("the first key");
        Self { engine, scope }
    }

    pub async fn found(&self) -> OrganizationId {
        let environment = self.scope.environment().unwrap();
        let targets = vec![TargetSchema { kind: "team".to_owned(), metadata: None }];
        let schema = NewSchema { targets, ..NewSchema::default() };
        self.engine.tenants().create_schema(&environment, "user.signed_in", schema, &unkept).await.unwrap();
        let new = NewOrganization { name: "Acme".to_owned(), ..NewOrganization::default() };
        self.engine.tenants().create_organization(&environment, new, &unkept).await.unwrap().id
    }

    pub async fn record(&self, organization: OrganizationId, actor: usize) {
        self.append(organization, actor, None).await;
    }

    /// With an idempotency key of its own.
    pub async fn record_once(&self, organization: OrganizationId, actor: usize) {
        self.append(organization, actor, Some(&format!("key of {actor}"))).await;
    }

    async fn append(&self, organization: OrganizationId, actor: usize, key: Option<&str>) {
        let event = NewEvent::parse(
            format!(
                r#"{{"organization_id":"{organization}","event":{{"action":"user.signed_in","occurred_at":"2026-01-01",
                "actor":{{"id":"a{actor}","type":"user"}},"targets":[{{"id":"t","type":"team"}}],"context":{{"location":""}}}}}}"#
            )
            .as_bytes(),
        );
        self.engine.append(&self.scope, event.unwrap(), key).await.unwrap();
    }

    /// The seqs of all events, oldest first.
    pub async fn seqs(&self, organization: OrganizationId) -> Vec<u64> {
        let filter = Filter::of(organization);
        let mut seqs = Vec::new();
        let mut after = None;
        loop {
            let query = ListQuery { limit: 100, before: None, after, order: Order::Asc };
            let page = self.engine.audit_events().list(&self.scope, filter.clone(), &query).await.unwrap();
            seqs.extend(page.items.iter().map(|event| event.seq));
            after = page.after;
            if after.is_none() {
                return seqs;
            }
        }
    }

    pub async fn export(&self, organization: OrganizationId) -> ExportId {
        let scope = self.engine.tenants().organization_scope(&self.scope, organization).await.unwrap();
        let filter = ExportFilter {
            range_start: Micros::saturating(i64::MIN),
            range_end: Micros::saturating(i64::MAX),
            actions: Vec::new(),
            actor_names: Vec::new(),
            actor_ids: Vec::new(),
            targets: Vec::new(),
        };
        self.engine.exports().create(&scope, filter, &unkept).await.unwrap().id
    }

    pub async fn wait_for(&self, id: ExportId, state: ExportState) {
        for _ in 0..1000 {
            if self.engine.exports().get(&self.scope, id).await.unwrap().state == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{id} never gets {state:?}");
    }

    /// The actors of the rows, in order.
    pub async fn rows(&self, id: ExportId) -> Result<Vec<String>, DownloadError> {
        let export = self.engine.exports().get(&self.scope, id).await.unwrap();
        let ticket = self.engine.exports().ticket(&export).unwrap();
        let holder = self.engine.exports().verify(id, &ticket).await?;
        let parts: Vec<_> = self.engine.exports().download(id, &holder).await?.stream.try_collect().await.unwrap();
        let bytes = parts.concat();
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        Ok(reader.records().map(|row| row.unwrap()[4].to_owned()).collect())
    }
}

pub fn actors(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("a{n}")).collect()
}

/// Nothing is wrong with an installation.
pub async fn check_healthy(data: &Path) {
    struct Healthy;
    impl doctor::Watch for Healthy {
        fn begin(&self, _: doctor::Part, _: u64) {}
        fn advance(&self, _: u64) {}
        fn found(&self, finding: &doctor::Finding) {
            panic!("{finding:?}");
        }
    }
    doctor::examine(&Place::on(data), &Healthy).await.unwrap();
}
