//! The older Audit Trail API, for programs that still speak it.

use annals_core::limits::PAGE_ITEMS_MAX;
use annals_core::wire::{AuditEventCreated, CreateTrailEvent, Moment, TrailEvent};
use futures::Stream;

use super::resource;
use crate::error::Error;
use crate::page::{Envelope, Order, Page, Paging, every};
use crate::transport::{Call, Query};

const PATH: &str = "events";
/// Before all times.
const EARLIEST: &str = "0000-01-01T00:00:00.000000Z";

resource!(
    /// The older Audit Trail API: [`Client::audit_trail`](crate::Client::audit_trail). New programs record with
    /// [`AuditEvents`](super::AuditEvents), which sees these events too.
    keyed AuditTrail
);

/// Which events of the older API. Kinds of filters combine with AND, the entries of one with OR; what is empty does not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrailQuery {
    pub groups: Vec<String>,
    pub actions: Vec<String>,
    /// `c`, `r`, `u`, `d`.
    pub action_types: Vec<String>,
    pub actor_names: Vec<String>,
    pub actor_ids: Vec<String>,
    pub target_names: Vec<String>,
    pub target_ids: Vec<String>,
    pub occurred_at: Option<Moment>,
    pub occurred_at_gt: Option<Moment>,
    pub occurred_at_gte: Option<Moment>,
    pub occurred_at_lt: Option<Moment>,
    pub occurred_at_lte: Option<Moment>,
    pub search: Option<String>,
    /// Newest first unless it says otherwise.
    pub paging: Paging,
}

impl TrailQuery {
    fn parameters(&self) -> Query {
        let mut paging = self.paging.clone();
        // Without a word about the order, this API pages backwards.
        paging.order.get_or_insert(Order::Desc);
        let query = Query::default()
            .list("group", &self.groups)
            .list("action", &self.actions)
            .list("action_type", &self.action_types)
            .list("actor_name", &self.actor_names)
            .list("actor_id", &self.actor_ids)
            .list("target_name", &self.target_names)
            .list("target_id", &self.target_ids)
            .time("occurred_at", self.occurred_at)
            .time("occurred_at_gt", self.occurred_at_gt)
            .time("occurred_at_gte", self.occurred_at_gte)
            .time("occurred_at_lt", self.occurred_at_lt)
            .time("occurred_at_lte", self.occurred_at_lte)
            .text("search", self.search.as_deref());
        // The feed answers on the same path: a filter that only this API has tells the server which one is meant.
        let query = if query.is_empty() { query.text("occurred_at_gte", Some(EARLIEST)) } else { query };
        paging.put_into(query)
    }
}

impl AuditTrail {
    /// Records one event. It is durable when this returns.
    ///
    /// # Errors
    /// Refused when a field is wrong, or there is no organization for the group and the server does not make one.
    pub async fn create(&self, new: &CreateTrailEvent) -> Result<(), Error> {
        let call = Call::post(&[PATH], new, self.key())?;
        let created: AuditEventCreated = self.client.transport().send(&call).await?.json()?;
        if created.success { Ok(()) } else { Err(Error::unexpected(&call, "success is false")) }
    }

    /// One page of the events that came over this API.
    ///
    /// # Errors
    /// Refused when a parameter is wrong.
    pub async fn list(&self, query: &TrailQuery) -> Result<Page<TrailEvent>, Error> {
        let call = Call::get(&[PATH])?.query(query.parameters());
        self.client.transport().send(&call).await?.json::<Envelope<_>>().map(Page::from)
    }

    /// All of them, from page to page.
    pub fn list_all(&self, query: TrailQuery) -> impl Stream<Item = Result<TrailEvent, Error>> + Send + use<> {
        let this = self.clone();
        every(move |after| {
            let (this, mut query) = (this.clone(), query.clone());
            query.paging.next(after, PAGE_ITEMS_MAX);
            async move { this.list(&query).await }
        })
    }
}
