//! `annals schemas`.

use std::io::Read;
use std::path::PathBuf;

use annals_client::wire::{Action, CreateSchema, FromBody, InvalidBody, Schema};
use annals_client::{Client, Paging};
use clap::Subcommand;
use futures::StreamExt;

use super::output::Row;
use super::{Failed, With};

const CREATE_EXAMPLES: &str = "\
Examples:
  annals schemas create user.signed_in --target team
  annals schemas create invoice.deleted --file schema.json
  echo '{\"targets\": [{\"type\": \"invoice\"}], \"metadata\": {\"amount\": \"number\"}}' | annals schemas create invoice.deleted --file -";

#[derive(Debug, Subcommand)]
pub enum SchemasCommand {
    /// All actions, or all versions of one action's schema
    List(With<ListArgs>),
    /// The newest version of an action's schema, or another one
    Get(With<GetArgs>),
    /// Make the next version of an action's schema; the action is made when it is new
    #[command(after_help = CREATE_EXAMPLES)]
    Create(With<CreateArgs>),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[arg(value_name = "ACTION")]
    action: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct GetArgs {
    #[arg(value_name = "ACTION")]
    action: String,
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    #[arg(value_name = "ACTION")]
    action: String,
    /// Type of a target that events must have; can be repeated
    #[arg(long = "target", value_name = "TYPE", required_unless_present = "file", conflicts_with = "file")]
    targets: Vec<String>,
    /// A file with `targets`, and `actor` and `metadata` where they have rules; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Row for Action {
    const COLUMNS: &'static [&'static str] = &["action", "version", "targets", "created_at", "updated_at"];

    fn cells(&self) -> Vec<String> {
        let times = [self.created_at.0.wire(), self.updated_at.0.wire()];
        [vec![self.name.clone(), self.schema.version.to_string(), targets(&self.schema)], times.into()].concat()
    }
}

impl Row for Schema {
    const COLUMNS: &'static [&'static str] = &["version", "targets", "metadata", "created_at"];

    fn cells(&self) -> Vec<String> {
        let metadata = if self.metadata.is_some() { "checked" } else { "free" };
        vec![self.version.to_string(), targets(self), metadata.to_owned(), self.created_at.0.wire()]
    }
}

fn targets(schema: &Schema) -> String {
    schema.targets.iter().map(|target| target.kind.as_str()).collect::<Vec<_>>().join(", ")
}

pub async fn run(command: SchemasCommand) -> Result<(), Failed> {
    match command {
        SchemasCommand::List(with) => {
            let (client, mut output, args) = with.open()?;
            let mut rows = output.rows();
            let Some(action) = &args.action else {
                let mut all = std::pin::pin!(client.schemas().list_all_actions(Paging::default()));
                while let Some(action) = all.next().await {
                    rows.push(&action?)?;
                }
                return rows.flush::<Action>();
            };
            let mut all = std::pin::pin!(client.schemas().list_all(action, Paging::default()));
            while let Some(schema) = all.next().await {
                rows.push(&schema?)?;
            }
            rows.flush::<Schema>()
        }
        SchemasCommand::Get(with) => {
            let (client, mut output, args) = with.open()?;
            output.thing(&find(&client, &args).await?)
        }
        SchemasCommand::Create(with) => {
            let (client, mut output, args) = with.open()?;
            let new = args.schema()?;
            let made = client.schemas().create(&args.action, &new).await?;
            output.told(&format!("{} version {}", args.action, made.version), &made)
        }
    }
}

async fn find(client: &Client, args: &GetArgs) -> Result<Schema, Failed> {
    let mut all = std::pin::pin!(client.schemas().list_all(&args.action, Paging::default()));
    while let Some(schema) = all.next().await {
        let schema = schema?;
        if args.version.is_none_or(|version| version == schema.version) {
            return Ok(schema);
        }
    }
    Err(Failed::not_found(format!("{} has no such version", args.action)))
}

impl CreateArgs {
    fn schema(&self) -> Result<CreateSchema, Failed> {
        let Some(path) = &self.file else { return Ok(CreateSchema::of_targets(self.targets.iter().map(String::as_str))) };
        let mut text = String::new();
        let read = match path.to_str() {
            Some("-") => std::io::stdin().read_to_string(&mut text).map(|_| ()),
            _ => std::fs::read_to_string(path).map(|read| text = read),
        };
        let named = |problem: String| Failed::usage(format!("{}: {problem}", path.display()));
        read.map_err(|error| named(error.to_string()))?;
        // Read as the server reads it: every wrong member is named, and the short form of metadata is understood.
        let json = annals_core::json::parse(text.as_bytes()).map_err(|error| named(error.to_string()))?;
        CreateSchema::read(&json).map_err(|refused| named(wrong_members(refused)))
    }
}

fn wrong_members(refused: InvalidBody) -> String {
    match refused {
        InvalidBody::Fields(failed) => failed.errors.into_iter().map(|problem| problem.code).collect::<Vec<_>>().join("; "),
        InvalidBody::Coded(message) => message.message.into_owned(),
        InvalidBody::Messages(bad) => bad.message.join("; "),
    }
}
