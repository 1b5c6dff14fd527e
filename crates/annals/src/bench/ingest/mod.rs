//! `annals bench ingest`: durable events a second over HTTP, beside a handler that only parses the same bodies. Both run as
//! processes of their own on this machine, in turns, under the same generator of load. Only their ratio means something.

pub mod load;
mod parse_only;
pub mod process;

use std::error::Error;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use parse_only::ParseOnlyArgs;
pub use parse_only::run as run_parse_only;

use annals_engine::{Clock, Place, SystemClock};
use load::{Measured, Target};
use process::Child;

/// The first key of the server that is measured. It lives as long as the measurement, on loopback.
const KEY: &str = "sk_bench_ingest_0123456789";

#[derive(Debug, clap::Args)]
pub struct IngestArgs {
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub connections: u32,
    /// Length of one round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Rounds of each, in turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Different bodies that are sent again and again
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub bodies: u64,
    /// Organizations among which the bodies are spread
    #[arg(long, default_value = "1000")]
    pub organizations: NonZeroU32,
    /// Folder for the server's data, which is kept to be looked at [default: a temporary one]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Send no idempotency keys
    #[arg(long)]
    pub without_keys: bool,
    /// Measure a second server too, which holds so many idempotency keys of the last day
    #[arg(long, default_value_t = 0, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..=1_000_000_000))]
    pub live_keys: u64,
}

pub fn run(args: &IngestArgs) -> Result<(), Box<dyn Error>> {
    let temporary = std::env::temp_dir().join(format!("annals-bench-{}", std::process::id()));
    let measured = measure(args, args.data.as_ref().unwrap_or(&temporary));
    if args.data.is_none() {
        // The folder is ours alone; what cannot be removed is left in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&temporary);
    }
    let Rounds { ceiling, ours, holding } = measured?;
    report("parse only", &ceiling, None);
    report("annals", &ours, Some(("parse only", &ceiling)));
    if args.live_keys > 0 {
        report("holding keys", &holding, Some(("annals", &ours)));
    }
    Ok(())
}

/// What was measured, round by round.
#[derive(Default)]
struct Rounds {
    ceiling: Vec<Measured>,
    ours: Vec<Measured>,
    /// Of the server that holds keys.
    holding: Vec<Measured>,
}

fn measure(args: &IngestArgs, folder: &Path) -> Result<Rounds, Box<dyn Error>> {
    let peer = Child::start(&["bench", "parse-only"], KEY)?;
    let server = serve(folder)?;
    let holding = if args.live_keys > 0 { Some(serve_with_keys(&folder.join("holding"), args.live_keys)?) } else { None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let bodies = load::bodies(server.address, KEY, args.bodies, args.organizations).await?;
        let bodies_there = match &holding {
            Some(holding) => load::bodies(holding.address, KEY, args.bodies, args.organizations).await?,
            None => Vec::new(),
        };
        let (connections, with_keys) = (args.connections, !args.without_keys);
        let target = |address, bodies| Target { address, key: KEY, bodies, with_keys, connections };
        let (ours, ceiling) = (target(server.address, &bodies), target(peer.address, &bodies));
        let holding = holding.as_ref().map(|holding| target(holding.address, &bodies_there));
        let round = Duration::from_secs(args.seconds);
        // Warm: caches, connections, the write-ahead log's file.
        for warm in [&ours, &ceiling].into_iter().chain(&holding) {
            load::run(warm, Duration::from_secs(1)).await?;
        }
        let mut rounds = Rounds::default();
        for _ in 0..args.rounds {
            rounds.ceiling.push(load::run(&ceiling, round).await?);
            rounds.ours.push(load::run(&ours, round).await?);
            if let Some(holding) = &holding {
                rounds.holding.push(load::run(holding, round).await?);
            }
        }
        Ok(rounds)
    })
}

fn serve(data: &Path) -> Result<Child, Box<dyn Error>> {
    let data = data.to_str().ok_or("the temporary folder has no readable name")?;
    Child::start(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "warn"], KEY)
}

fn serve_with_keys(data: &Path, keys: u64) -> Result<Child, Box<dyn Error>> {
    std::fs::create_dir_all(data)?;
    annals_engine::fill_keys(&Place::on(data).keys(), keys, SystemClock.now())?;
    serve(data)
}

fn median(rounds: &[Measured]) -> f64 {
    let mut rates: Vec<f64> = rounds.iter().map(Measured::per_second).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn report(name: &str, rounds: &[Measured], beside: Option<(&str, &[Measured])>) {
    let rate = median(rounds);
    let ratio = beside.map(|(other, rounds)| format!("  {:.2} of {other}", rate / median(rounds))).unwrap_or_default();
    let middle = &rounds[rounds.len() / 2];
    println!(
        "{name:<13}{rate:>9.0} requests/s   p50 {:>7.0?}   p99 {:>7.0?}{ratio}",
        middle.percentile(50),
        middle.percentile(99)
    );
}
