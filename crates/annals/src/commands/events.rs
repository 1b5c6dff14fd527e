//! `annals events`: the environment's feed.

use std::io::Read;
use std::time::Duration;

use annals_client::wire::{Event, Moment, PublishEvent, Receipt};
use annals_client::{EventQuery, ObjectText, event_names};
use clap::Subcommand;
use futures::StreamExt;

use super::output::Row;
use super::text::moment;
use super::{Failed, With};

const FOLLOW_EXAMPLES: &str = "\
Examples:
  annals events follow                                     every event, from now on
  annals events follow organization.created organization.deleted --after event_… --json";

#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Events, oldest first
    List(With<ListArgs>),
    /// Events as they come, each once
    #[command(after_help = FOLLOW_EXAMPLES)]
    Follow(With<FollowArgs>),
    /// Publish an event of the application
    Publish(With<PublishArgs>),
}

#[derive(Debug, clap::Args)]
struct SelectionArgs {
    /// Names of events [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// About this organization
    #[arg(long, value_name = "ORG_ID")]
    org: Option<String>,
    /// Behind the event with this id
    #[arg(long, value_name = "EVENT_ID")]
    after: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// At this time or later
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Moment>,
    /// At this time or earlier
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Moment>,
    /// Events at most [default: all]
    #[arg(long, value_name = "EVENTS")]
    limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub struct FollowArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Seconds between two looks for new events
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pause: u64,
    /// Begin with the oldest event instead of now
    #[arg(long, conflicts_with = "after")]
    from_start: bool,
}

#[derive(Debug, clap::Args)]
pub struct PublishArgs {
    /// Such as `invoice.paid`
    #[arg(value_name = "NAME")]
    name: String,
    /// A JSON object; `-` reads it from standard input
    #[arg(value_name = "DATA")]
    data: String,
    /// The organization it is about
    #[arg(long, value_name = "ORG_ID")]
    org: Option<String>,
    /// The same event with the same key is published once within 24 hours
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Row for Event {
    const COLUMNS: &'static [&'static str] = &["id", "created_at", "event", "about"];

    fn cells(&self) -> Vec<String> {
        let text = |name: &str| self.data.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        let about = [text("id"), text("name")].join(" ");
        vec![self.id.clone(), self.created_at.0.wire(), self.event.clone(), about.trim().to_owned()]
    }
}

impl SelectionArgs {
    fn query(self) -> EventQuery {
        let names = if self.names.is_empty() { vec![event_names::EVERY_NAME.to_owned()] } else { self.names };
        let mut query = EventQuery { organization_id: self.org, ..EventQuery::of(names) };
        query.paging.after = self.after;
        query
    }
}

pub async fn run(command: EventsCommand) -> Result<(), Failed> {
    match command {
        EventsCommand::List(with) => {
            let (client, mut output, args) = with.open()?;
            let query = EventQuery { range_start: args.from, range_end: args.to, ..args.selection.query() };
            let mut events = std::pin::pin!(client.events().list_all(query).take(args.limit.unwrap_or(usize::MAX)));
            let mut rows = output.rows();
            while let Some(event) = events.next().await {
                rows.push(&event?)?;
            }
            rows.flush::<Event>()
        }
        EventsCommand::Follow(with) => {
            let (client, mut output, args) = with.open()?;
            let mut query = args.selection.query();
            if query.paging.after.is_none() && !args.from_start {
                query.range_start = Some(annals_client::now());
            }
            let mut events = std::pin::pin!(client.events().follow(query, Duration::from_secs(args.pause)));
            let mut rows = output.rows();
            while let Some(event) = events.next().await {
                rows.push(&event?)?;
                rows.flush::<Event>()?;
            }
            Ok(())
        }
        EventsCommand::Publish(with) => {
            let (client, mut output, args) = with.open()?;
            let receipt = client.events().publish(&args.event()?).await?;
            match &receipt {
                Receipt::Stored { id } => output.told(id, &receipt),
                Receipt::Replayed => output.told("published before with this idempotency key", &receipt),
            }
        }
    }
}

impl PublishArgs {
    fn event(&self) -> Result<PublishEvent, Failed> {
        let mut text = self.data.clone();
        if text == "-" {
            text.clear();
            std::io::stdin().read_to_string(&mut text)?;
        }
        let name = self.name.parse().map_err(|error| Failed::usage(format!("the name {error}")))?;
        let value = annals_core::json::parse(text.as_bytes()).map_err(|error| Failed::usage(format!("the data: {error}")))?;
        let data = ObjectText::of(&value).map_err(|error| Failed::usage(format!("the data {error}")))?;
        let (organization_id, idempotency_key) = (self.org.clone(), self.idempotency_key.clone());
        Ok(PublishEvent { organization_id, idempotency_key, ..PublishEvent::new(name, data) })
    }
}
