//! More than the server can take: one noisy key sends twice as fast as the server answers and from more connections than it has places, while
//! a quiet one sends an event now and then.

use std::time::Duration;

use annals_core::wire::{CreateApiKey, CreateOrganization};

use crate::client::{client, create_schemas, http, metric, wait_until_ready};
use crate::failure::{Doing, Failure};
use crate::report::Report;
use crate::run::Run;
use crate::server::{Plan, Server};
use crate::writers::{Order, Writers, percentile, verify};

/// Places for requests, of which one owner gets at most a half.
const PLACES: u32 = 256;
const WARM_WRITERS: u32 = 64;
const NOISY_WRITERS: u32 = 512;
const QUIET_WRITERS: u32 = 4;
const QUIET_PAUSE: Duration = Duration::from_millis(20);
const WARM: Duration = Duration::from_secs(2);
/// Of one round.
const OVERLOAD: Duration = Duration::from_secs(6);
/// Far above what is seen, and far below what a queue without a bound comes to.
const ACCEPTED_MAX: Duration = Duration::from_secs(10);
const QUIET_P99_MAX: Duration = Duration::from_secs(2);
const MEMORY_GROWTH_MAX_MIB: u64 = 192;
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    let plan = Plan::new(run, "data")?.flag("--requests-in-flight-max", PLACES).flag("--flush-events", 20_000);
    let server = plan.start().await?;
    let (http, admin) = (http()?, client(&server.url)?);
    create_schemas(&admin).await?;
    for round in 0..run.rounds {
        let order = async |name: &'static str, writers, pause| {
            let organization = admin
                .organizations()
                .create(&CreateOrganization { name: name.to_owned(), ..CreateOrganization::default() })
                .await
                .doing("cannot make one")?;
            let key = CreateApiKey { name: name.to_owned(), permissions: None, expires_at: None };
            let key = admin.api_keys().create(&organization.id, &key).await.doing("cannot make a key")?;
            let seed = run.seed.wrapping_add(u64::from(round));
            Ok::<_, Failure>(Order {
                url: server.url.clone(),
                key: key.value,
                organization: organization.id,
                name,
                seed,
                writers,
                pause,
            })
        };
        // What it can take.
        let warm = Writers::start(&http, order("warm", WARM_WRITERS, Duration::ZERO).await?);
        tokio::time::sleep(WARM).await;
        let (warm_order, mut warm) = warm.finish(PATIENCE, report).await?;
        let per_second = warm.acknowledged.len() as u64 / WARM.as_secs();
        let memory_before = server.memory_bytes();

        // Twice as much, as far as the answers let the clients.
        let pause = Duration::from_secs_f64(f64::from(NOISY_WRITERS) / (2.0 * per_second.max(1) as f64));
        let quiet = Writers::start(&http, order("quiet", QUIET_WRITERS, QUIET_PAUSE).await?);
        let noisy = Writers::start(&http, order("noisy", NOISY_WRITERS, pause).await?);
        tokio::time::sleep(OVERLOAD).await;
        let memory_after = server.memory_bytes();
        let refused = noisy.answered(429) + noisy.answered(503);
        let quiet_refused = quiet.answered(429) + quiet.answered(503);
        let (quiet_order, mut quiet) = quiet.finish(PATIENCE, report).await?;
        let (noisy_order, mut noisy) = noisy.finish(PATIENCE, report).await?;

        report.check(refused > 0, || "nothing was refused: that was no overload".to_owned());
        report.check(quiet_refused == 0, || format!("{quiet_refused} requests of the quiet key were refused"));
        let accepted_max = noisy.latencies.iter().max().copied().unwrap_or_default();
        report.check(accepted_max < ACCEPTED_MAX, || format!("an accepted request took {accepted_max:?}"));
        let quiet_p99 = percentile(&mut quiet.latencies, 99);
        report.check(quiet_p99 < QUIET_P99_MAX, || format!("the quiet key waits {quiet_p99:?} (p99)"));
        let grown = memory_after.unwrap_or(0).saturating_sub(memory_before.unwrap_or(0)) >> 20;
        report.check(grown < MEMORY_GROWTH_MAX_MIB, || format!("memory grew by {grown} MiB"));
        println!(
            "alone {per_second}/s, p50 {:?} p99 {:?}; overloaded {}/s, p50 {:?} p99 {:?} max {accepted_max:?}, {refused} refused; quiet p50 {:?} p99 {quiet_p99:?}; memory {:?} MiB, {grown} more",
            percentile(&mut warm.latencies, 50),
            percentile(&mut warm.latencies, 99),
            noisy.acknowledged.len() as u64 / OVERLOAD.as_secs(),
            percentile(&mut noisy.latencies, 50),
            percentile(&mut noisy.latencies, 99),
            percentile(&mut quiet.latencies, 50),
            memory_after.map(|bytes| bytes >> 20),
        );
        check_recovered(&server, &http, report).await?;
        for (order, tally) in [(&warm_order, &warm), (&quiet_order, &quiet), (&noisy_order, &noisy)] {
            report.check(tally.lost_answers == 0, || format!("{} requests of {} had no answer", tally.lost_answers, order.name));
            verify(&http, order, tally, report).await?;
        }
    }
    server.stop().await
}

async fn check_recovered(server: &Server, http: &reqwest::Client, report: &mut Report) -> Result<(), Failure> {
    wait_until_ready(http, &server.url).await?;
    let counted = metric(http, &server.url, "annals_requests_refused_total").await?;
    report.check(counted.is_some_and(|refused| refused > 0.0), || "no metric counts what was refused".to_owned());
    Ok(())
}
