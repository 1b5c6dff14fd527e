//! The disk of the data folder fills up while events are recorded, flushed, sealed, merged and exported: first to the reserve, then to the
//! last byte, then the process dies and starts on it. Then there is space again.

use std::time::Duration;

use annals_client::Client;
use annals_core::time::Micros;
use annals_core::wire::{CreateApiKey, CreateExport, CreateOrganization, Moment};

use crate::client::{client, create_schemas, http, metric, wait_until_ready};
use crate::failure::{Doing, Failure};
use crate::mount::Disk;
use crate::report::Report;
use crate::run::Run;
use crate::server::{KEY, Plan, Server, Start};
use crate::writers::{Order, Writers, verify};

const DISK_MIB: u32 = 96;
const RESERVE_MIB: u32 = 16;
const WRITERS: u32 = 16;
const PATIENCE: Duration = Duration::from_secs(90);
const FIRST: Duration = Duration::from_secs(2);
/// How long the disk stays full: some flushes are tried.
const FULL: Duration = Duration::from_secs(3);

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    report.count("full disks", 0);
    for round in 0..run.rounds {
        let (name, place) = (format!("data{round}"), run.path(&format!("disk{round}")));
        // Disks in memory and real file systems fill up differently; without a reserve the database itself meets the end of the disk.
        let (disk, reserve_mib) = match round % 2 {
            0 => (Disk::in_memory(&place, DISK_MIB).await?, RESERVE_MIB),
            _ => (Disk::image(&place, &run.path(&format!("image{round}")), DISK_MIB).await?, 0),
        };
        let plan = Plan::new(run, &name)?.on(&place.join("data"));
        let plan = plan.flag("--flush-events", 1000).flag("--flush-seconds", 1).flag("--disk-reserve-mib", reserve_mib);
        Round { run, round, plan, disk, reserve_mib, http: http()? }.carry_out(report).await?;
    }
    Ok(())
}

struct Round<'r> {
    run: &'r Run,
    round: u32,
    plan: Plan,
    disk: Disk,
    reserve_mib: u32,
    http: reqwest::Client,
}

