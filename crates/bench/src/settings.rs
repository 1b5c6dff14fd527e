//! What is typed, and what it means for the sizes of things.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "annals-bench", about = "Measures Annals beside its peers")]
pub struct Args {
    /// Which workloads [default: all of them but `build`]
    pub workloads: Vec<String>,
    /// Events of the largest data sets; the smaller ones are a fifth and a fiftieth
    #[arg(long, value_parser = clap::value_parser!(u64).range(10_000..=1_000_000_000))]
    pub events: Option<u64>,
    /// Rounds of each side, in turns
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: Option<u32>,
    /// Small data and short rounds: shows that everything runs, not how fast it is
    #[arg(long)]
    pub quick: bool,
    /// Keep the generated data for the next run
    #[arg(long)]
    pub keep: bool,
    /// The server
    #[arg(long, value_name = "FILE")]
    pub annals: PathBuf,
    /// A Python that has DuckDB
    #[arg(long, value_name = "FILE")]
    pub python: PathBuf,
    /// For data and results
    #[arg(long, value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Root of the source, where the report goes
    #[arg(long, value_name = "FOLDER")]
    pub source: PathBuf,
}

/// How much of everything.
#[derive(Debug, Clone)]
pub struct Sizes {
    pub rounds: u32,
    /// Of one side.
    pub round: Duration,
    /// Of a page, which is quick.
    pub page_round: Duration,
    pub sustained: Duration,
    /// Of the data sets that pages are read from, smallest first.
    pub sets: [u64; 3],
    pub keys: u64,
    /// Of disk and export.
    pub single_set: u64,
    pub organizations: u32,
    /// Different events that are sent again and again.
    pub bodies: u64,
    /// In the commit log when the server is killed.
    pub tail: u64,
    pub idle: Duration,
}

impl Sizes {
    pub fn of(args: &Args) -> Self {
        let largest = args.events.unwrap_or(if args.quick { 100_000 } else { 50_000_000 });
        let seconds = |quick, full| Duration::from_secs_f64(if args.quick { quick } else { full });
        let number = |quick, full| if args.quick { quick } else { full };
        Self {
            rounds: args.rounds.unwrap_or(if args.quick { 2 } else { 5 }),
            round: seconds(0.5, 5.0),
            page_round: seconds(0.2, 1.0),
            sustained: seconds(5.0, 300.0),
            sets: [largest / 50, largest / 5, largest],
            keys: largest,
            single_set: largest.min(1_000_000),
            organizations: if args.quick { 200 } else { 10_000 },
            bodies: number(5_000, 100_000),
            tail: number(20_000, 250_000),
            idle: seconds(1.0, 15.0),
        }
    }
}
