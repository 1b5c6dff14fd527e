//! The command line of the torture.

use std::path::PathBuf;
use std::process::ExitCode;

use annals_torture::failure::Failure;
use annals_torture::parts::{self, PARTS};
use annals_torture::report::Summary;
use annals_torture::run::{self, Run};
use annals_torture::{random, server};
use clap::Parser;

/// Tortures a server and checks that it kept its word. Without a part, all of them.
#[derive(Debug, Parser)]
struct Arguments {
    /// Parts to run; all when none is named.
    parts: Vec<String>,
    /// What all randomness comes from; drawn when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Rounds of each part, instead of the part's own number.
    #[arg(long)]
    rounds: Option<u32>,
    /// The version that the tests run: few rounds and a fixed seed.
    #[arg(long)]
    short: bool,
    /// The server to torture [default: `annals` beside this program].
    #[arg(long, value_name = "FILE")]
    annals: Option<PathBuf>,
    /// Prints the names of all parts, one on each line, and does nothing.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        PARTS.iter().for_each(|part| println!("{}", part.name));
        return ExitCode::SUCCESS;
    }
    match torture(&arguments) {
        Ok(summary) => summary.print(),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn torture(arguments: &Arguments) -> Result<Summary, Failure> {
    let wanted = parts::named(&arguments.parts)?;
    let annals = arguments.annals.clone().map_or_else(server::beside_this_program, Ok)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start a runtime: {error}")))?;
    let mut summary = Summary::default();
    for part in wanted {
        let (seed, rounds) = if arguments.short { (run::SHORT_SEED, part.rounds_short) } else { (random::draw(), part.rounds) };
        let run = Run::new(&annals, arguments.seed.unwrap_or(seed), arguments.rounds.unwrap_or(rounds))?;
        println!("=== {}: {} (seed {}, {} rounds)", part.name, part.does, run.seed, run.rounds);
        summary.add(part.name, run, |run, report| runtime.block_on((part.run)(run, report)));
    }
    Ok(summary)
}
