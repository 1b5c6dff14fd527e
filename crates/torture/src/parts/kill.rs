//! kill -9 at a random moment, again and again, under clients that remember what they were told. Small settings of the flush in most
//! rounds, so that the kills meet commits, flushes, merges, seals, releases and checkpoints.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::failure::Failure;
use crate::load::trial::Trial;
use crate::report::Report;
use crate::run::Run;
use crate::server::Plan;

const WRITERS: u32 = 64;
const LIFE_MILLIS: std::ops::Range<u64> = 100..1200;
/// From the beginning of an export to the kill.
const EXPORT_MILLIS: std::ops::Range<u64> = 0..60;
/// So many servers in a hundred die while they still start.
const KILLED_EARLY: u32 = 15;
const START_MILLIS: std::ops::Range<u64> = 0..500;

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    let plan = Plan::new(run, "data")?;
    let mut random = run.random("kills");
    let mut millis = |range| Duration::from_millis(random.random_range(range));
    let mut settings_random = run.random("settings");
    let mut server = plan.start().await?;
    let mut trial = Trial::prepare(run, &server, WRITERS, report).await?;
    for _ in 0..run.rounds {
        trial.go_on(&server, report).await?;
        tokio::time::sleep(millis(LIFE_MILLIS)).await;
        trial.begin_export().await?;
        tokio::time::sleep(millis(EXPORT_MILLIS)).await;
        server.kill().await?;
        trial.load.down();
        report.count("kills", 1);
        let plan = settings(&plan, &mut settings_random);
        if settings_random.random_ratio(KILLED_EARLY, 100) {
            plan.start_and_kill(millis(START_MILLIS)).await?;
            report.count("kills", 1);
        }
        server = plan.start().await?;
    }
    trial.finish(&plan, server, report).await
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
