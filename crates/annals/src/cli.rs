//! What can be typed. What it means is decided by the commands themselves.

use clap::{Parser, Subcommand};

use crate::bench::BenchCommand;
use crate::commands::{ClientCommand, CompletionsArgs, EXIT_CODES, KeepCommand, ManArgs};
use crate::serve::ServeArgs;

/// The audit log that a company owns.
#[derive(Debug, Parser)]
#[command(name = "annals", version, about, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Box<ServeArgs>),
    #[command(flatten)]
    Client(Box<ClientCommand>),
    #[command(flatten)]
    Keep(Box<KeepCommand>),
    /// Print a script that completes this program's arguments in a shell
    Completions(CompletionsArgs),
    /// Print or write man pages
    Man(ManArgs),
    /// Make data for measurements, and measure
    #[command(subcommand)]
    Bench(BenchCommand),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_argument_contradicts_another() {
        Cli::command().debug_assert();
    }
}
