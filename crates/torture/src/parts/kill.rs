//! kill -9 at a random moment, again and again, under clients that remember what they were told.

use crate::client::{client, create_schemas, http, wait_until_ready};
use crate::failure::Failure;
use crate::report::Report;
use crate::run::Run;
use crate::server::Plan;

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    let plan = Plan::new(run, "data")?.flag("--flush-seconds", 1);
    let http = http()?;
    let server = plan.start().await?;
    create_schemas(&client(&server.url)?).await?;
    server.kill().await?;
    for _ in 0..run.rounds {
        let server = plan.start().await?;
        wait_until_ready(&http, &server.url).await?;
        report.count("restarts", 1);
        server.kill().await?;
    }
    plan.start().await?.stop().await
}
