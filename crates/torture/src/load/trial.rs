//! One server on one folder through many deaths: clients that write, consumers that follow, an export, and the checks after each start
//! and at the end.

use std::collections::HashSet;

use annals_client::Client;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::Load;
use super::audit_walk::AuditWalk;
use super::exports::Running;
use super::others::{check_all_or_none, check_api_requests, check_feed, check_organizations};
use super::watchers::Watchers;
use crate::client::{client, http, wait_until_ready};
use crate::failure::Failure;
use crate::report::Report;
use crate::run::Run;
use crate::server::{Plan, Server};

pub struct Trial {
    pub load: Load,
    client: Client,
    http: reqwest::Client,
    walk: AuditWalk,
    watchers: Watchers,
    export: Option<Running>,
    random: StdRng,
}

impl Trial {
    /// On a server that has just been started for the first time. Its clients wait.
    pub async fn prepare(run: &Run, server: &Server, writers: u32, report: &mut Report) -> Result<Self, Failure> {
        for what in ["acknowledged", "lost", "doubled"] {
            report.count(what, 0);
        }
        Ok(Self {
            load: Load::prepare(run, &server.url, writers).await?,
            client: client(&server.url)?,
            http: http()?,
            walk: AuditWalk::default(),
            watchers: Watchers::start(&server.url).await?,
            export: None,
            random: run.random("exports"),
        })
    }

    /// A server has started: the clients go on, and everything that was acknowledged before is there.
    pub async fn go_on(&mut self, server: &Server, report: &mut Report) -> Result<(), Failure> {
        self.load.up();
        wait_until_ready(&self.http, &server.url).await?;
        self.walk.go_on(&self.client, &self.load.ledger, report).await?;
        self.finish_export(report).await
    }

    /// Of whatever organization; [`Trial::go_on`] looks what became of it.
    pub async fn begin_export(&mut self) -> Result<(), Failure> {
        let organization = self.load.organizations.choose(&mut self.random).cloned().unwrap_or_default();
        self.export = Running::begin(&self.client, &self.load.ledger, &organization).await?;
        Ok(())
    }

    async fn finish_export(&mut self, report: &mut Report) -> Result<(), Failure> {
        match self.export.take() {
            Some(running) => running.finish(&self.client, &self.load.ledger, report).await,
            None => Ok(()),
        }
    }

    /// Everybody learns what became of what they sent; then all is read and compared, twice: `server` ends, and `plan` starts another.
    pub async fn finish(mut self, plan: &Plan, server: Server, report: &mut Report) -> Result<(), Failure> {
        wait_until_ready(&self.http, &server.url).await?;
        self.load.settle().await?;
        self.finish_export(report).await?;
        let ledger = &self.load.ledger;
        self.walk.go_on(&self.client, ledger, report).await?;
        let feed = self.check_others(report).await?;
        self.watchers.check(&feed, &self.walk.ids, report).await;
        let flushes = server.log_text().matches("flushed to the lake").count();
        server.stop().await?;
        let server = plan.start().await?;
        let mut again = AuditWalk::default();
        again.go_on(&self.client, ledger, report).await?;
        let (first, second) = (self.walk.ids.len(), again.ids.len());
        report.check(again.ids == self.walk.ids, || {
            format!("{first} events at first, {second} after a start, or in another order")
        });
        server.stop().await?;
        let numbers = ledger.numbers();
        for (what, count) in [
            ("acknowledged", numbers.acknowledged),
            ("sent", numbers.sent),
            ("requests unanswered", numbers.unanswered),
            ("answered later", numbers.resolved),
            ("given up", numbers.given_up),
            ("repeated", numbers.repeated),
            ("other bodies refused", numbers.changed_refused),
            ("organizations", ledger.organizations().len() as u64),
            ("flushes", flushes as u64),
        ] {
            report.count(what, count);
        }
        Ok(())
    }

    /// The ids of the feed.
    async fn check_others(&self, report: &mut Report) -> Result<Vec<String>, Failure> {
        let ledger = &self.load.ledger;
        let (feed, in_feed) = check_feed(&self.client, ledger, report).await?;
        let in_requests: HashSet<String> = check_api_requests(&self.client, ledger, report).await?;
        check_organizations(&self.client, ledger, report).await?;
        let found =
            |marker: &str| self.walk.seen.contains_key(marker) || in_feed.contains(marker) || in_requests.contains(marker);
        check_all_or_none(ledger, found, report);
        Ok(feed)
    }
}
