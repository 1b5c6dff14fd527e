//! Measures Annals beside its peers: every workload for us and for them in the same run, in turns. Only ratios mean something.
//! Speaks to servers as any client does; what it writes is results as JSON, and a report of all of them.

mod duckdb;
mod figure;
mod lake;
mod load;
mod machine;
mod postgres;
mod process;
mod report;
mod results;
mod settings;
mod workloads;
mod world;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use results::Outcome;
use settings::Args;
use world::World;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("annals-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every workload ran to its end.
fn run(args: Args) -> Fallible<bool> {
    let wanted = workloads::wanted(&args.workloads)?;
    let mut world = World::new(args)?;
    world.check_room(&wanted)?;
    // One thread for all load: it takes as little as it can from the servers, and the same from each.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut complete = true;
    for workload in wanted {
        println!("\n=== {} – {}", workload.name, workload.title);
        let started = Instant::now();
        let mut outcome = Outcome::new(&world, &workload);
        if let Err(error) = runtime.block_on((workload.run)(&mut world, &mut outcome)) {
            let failure = in_full(&*error);
            println!("{} failed: {failure}", workload.name);
            outcome.failure = Some(failure);
            complete = false;
        }
        outcome.seconds = started.elapsed().as_secs_f64();
        outcome.print();
        outcome.save(&world.results)?;
    }
    world.forget_data();
    report::write(&world)?;
    Ok(complete)
}

/// With its causes, in one line.
fn in_full(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.replace('\n', " ")
}
