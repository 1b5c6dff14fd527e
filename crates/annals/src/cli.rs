//! What can be typed. What it means is decided by the commands themselves.

use clap::{Parser, Subcommand};

use crate::bench::BenchCommand;
use crate::serve::ServeArgs;

/// The audit log that a company owns.
#[derive(Debug, Parser)]
#[command(name = "annals", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(Box<ServeArgs>),
    /// Make data for measurements.
    #[command(subcommand)]
    Bench(BenchCommand),
}
