//! The commands that speak to a server, and those that keep an installation: for people at a terminal and for scripts. One file for each:
//! what can be typed, what it means, what is printed.

mod backup;
mod completions;
mod connection;
mod copying;
mod doctor;
mod emit;
mod events;
mod exit;
mod export;
mod filter;
mod import;
mod keys;
mod list;
mod mirror;
mod orgs;
mod output;
mod place;
mod purge;
mod requests;
mod restore;
mod schemas;
mod state_file;
mod tail;
mod text;

use std::time::Duration;

use clap::Subcommand;

pub use completions::{CompletionsArgs, ManArgs};
pub use exit::{EXIT_CODES, Failed};
pub use text::printable;

use connection::ConnectionArgs;
use output::Output;

use crate::signals::Signals;

const CLEANING_UP_MAX: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Record audit events
    #[command(after_help = emit::EXAMPLES)]
    Emit(With<emit::EmitArgs>),
    /// Find audit events
    #[command(after_help = list::EXAMPLES)]
    List(Box<With<list::ListArgs>>),
    /// Follow audit events as they are recorded
    #[command(after_help = tail::EXAMPLES)]
    Tail(With<tail::TailArgs>),
    /// Save audit events to a file
    #[command(after_help = export::EXAMPLES)]
    Export(With<export::ExportArgs>),
    /// Bring in audit events from a file: an export, or what another system kept
    #[command(after_help = import::EXAMPLES)]
    Import(With<import::ImportArgs>),
    /// Organizations: the customers of the application
    #[command(subcommand)]
    Orgs(orgs::OrgsCommand),
    /// Actions and the schemas of their events
    #[command(subcommand)]
    Schemas(schemas::SchemasCommand),
    /// API keys of organizations
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// The environment's feed: organization.created and the like
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Copy another server's feed into this one
    #[command(after_help = mirror::EXAMPLES)]
    Mirror(With<mirror::MirrorArgs>),
    /// Remove audit events that are older than their organization keeps them
    #[command(after_help = purge::EXAMPLES)]
    Purge(With<purge::PurgeArgs>),
    /// The log of API requests
    #[command(subcommand)]
    Requests(requests::RequestsCommand),
}

/// Of the machine that holds the data: no server is asked.
#[derive(Debug, Subcommand)]
pub enum KeepCommand {
    /// Copy an installation, also a running one, to a folder or to S3
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::BackupArgs),
    /// Bring up an installation out of a backup
    #[command(after_help = restore::EXAMPLES)]
    Restore(restore::RestoreArgs),
    /// Look for damage in a data folder, from end to end
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArgs),
}

/// A command with where to send it and how to print what comes back.
#[derive(Debug, clap::Args)]
pub struct With<A: clap::Args> {
    #[command(flatten)]
    arguments: A,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    output: output::OutputArgs,
}

impl<A: clap::Args> With<A> {
    /// # Errors
    /// There is no key, or a setting is wrong.
    fn open(self) -> Result<(annals_client::Client, Output, A), Failed> {
        Ok((self.connection.client()?, self.output.open(), self.arguments))
    }
}

/// Runs to the end or until Ctrl-C or SIGTERM, which drop what is unfinished, except in a mirror.
///
/// # Errors
/// What went wrong, with the exit code that scripts see.
pub fn run(command: ClientCommand) -> Result<(), Failed> {
    let finishes_by_itself = matches!(command, ClientCommand::Mirror(_));
    run_to_end(dispatch(command), finishes_by_itself)
}

/// The same for a command that keeps an installation.
///
/// # Errors
/// As [`run`].
pub fn keep(command: KeepCommand) -> Result<(), Failed> {
    let work = async {
        match command {
            KeepCommand::Backup(args) => backup::run(args).await,
            KeepCommand::Restore(args) => restore::run(args).await,
            KeepCommand::Doctor(args) => doctor::run(args).await,
        }
    };
    run_to_end(work, false)
}

fn run_to_end(work: impl Future<Output = Result<(), Failed>> + Send + 'static, finishes_by_itself: bool) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Failed::other)?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::new()?;
        // On a thread of its own: one that waits for standard input sees no signals.
        let mut running = tokio::spawn(work);
        tokio::select! {
            outcome = &mut running => outcome.map_err(Failed::other)?,
            () = signals.next(), if !finishes_by_itself => {
                running.abort();
                // What it has begun is cleaned up, unless it cannot be reached.
                let _ = tokio::time::timeout(CLEANING_UP_MAX, running).await;
                Err(Failed::interrupted())
            }
        }
    });
    // Threads that read standard input would hold up the end.
    runtime.shutdown_background();
    exit::without_broken_pipe(outcome)
}

async fn dispatch(command: ClientCommand) -> Result<(), Failed> {
    match command {
        ClientCommand::Emit(with) => emit::run(with.open()?).await,
        ClientCommand::List(with) => list::run(with.open()?).await,
        ClientCommand::Tail(with) => tail::run(with.open()?).await,
        ClientCommand::Export(with) => export::run(with.open()?).await,
        ClientCommand::Import(with) => import::run(with.open()?).await,
        ClientCommand::Orgs(command) => orgs::run(command).await,
        ClientCommand::Schemas(command) => schemas::run(command).await,
        ClientCommand::Keys(command) => keys::run(command).await,
        ClientCommand::Events(command) => events::run(command).await,
        ClientCommand::Mirror(with) => mirror::run(with, Signals::new()?).await,
        ClientCommand::Purge(with) => purge::run(with.open()?).await,
        ClientCommand::Requests(command) => requests::run(command).await,
    }
}