impl Round<'_> {
    async fn carry_out(&self, report: &mut Report) -> Result<(), Failure> {
        let server = self.plan.start().await?;
        let admin = client(&server.url)?;
        create_schemas(&admin).await?;
        let organization = admin
            .organizations()
            .create(&CreateOrganization { name: "full".to_owned(), ..CreateOrganization::default() })
            .await
            .doing("cannot make one")?
            .id;
        let writers = Writers::start(&self.http, self.order(&server, &organization));
        tokio::time::sleep(FIRST).await;

        if self.reserve_mib > 0 {
            // Less than the reserve: records are refused, and everything else works.
            self.disk.fill(u64::from(self.reserve_mib) << 19)?;
            let refused = writers.wait_for_more(503, 50, PATIENCE).await;
            report.check(refused, || "a nearly full disk refuses nothing".to_owned());
            self.check_not_ready(&server, report).await?;
            self.check_reads(&server, &organization, report).await?;
            check_changes(&admin, &organization, report).await;
        }

        // To the last byte.
        self.disk.fill(0)?;
        report.count("full disks", 1);
        let export = admin.exports().create(&everything(&organization)).await;
        report.check(writers.wait_for_more(503, 20, PATIENCE).await, || "a full disk refuses nothing".to_owned());
        tokio::time::sleep(FULL).await;
        self.check_reads(&server, &organization, report).await?;
        self.check_not_ready(&server, report).await?;
        let taken = writers.answered(200);
        tokio::time::sleep(Duration::from_millis(500)).await;
        report.check(writers.answered(200) == taken, || "a full disk takes events".to_owned());

        // Space again: by itself.
        self.disk.empty()?;
        report
            .check(writers.wait_for_more(200, 100, PATIENCE).await, || format!("no event is taken again\n{}", server.log_end()));
        wait_until_ready(&self.http, &server.url).await?;
        if let Ok(export) = export {
            let ready = admin.exports().wait_until_ready(&export.id, PATIENCE).await;
            report.check(ready.is_ok(), || format!("the export: {:?}", ready.err()));
        }

        // Full at once, without a warning, and killed.
        self.disk.fill(0)?;
        let refused = writers.wait_for_more(503, 20, PATIENCE).await;
        report.check(refused, || "a full disk refuses nothing".to_owned());
        server.kill().await?;
        self.check_start_on_full_disk(report).await?;
        self.disk.empty()?;
        let server = self.plan.start().await?;
        report
            .check(writers.wait_for_more(200, 100, PATIENCE).await, || format!("no event is taken again\n{}", server.log_end()));
        wait_until_ready(&self.http, &server.url).await?;
        let (order, tally) = writers.finish(PATIENCE, report).await?;
        verify(&self.http, &order, &tally, report).await?;
        server.stop().await?;
        let server = self.plan.start().await?;
        verify(&self.http, &order, &tally, report).await?;
        server.stop().await
    }

    fn order(&self, server: &Server, organization: &str) -> Order {
        Order {
            url: server.url.clone(),
            key: KEY.to_owned(),
            organization: organization.to_owned(),
            name: "full",
            seed: self.run.seed.wrapping_add(u64::from(self.round)),
            writers: WRITERS,
            pause: Duration::ZERO,
        }
    }

    /// A start on a full disk either serves what it has, or says in a line why it does not.
    async fn check_start_on_full_disk(&self, report: &mut Report) -> Result<(), Failure> {
        match self.plan.try_start().await? {
            Start::Ready(server) => server.kill().await,
            Start::Ended(status, log) => {
                let last = log.lines().last().unwrap_or_default();
                let told = last.contains("full") || last.contains("No space left");
                report.check(told && !status.success(), || format!("a start on a full disk ends with {status}: {last}"));
                Ok(())
            }
        }
    }

    async fn check_reads(&self, server: &Server, organization: &str, report: &mut Report) -> Result<(), Failure> {
        for path in [
            format!("/v1/audit_log_events?organization_id={organization}&limit=100"),
            format!("/v1/audit_log_events/stats?organization_id={organization}&interval=month"),
            format!("/organizations/{organization}"),
            "/events?events=*".to_owned(),
        ] {
            let answer = self.http.get(format!("{}{path}", server.url)).bearer_auth(KEY).send().await.doing("cannot read")?;
            let status = answer.status();
            let text = answer.text().await.unwrap_or_default();
            report.check(status == 200, || format!("GET {path} on a full disk: {status} {text}"));
        }
        Ok(())
    }

    async fn check_not_ready(&self, server: &Server, report: &mut Report) -> Result<(), Failure> {
        let answer = self.http.get(format!("{}/ready", server.url)).send().await.doing("cannot ask /ready")?;
        let status = answer.status();
        report.check(status == 503, || format!("/ready on a full disk: {status}"));
        let free = metric(&self.http, &server.url, "annals_disk_free_bytes").await?;
        report.check(free.is_some(), || "no metric says how much is free".to_owned());
        Ok(())
    }
}

fn everything(organization: &str) -> CreateExport {
    CreateExport {
        organization_id: organization.to_owned(),
        range_start: Moment(Micros::saturating(0)),
        range_end: Moment(Micros::saturating(4_000_000_000_000_000)),
        actions: Vec::new(),
        actors: Vec::new(),
        actor_names: Vec::new(),
        actor_ids: Vec::new(),
        targets: Vec::new(),
    }
}

/// What makes room, or takes next to none.
async fn check_changes(admin: &Client, organization: &str, report: &mut Report) {
    let key = CreateApiKey { name: "to be deleted".to_owned(), permissions: None, expires_at: None };
    match admin.api_keys().create(organization, &key).await {
        Ok(key) => {
            let deleted = admin.api_keys().delete(&key.key.id).await;
            report.check(deleted.is_ok(), || format!("a key cannot be deleted on a nearly full disk: {:?}", deleted.err()));
        }
        Err(error) => report.fault(format!("a key cannot be made on a nearly full disk: {error}")),
    }
}
