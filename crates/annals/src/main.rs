//! `annals`: the server and its command line in one binary.

mod bench;
mod cli;
mod logs;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve::run(*args),
        Command::Bench(command) => bench::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever the cause: it is read by people and by process managers.
            eprintln!("annals: {}", one_line(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn one_line(error: &dyn std::error::Error) -> String {
    // Libraries put backtraces behind the first line.
    error.to_string().lines().next().unwrap_or_default().trim().to_owned()
}
