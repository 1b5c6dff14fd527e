//! kill -9 at a random moment, again and again, under clients that remember what they were told. Small settings of the flush in most
//! rounds, so that the kills meet commits, flushes, merges, seals, releases and checkpoints.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::client::{client, http, wait_until_ready};
use crate::failure::Failure;
use crate::load::Load;
use crate::load::audit_walk::AuditWalk;
use crate::load::exports::Running;
use crate::load::others::{check_all_or_none, check_api_requests, check_feed, check_organizations};
use crate::load::watchers::Watchers;
use crate::report::Report;
use crate::run::Run;
use crate::server::Plan;

const WRITERS: u32 = 64;
const LIFE_MILLIS: std::ops::Range<u64> = 100..1200;
/// So many rounds in a hundred die while the server still starts.
const KILLED_EARLY: u32 = 15;

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    for what in ["acknowledged", "lost", "doubled"] {
        report.count(what, 0);
    }
    let plan = Plan::new(run, "data")?;
    let mut random = run.random("kills");
    let mut server = plan.start().await?;
    let mut load = Load::prepare(run, &server.url, WRITERS).await?;
    let watchers = Watchers::start(&server.url).await?;
    let (client, http) = (client(&server.url)?, http()?);
    let mut walk = AuditWalk::default();
    let mut export = None;
    for _ in 0..run.rounds {
        load.up();
        wait_until_ready(&http, &server.url).await?;
        walk.go_on(&client, &load.ledger, report).await?;
        if let Some(running) = Option::take(&mut export) {
            Running::finish(running, &client, &load.ledger, report).await?;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(LIFE_MILLIS))).await;
        let organization = load.organizations.choose(&mut random).cloned().unwrap_or_default();
        export = Running::begin(&client, &load.ledger, &organization).await?;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..60))).await;
        server.kill().await?;
        load.down();
        report.count("kills", 1);
        let plan = settings(&plan, &mut random);
        if random.random_ratio(KILLED_EARLY, 100) {
            plan.start_and_kill(Duration::from_millis(random.random_range(0..500))).await?;
            report.count("kills", 1);
        }
        server = plan.start().await?;
    }
    wait_until_ready(&http, &server.url).await?;
    load.settle().await?;
    if let Some(running) = export {
        running.finish(&client, &load.ledger, report).await?;
    }
    walk.go_on(&client, &load.ledger, report).await?;
    let (feed, feed_markers) = check_feed(&client, &load.ledger, report).await?;
    let requests = check_api_requests(&client, &load.ledger, report).await?;
    check_organizations(&client, &load.ledger, report).await?;
    let found = |marker: &str| walk.seen.contains_key(marker) || feed_markers.contains(marker) || requests.contains(marker);
    check_all_or_none(&load.ledger, found, report);
    watchers.check(&feed, &walk.ids, report).await;
    let flushes = server.log_text().matches("flushed to the lake").count();
    server.stop().await?;
    // Once more from the beginning, by a process that was not killed: the same events in the same places.
    let server = plan.start().await?;
    let mut again = AuditWalk::default();
    again.go_on(&client, &load.ledger, report).await?;
    report.check(again.ids == walk.ids, || format!("{} events at first, {} after a start", walk.ids.len(), again.ids.len()));
    server.stop().await?;
    let numbers = load.ledger.numbers();
    report.count("acknowledged", numbers.acknowledged);
    report.count("sent", numbers.sent);
    report.count("requests unanswered", numbers.unanswered);
    report.count("answered later", numbers.resolved);
    report.count("given up", numbers.given_up);
    report.count("repeated", numbers.repeated);
    report.count("other bodies refused", numbers.changed_refused);
    report.count("organizations", load.ledger.organizations().len() as u64);
    report.count("flushes", flushes as u64);
    Ok(())
}

/// Another server on the same folder: mostly one that flushes often.
fn settings(plan: &Plan, random: &mut StdRng) -> Plan {
    let plan = plan.clone();
    match random.random_range(0..10) {
        0..2 => plan,
        2..5 => plan.flag("--flush-events", random.random_range(1..40)).flag("--flush-seconds", 1),
        5..8 => plan.flag("--flush-events", random.random_range(40..800)).flag("--flush-seconds", 1),
        _ => plan.flag("--flush-seconds", 1),
    }
}
