//! `annals`: the server and its command line in one binary.

mod bench;
mod cli;
mod commands;
mod logs;
mod serve;
mod signals;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use commands::{Failed, printable};

/// Events are made on one thread and dropped on another, hundreds of thousands of small pieces a second. The system's allocator spends
/// a sixth of a loaded server's time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // One line, whatever the cause: it is read by people and by process managers.
            eprintln!("annals: {}", one_line(failed.message()));
            failed.code()
        }
    }
}

fn run(command: Command) -> Result<(), Failed> {
    let other = |error: Box<dyn Error>| Failed::other(error);
    match command {
        Command::Serve(args) => serve::run(*args),
        Command::Client(command) => commands::run(*command),
        Command::Keep(command) => commands::keep(*command),
        Command::Completions(args) => args.run(),
        Command::Man(args) => args.run(),
        Command::Bench(command) => bench::run(command).map_err(other),
    }
}

fn one_line(message: &str) -> String {
    // Libraries put backtraces behind the first line.
    printable(message.lines().next().unwrap_or_default().trim())
}
