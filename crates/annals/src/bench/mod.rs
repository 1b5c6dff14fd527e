//! `annals bench`: what a measurement needs. Only `fill` opens an engine; the others talk to a server's wire.

mod fill;
pub mod generate;
mod ingest;
mod ways;

use std::error::Error;

#[derive(Debug, clap::Subcommand)]
pub enum BenchCommand {
    /// Write audit events that look like those of a real product, the same ones for the same seed
    Generate(generate::GenerateArgs),
    /// Fill a new data folder with generated audit events, as if a server had recorded them over many days
    Fill(fill::FillArgs),
    /// Measure recording over HTTP beside a handler that only parses
    Ingest(ingest::IngestArgs),
    /// Measure one request an event beside batches and the client's emitter
    Ways(ways::WaysArgs),
    /// Serve the handler that only parses
    #[command(hide = true)]
    ParseOnly(ingest::ParseOnlyArgs),
}

pub fn run(command: BenchCommand) -> Result<(), Box<dyn Error>> {
    match command {
        BenchCommand::Generate(args) => Ok(generate::run(args)?),
        BenchCommand::Fill(args) => fill::run(&args),
        BenchCommand::Ingest(args) => ingest::run(&args),
        BenchCommand::Ways(args) => ways::run(&args),
        BenchCommand::ParseOnly(args) => ingest::run_parse_only(&args),
    }
}
