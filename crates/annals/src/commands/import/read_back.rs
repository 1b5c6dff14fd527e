//! Which of the lines in doubt are here: imported events carry what they were called elsewhere.

use std::collections::HashSet;

use annals_client::wire::{AuditLogEvent, Moment};
use annals_client::{AuditEventFilter, AuditEventQuery, Client, Order, Paging};
use futures::StreamExt;

use super::super::Failed;
use super::batch::{Item, Mark};

const PAGE_EVENTS: u32 = 1000;
const IMPORTED: &str = "annals.imported";

/// The marks of these items that the server has, on events which it recorded at `since` or later.
pub async fn here(client: &Client, items: &[Item], since: Option<Moment>) -> Result<HashSet<Mark>, Failed> {
    let times = || items.iter().filter_map(|item| item.occurred_at);
    // Without a time an item was refused, so it is not here.
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(HashSet::new()) };
    let filter = AuditEventFilter {
        occurred_at_min: Some(Moment(first)),
        occurred_at_max: Some(Moment(last)),
        received_at_min: since,
        ..AuditEventFilter::default()
    };
    let wanted: HashSet<&Mark> = items.iter().map(|item| &item.mark).collect();
    let paging = Paging { limit: Some(PAGE_EVENTS), order: Some(Order::Asc), ..Paging::default() };
    let mut events = std::pin::pin!(client.audit_events().list_all(AuditEventQuery { filter, paging }));
    let mut here = HashSet::new();
    while let Some(event) = events.next().await {
        here.extend(mark(event?).filter(|mark| wanted.contains(mark)));
    }
    Ok(here)
}

/// When the server recorded its newest event. Its clock never goes back.
pub async fn newest(client: &Client) -> Result<Option<Moment>, Failed> {
    let paging = Paging { limit: Some(1), order: Some(Order::Desc), ..Paging::default() };
    let page = client.audit_events().list(&AuditEventQuery { paging, ..AuditEventQuery::default() }).await?;
    Ok(page.items.first().map(|event| event.received_at))
}

fn mark(event: AuditLogEvent) -> Option<Mark> {
    let mark = event.context.extra.get(IMPORTED)?;
    let text = |name: &str| mark.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    Some(Mark { organization: event.organization_id, source: text("source")?, id: text("id")? })
}
