//! The lake becomes read-only, full, or vanishes with its file system, while events are recorded; also while the server starts.

use std::path::PathBuf;
use std::time::Duration;

use annals_core::wire::CreateOrganization;

use crate::client::{client, create_schemas, http, metric, wait_until_ready};
use crate::failure::{Doing, Failure};
use crate::mount::Disk;
use crate::report::Report;
use crate::run::Run;
use crate::server::{KEY, Plan, Server, Start};
use crate::writers::{Order, Writers, verify};

const WRITERS: u32 = 8;
const TAIL_RECORDS_MAX: u32 = 4000;
const LAKE_MIB: u32 = 48;
const PATIENCE: Duration = Duration::from_secs(90);
const FIRST: Duration = Duration::from_secs(3);

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    for round in 0..run.rounds {
        let (store, lake) = (run.path(&format!("store{round}")), run.path(&format!("lake{round}")));
        let disk = Disk::in_memory(&store, LAKE_MIB).await?;
        let plan = Plan::new(run, &format!("data{round}"))?
            .flag("--lake-url", format!("file://{}", lake.display()))
            .flag("--tail-records-max", TAIL_RECORDS_MAX)
            .flag("--flush-events", 500)
            .flag("--flush-seconds", 1)
            .flag("--disk-reserve-mib", 1);
        Round { run, round, plan, disk, store, lake, http: http()? }.carry_out(report).await?;
    }
    Ok(())
}

struct Round<'r> {
    run: &'r Run,
    round: u32,
    plan: Plan,
    /// What the lake is on.
    disk: Disk,
    store: PathBuf,
    lake: PathBuf,
    http: reqwest::Client,
}

