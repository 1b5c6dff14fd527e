//! `annals tail`.

use annals_client::Client;
use annals_client::wire::AuditLogEvent;
use futures::StreamExt;

use super::Failed;
use super::filter::FilterArgs;
use super::output::Output;

pub const EXAMPLES: &str = "\
Examples:
  annals tail                                        everything, from now on
  annals tail --org org_… --action 'user.*'
  annals tail --since evt_01KY6ZKXZ0NB26R4EP0000001E --json >> events.ndjson";

#[derive(Debug, clap::Args)]
pub struct TailArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Begin behind this event instead of now
    #[arg(long, value_name = "EVENT_ID")]
    since: Option<String>,
}

pub async fn run((client, mut output, args): (Client, Output, TailArgs)) -> Result<(), Failed> {
    let (events, filter) = (client.audit_events(), args.filter.filter());
    let mut tail = match &args.since {
        Some(id) => events.tail_after(filter, id).await?,
        None => events.tail(filter).await?,
    };
    let mut rows = output.rows();
    rows.flush::<AuditLogEvent>()?;
    while let Some(event) = tail.next().await {
        rows.push(&event?)?;
        rows.flush::<AuditLogEvent>()?;
    }
    Ok(())
}
