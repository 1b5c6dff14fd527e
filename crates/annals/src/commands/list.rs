//! `annals list`.

use annals_client::wire::{AuditLogEvent, AuditLogEventParty};
use annals_client::{AuditEventQuery, Client, Order, Paging};
use futures::StreamExt;

use super::Failed;
use super::filter::FilterArgs;
use super::output::{Output, Row};

pub const EXAMPLES: &str = "\
Examples:
  annals list                                        the newest 50 events
  annals list evt_01KY6ZKXZ0NB26R4EP0000001E         one event in full
  annals list --org org_… --action 'user.*' --from 2026-01-01 --limit 500
  annals list --search 203.0.113.7 --all --json | jq .actor.id";

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// One event, in full
    #[arg(value_name = "EVENT_ID")]
    id: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Events at most
    #[arg(long, value_name = "EVENTS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Newest or oldest first
    #[arg(long, value_enum, default_value_t = OrderArg::Desc)]
    order: OrderArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum OrderArg {
    /// Newest first
    Desc,
    /// Oldest first
    Asc,
}

impl From<OrderArg> for Order {
    fn from(order: OrderArg) -> Self {
        match order {
            OrderArg::Desc => Self::Desc,
            OrderArg::Asc => Self::Asc,
        }
    }
}

impl Row for AuditLogEvent {
    const COLUMNS: &'static [&'static str] = &["id", "occurred_at", "organization", "action", "actor", "targets", "location"];

    fn cells(&self) -> Vec<String> {
        let party = |party: &AuditLogEventParty| match &party.name {
            Some(name) => format!("{} {} ({name})", party.kind, party.id),
            None => format!("{} {}", party.kind, party.id),
        };
        vec![
            self.id.clone(),
            self.occurred_at.0.wire(),
            self.organization_id.clone(),
            self.action.clone(),
            party(&self.actor),
            self.targets.iter().map(party).collect::<Vec<_>>().join(", "),
            self.context.location.clone().unwrap_or_default(),
        ]
    }
}

pub async fn run((client, mut output, args): (Client, Output, ListArgs)) -> Result<(), Failed> {
    if let Some(id) = &args.id {
        return output.thing(&client.audit_events().get(id).await?);
    }
    let most = if args.all { usize::MAX } else { args.limit as usize };
    let limit = u32::try_from(most.min(1000)).ok();
    let paging = Paging { limit, order: Some(args.order.into()), ..Paging::default() };
    let query = AuditEventQuery { filter: args.filter.filter(), paging };
    let mut events = std::pin::pin!(client.audit_events().list_all(query).take(most));
    let mut rows = output.rows();
    while let Some(event) = events.next().await {
        rows.push(&event?)?;
    }
    rows.flush::<AuditLogEvent>()
}