impl Round<'_> {
    async fn carry_out(&self, report: &mut Report) -> Result<(), Failure> {
        let view = Disk::view(&self.lake, &self.store).await?;
        let server = self.plan.start().await?;
        let admin = client(&server.url)?;
        create_schemas(&admin).await?;
        let organization = admin
            .organizations()
            .create(&CreateOrganization { name: "away".to_owned(), ..CreateOrganization::default() })
            .await
            .doing("cannot make one")?
            .id;
        let writers = Writers::start(&self.http, self.order(&server, &organization));
        tokio::time::sleep(FIRST).await;

        view.set("remount,bind,ro").await?;
        self.goes_on_to_the_bound("read-only", &server, &writers, report).await?;
        self.check_page(&server, &organization, true, "a read-only lake", report).await?;
        view.set("remount,bind,rw").await?;
        self.catches_up("read-only", &server, &writers, report).await?;

        self.disk.fill(0)?;
        self.goes_on_to_the_bound("full", &server, &writers, report).await?;
        self.check_page(&server, &organization, true, "a full lake", report).await?;
        self.disk.empty()?;
        self.catches_up("full", &server, &writers, report).await?;

        drop(view);
        self.goes_on_to_the_bound("gone", &server, &writers, report).await?;
        self.check_page(&server, &organization, false, "a lake that is gone", report).await?;
        self.check_nothing_beneath("a flush", report)?;
        let view = Disk::view(&self.lake, &self.store).await?;
        self.catches_up("gone", &server, &writers, report).await?;

        server.kill().await?;
        let (server, _view) = self.restarts(view, &writers, report).await?;
        let (order, tally) = writers.finish(PATIENCE, report).await?;
        verify(&self.http, &order, &tally, report).await?;
        server.stop().await
    }

    fn order(&self, server: &Server, organization: &str) -> Order {
        Order {
            url: server.url.clone(),
            key: KEY.to_owned(),
            organization: organization.to_owned(),
            name: "away",
            seed: self.run.seed.wrapping_add(u64::from(self.round)),
            writers: WRITERS,
            pause: Duration::ZERO,
        }
    }

    async fn goes_on_to_the_bound(
        &self,
        how: &'static str,
        server: &Server,
        writers: &Writers,
        report: &mut Report,
    ) -> Result<(), Failure> {
        report.count(how, 1);
        report.check(writers.wait_for_more(200, 200, PATIENCE).await, || format!("{how}: recording does not go on"));
        report.check(writers.wait_for_more(503, 50, PATIENCE).await, || format!("{how}: no bound is reached"));
        let records = metric(&self.http, &server.url, "annals_tail_records").await?.unwrap_or_default();
        let bound = f64::from(TAIL_RECORDS_MAX);
        // What was on its way when the bound was reached is still taken.
        report.check((bound..bound * 1.5).contains(&records), || format!("{how}: {records} records wait at the bound {bound}"));
        let takes = metric(&self.http, &server.url, "annals_lake_takes_records").await?;
        report.check(takes == Some(0.0), || format!("{how}: annals_lake_takes_records is {takes:?}"));
        let answer = self.http.get(format!("{}/ready", server.url)).send().await.doing("cannot ask /ready")?;
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        report.check(status == 503 && text.contains("lake"), || format!("{how}: /ready says {status} {text}"));
        Ok(())
    }

    async fn catches_up(
        &self,
        how: &'static str,
        server: &Server,
        writers: &Writers,
        report: &mut Report,
    ) -> Result<(), Failure> {
        report.check(writers.wait_for_more(200, 500, PATIENCE).await, || {
            format!("{how}: nothing is taken when the lake is back\n{}", server.log_end())
        });
        wait_until_ready(&self.http, &server.url).await?;
        let takes = metric(&self.http, &server.url, "annals_lake_takes_records").await?;
        report.check(takes == Some(1.0), || format!("{how}: annals_lake_takes_records is {takes:?} when it is back"));
        Ok(())
    }

    /// What needs a lake that is gone is an error that says so, never an answer with less in it.
    async fn check_page(
        &self,
        server: &Server,
        organization: &str,
        reachable: bool,
        what: &str,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let newest = format!("/v1/audit_log_events?organization_id={organization}&limit=10");
        let all = format!("/v1/audit_log_events/stats?organization_id={organization}&interval=month");
        for (path, expected) in [(newest, 200), (all, if reachable { 200 } else { 503 })] {
            let answer = self.http.get(format!("{}{path}", server.url)).bearer_auth(KEY).send().await.doing("cannot read")?;
            let status = answer.status();
            let text = answer.text().await.unwrap_or_default();
            report.check(status == expected, || format!("{what}: GET {path} is {status}, not {expected}: {text}"));
        }
        Ok(())
    }

    /// What is written into the empty folder below a mount is lost as soon as the mount is back.
    fn check_nothing_beneath(&self, who: &str, report: &mut Report) -> Result<(), Failure> {
        let found = std::fs::read_dir(&self.lake).doing("cannot list the mount point")?.count();
        report.check(found == 0, || format!("{who} wrote {found} things into the folder below the lake's mount"));
        Ok(())
    }

    /// Read-only lakes are enough to start; a lake that is gone is not, and a start says so without making another one.
    async fn restarts(&self, view: Disk, writers: &Writers, report: &mut Report) -> Result<(Server, Disk), Failure> {
        // As a process that was killed leaves it: now nobody can remove it.
        std::fs::write(self.store.join("_staged_0#1"), "half a file").doing("cannot leave a staged file")?;
        view.set("remount,bind,ro").await?;
        let server = self.plan.start().await?;
        report
            .check(writers.wait_for_more(200, 50, PATIENCE).await, || "started on a read-only lake, it takes nothing".to_owned());
        server.kill().await?;
        drop(view);
        match self.plan.try_start().await? {
            Start::Ready(server) => {
                report.fault("a start without its lake succeeds".to_owned());
                server.kill().await?;
            }
            Start::Ended(status, log) => {
                let last = log.lines().last().unwrap_or_default();
                report
                    .check(last.contains("lake") && !status.success(), || format!("a start without its lake: {status}: {last}"));
            }
        }
        self.check_nothing_beneath("a start", report)?;
        let view = Disk::view(&self.lake, &self.store).await?;
        let server = self.plan.start().await?;
        wait_until_ready(&self.http, &server.url).await?;
        Ok((server, view))
    }
}
