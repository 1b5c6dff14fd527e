//! The crash table: the process dies at exactly one step of a commit, of the retirement of commits, of a flush, of a merge or of the write
//! of a file, starts again without that, and everything is as it must be. What needs weeks to be due (purges, expiry, vacuums), the
//! faults that a process survives, and the two ways in which a store can fail, are tested inside the engine (`jobs/crash_table`).

use std::time::Duration;

use rand::RngExt;

use crate::failure::Failure;
use crate::load::trial::Trial;
use crate::report::Report;
use crate::run::Run;
use crate::server::{Plan, Start};

const WRITERS: u32 = 8;
/// For the server to come by the step.
const DEATH_LIMIT: Duration = Duration::from_secs(90);

/// A step, and how often a server comes by it in about a second: it dies at one of these times.
struct Step {
    point: &'static str,
    visits: u64,
}

const fn step(point: &'static str, visits: u64) -> Step {
    Step { point, visits }
}

/// In the order in which a record comes by them.
const TABLE: &[Step] = &[
    step("commit.gathered", 40),
    step("commit.keys_answered", 40),
    step("commit.assigned", 40),
    step("commit.stored", 40),
    step("commit.applied", 40),
    step("commit.acknowledged", 40),
    // Every other transaction: keys of tenants, the outbox, answers, exports, the release of rows.
    step("store.committing", 20),
    step("store.committed", 20),
    step("flush.taken", 3),
    step("flush.feed_events", 3),
    step("flush.api_requests", 3),
    step("flush.audit_events", 3),
    // Every file of the lake: data files, log entries, checkpoints, exports.
    step("lake.staged", 12),
    step("lake.named", 12),
    step("lake.put", 12),
    // Looked for every five seconds.
    step("merge.written", 1),
    step("lake.replaced", 1),
    step("keys.written", 3),
    step("keys.named", 3),
    step("retire.sealed", 3),
    step("retire.released", 3),
    step("retire.forgotten", 3),
];

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    let plan = Plan::new(run, "data")?.flag("--flush-events", 20).flag("--flush-seconds", 1);
    let mut random = run.random("visits");
    let mut server = plan.start().await?;
    let mut trial = Trial::prepare(run, &server, WRITERS, report).await?;
    report.count("steps", TABLE.len() as u64);
    for _ in 0..run.rounds {
        for Step { point, visits } in TABLE {
            server.kill().await?;
            let visit = random.random_range(1..=*visits);
            die_at(&plan, &mut trial, point, visit, report).await?;
            server = plan.start().await?;
            trial.go_on(&server, report).await?;
        }
    }
    trial.finish(&plan, server, report).await
}

async fn die_at(plan: &Plan, trial: &mut Trial, point: &str, visit: u64, report: &mut Report) -> Result<(), Failure> {
    let doomed = plan.clone().variable("ANNALS_CRASH_AT", format!("{point}:{visit}"));
    if let Start::Ready(mut server) = doomed.try_start().await? {
        trial.load.up();
        // It may die in the middle of this.
        let _ = trial.begin_export().await;
        let died = server.ended(DEATH_LIMIT).await;
        report.check(died.is_ok(), || format!("the server does not come by {point} {visit} times; was it built for debugging?"));
    }
    trial.load.down();
    report.count("deaths", 1);
    Ok(())
}
