//! Audit events: record them one by one or in batches, read them, count them, watch them.

use annals_core::counting::{CountedTime, GroupBy, Interval};
use annals_core::wire::{AuditEventCreated, AuditLogEvent, AuditLogEventStats, BatchAnswer, BatchItem, CreateAuditEvent, Moment};
use bytes::Bytes;
use futures::Stream;

use super::{resource, word};
use crate::error::Error;
use crate::page::{Envelope, Page, Paging, every};
use crate::tail::Tail;
use crate::transport::{Answer, Call, NDJSON, Query};

const PATH: [&str; 2] = ["v1", "audit_log_events"];
/// The largest page of audit events.
const PAGE_ITEMS_MAX: u32 = 1000;
const BATCH: [&str; 3] = ["v1", "audit_log_events", "batch"];

resource!(
    /// Audit events: [`Client::audit_events`](crate::Client::audit_events).
    keyed AuditEvents
);

/// Which audit events. Kinds of filters combine with AND, the entries of one with OR; what is empty does not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditEventFilter {
    pub organization_id: Option<String>,
    /// `user.*` are all that begin with `user.`.
    pub actions: Vec<String>,
    pub actor_ids: Vec<String>,
    pub actor_names: Vec<String>,
    pub actor_types: Vec<String>,
    pub target_ids: Vec<String>,
    pub target_types: Vec<String>,
    pub locations: Vec<String>,
    /// Inclusive, as all ends of ranges.
    pub occurred_at_min: Option<Moment>,
    pub occurred_at_max: Option<Moment>,
    pub received_at_min: Option<Moment>,
    pub received_at_max: Option<Moment>,
    /// Keys of the event's metadata, each with the text of its value.
    pub metadata: Vec<(String, String)>,
    /// Part of any value in the event, in upper or lower case.
    pub search: Option<String>,
}

/// Which audit events, and which page of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditEventQuery {
    pub filter: AuditEventFilter,
    /// The order is that of receipt; a cursor only goes with the same filter and order.
    pub paging: Paging,
}

/// What is counted, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatsQuery {
    pub filter: AuditEventFilter,
    pub interval: Interval,
    pub group_by: Option<GroupBy>,
    pub time: CountedTime,
    /// Groups that are listed, 1 to 100; the server's default unless set.
    pub top: Option<u32>,
}

impl AuditEventFilter {
    pub(crate) fn put_into(&self, query: Query) -> Query {
        let metadata: Vec<String> = self.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
        query
            .text("organization_id", self.organization_id.as_deref())
            .list("actions", &self.actions)
            .list("actor_ids", &self.actor_ids)
            .list("actor_names", &self.actor_names)
            .list("actor_types", &self.actor_types)
            .list("target_ids", &self.target_ids)
            .list("target_types", &self.target_types)
            .list("locations", &self.locations)
            .time("occurred_at_min", self.occurred_at_min)
            .time("occurred_at_max", self.occurred_at_max)
            .time("received_at_min", self.received_at_min)
            .time("received_at_max", self.received_at_max)
            .list("metadata", &metadata)
            .text("search", self.search.as_deref())
    }
}

impl AuditEvents {
    /// Records one event. It is durable when this returns.
    ///
    /// # Errors
    /// Refused when a field is wrong or the event breaks its action's schema; not found when the organization does not exist.
    pub async fn create(&self, new: &CreateAuditEvent) -> Result<(), Error> {
        let call = Call::post(&["audit_logs", "events"], new, self.key())?;
        let created: AuditEventCreated = self.client.transport().send(&call).await?.json()?;
        // The contract knows no other answer, but a proxy may invent one.
        if created.success { Ok(()) } else { Err(Error::unexpected(&call, "success is false")) }
    }

    /// Records up to 10,000 events in one commit. An item that is refused does not hold up the others: look at every result.
    ///
    /// # Errors
    /// Refused when the request as a whole is wrong or too large. Nothing was stored then.
    pub async fn batch(&self, items: &[BatchItem]) -> Result<BatchAnswer, Error> {
        self.send_batch(Call::post(&BATCH, &items, self.key())?, Some(items.len())).await
    }

