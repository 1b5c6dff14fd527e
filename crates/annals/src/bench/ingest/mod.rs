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
}

pub fn run(args: &IngestArgs) -> Result<(), Box<dyn Error>> {
    let temporary = std::env::temp_dir().join(format!("annals-bench-{}", std::process::id()));
    let measured = measure(args, args.data.as_ref().unwrap_or(&temporary));
    if args.data.is_none() {
        // The folder is ours alone; what cannot be removed is left in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&temporary);
    }
    let (ours, ceiling) = measured?;
    report("parse only", &ceiling, None);
    report("annals", &ours, Some(median(&ceiling)));
    Ok(())
}

fn measure(args: &IngestArgs, folder: &Path) -> Result<(Vec<Measured>, Vec<Measured>), Box<dyn Error>> {
    let data = folder.to_str().ok_or("the temporary folder has no readable name")?;
    let server = Child::start(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "warn"], KEY)?;
    let peer = Child::start(&["bench", "parse-only"], KEY)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let bodies = load::bodies(server.address, KEY, args.bodies, args.organizations).await?;
        let target =
            |address| Target { address, key: KEY, bodies: &bodies, with_keys: !args.without_keys, connections: args.connections };
        let (ours, ceiling) = (target(server.address), target(peer.address));
        let round = Duration::from_secs(args.seconds);
        // Warm: caches, connections, the write-ahead log's file.
        load::run(&ours, Duration::from_secs(1)).await?;
        load::run(&ceiling, Duration::from_secs(1)).await?;
        let (mut of_ours, mut of_ceiling) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            of_ceiling.push(load::run(&ceiling, round).await?);
            of_ours.push(load::run(&ours, round).await?);
        }
        Ok((of_ours, of_ceiling))
    })
}

fn median(rounds: &[Measured]) -> f64 {
    let mut rates: Vec<f64> = rounds.iter().map(Measured::per_second).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn report(name: &str, rounds: &[Measured], ceiling: Option<f64>) {
    let rate = median(rounds);
    let ratio = ceiling.map(|ceiling| format!("  {:.2} of parse only", rate / ceiling)).unwrap_or_default();
    let middle = &rounds[rounds.len() / 2];
    println!(
        "{name:<12}{rate:>9.0} requests/s   p50 {:>7.0?}   p99 {:>7.0?}{ratio}",
        middle.percentile(50),
        middle.percentile(99)
    );
}