    /// Records all of them or none: when any is refused, the answer has `stored: 0` and says which.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    pub async fn batch_all_or_none(&self, items: &[BatchItem]) -> Result<BatchAnswer, Error> {
        let atomic = Query::default().text("atomic", Some("true"));
        self.send_batch(Call::post(&BATCH, &items, self.key())?.query(atomic), Some(items.len())).await
    }

    /// Like [`batch`](Self::batch), with items that are JSON already: one on each line.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    pub async fn batch_lines(&self, lines: Bytes) -> Result<BatchAnswer, Error> {
        self.send_batch(Call::post_bytes(&BATCH, NDJSON, lines, self.key())?, None).await
    }

    /// # Errors
    /// Not found when there is none with this id, or this key cannot see it.
    pub async fn get(&self, id: &str) -> Result<AuditLogEvent, Error> {
        self.client.transport().send(&Call::get(&[PATH[0], PATH[1], id])?).await?.json()
    }

    /// One page, newest first unless the query says otherwise.
    ///
    /// # Errors
    /// Refused when a parameter is wrong; not found when the filter names an organization that this key cannot see.
    pub async fn list(&self, query: &AuditEventQuery) -> Result<Page<AuditLogEvent>, Error> {
        let parameters = query.paging.put_into(query.filter.put_into(Query::default()));
        let call = Call::get(&PATH)?.query(parameters);
        self.client.transport().send(&call).await?.json::<Envelope<_>>().map(Page::from)
    }

    /// All of them, from page to page.
    pub fn list_all(&self, query: AuditEventQuery) -> impl Stream<Item = Result<AuditLogEvent, Error>> + Send + use<> {
        let this = self.clone();
        every(move |after| {
            let (this, mut query) = (this.clone(), query.clone());
            query.paging.next(after, PAGE_ITEMS_MAX);
            async move { this.list(&query).await }
        })
    }

    /// Counts events over time.
    ///
    /// # Errors
    /// Refused when a parameter is wrong, or the interval is too short for the range.
    pub async fn stats(&self, query: &StatsQuery) -> Result<AuditLogEventStats, Error> {
        let parameters = query
            .filter
            .put_into(Query::default())
            .text("interval", Some(&word(&query.interval)))
            .text("group_by", query.group_by.as_ref().map(word).as_deref())
            .text("time", Some(&word(&query.time)))
            .number("top", query.top);
        self.client.transport().send(&Call::get(&["v1", "audit_log_events", "stats"])?.query(parameters)).await?.json()
    }

    /// Events as they are recorded, from now on.
    ///
    /// # Errors
    /// The first connection fails. Later ones are mended: see [`Tail`].
    pub async fn tail(&self, filter: AuditEventFilter) -> Result<Tail, Error> {
        Tail::open(self.client.clone(), filter, None).await
    }

    /// Events as they are recorded, from behind the event with this id.
    ///
    /// # Errors
    /// As [`tail`](Self::tail); refused with `unknown_event_id` when there is no such event, or this key cannot see it.
    pub async fn tail_after(&self, filter: AuditEventFilter, id: &str) -> Result<Tail, Error> {
        Tail::open(self.client.clone(), filter, Some(id.to_owned())).await
    }

    async fn send_batch(&self, call: Call, items: Option<usize>) -> Result<BatchAnswer, Error> {
        let answer = self.client.transport().send(&call).await?;
        let batch = match refused_as_a_whole(&answer) {
            Some(batch) => batch,
            None => answer.json()?,
        };
        // Results are matched to items by their place: one too few would blame the wrong event.
        match items {
            Some(items) if items != batch.results.len() => {
                Err(Error::unexpected(&call, &format!("{} results for {items} items", batch.results.len())))
            }
            _ => Ok(batch),
        }
    }
}

/// A batch of which all or nothing was to be stored answers 422 with the same body as one that was stored.
fn refused_as_a_whole(answer: &Answer) -> Option<BatchAnswer> {
    (answer.status == 422).then(|| serde_json::from_slice(&answer.body).ok()).flatten()
}
