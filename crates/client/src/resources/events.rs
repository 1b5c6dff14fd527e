//! The Events API: the environment's feed, followed with a cursor, and publishing into it.

use std::time::Duration;

use annals_core::limits::PAGE_ITEMS_MAX;
use annals_core::wire::{Event, Moment, PublishEvent, Receipt};
use futures::Stream;

use super::api_requests::receipts;
use super::resource;
use crate::error::Error;
use crate::page::{Envelope, Page, Paging, every};
use crate::transport::{Call, Query};

const PATH: &str = "events";
const PUBLISH: [&str; 2] = ["v1", "events"];

resource!(
    /// The environment's feed: [`Client::events`](crate::Client::events).
    keyed Events
);

/// Which events of the feed. They come oldest first, whatever the order asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventQuery {
    /// At least one name, such as [`USER_CREATED`](crate::event_names::USER_CREATED). [`EVERY_NAME`](crate::event_names::EVERY_NAME) is all of
    /// them.
    pub events: Vec<String>,
    pub organization_id: Option<String>,
    /// First and last `created_at`.
    pub range_start: Option<Moment>,
    pub range_end: Option<Moment>,
    pub paging: Paging,
}

impl EventQuery {
    /// All events with any of these names.
    #[must_use]
    pub fn of<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self { events: names.into_iter().map(Into::into).collect(), ..Self::default() }
    }
    /// Only what comes after the event with this id: where a follower left off.
    #[must_use]
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.paging.after = Some(id.into());
        self
    }
}

impl Events {
    /// One page, oldest first.
    ///
    /// # Errors
    /// Refused when a parameter is wrong, or no name is given.
    pub async fn list(&self, query: &EventQuery) -> Result<Page<Event>, Error> {
        let parameters = Query::default()
            .list("events", &query.events)
            .text("organization_id", query.organization_id.as_deref())
            .time("range_start", query.range_start)
            .time("range_end", query.range_end);
        let call = Call::get(&[PATH])?.query(query.paging.put_into(parameters));
        self.client.transport().send(&call).await?.json::<Envelope<_>>().map(Page::from)
    }

    /// Those that are there now, oldest first, from page to page.
    pub fn list_all(&self, query: EventQuery) -> impl Stream<Item = Result<Event, Error>> + Send + use<> {
        let this = self.clone();
        every(move |after| {
            let (this, mut query) = (this.clone(), query.clone());
            query.paging.next(after, PAGE_ITEMS_MAX);
            async move { this.list(&query).await }
        })
    }

    /// Those that are there now and every later one, each once, oldest first. Asks again `pause` after it has seen the newest.
    ///
    /// A consumer that keeps the id of the last event it has dealt with goes on from there with [`EventQuery::after`]: nothing is skipped. The
    /// stream outlasts a server that is away for a while, and ends after an error that waiting does not cure.
    pub fn follow(&self, query: EventQuery, pause: Duration) -> impl Stream<Item = Result<Event, Error>> + Send + use<> {
        struct Follower {
            events: Events,
            query: EventQuery,
            page: std::vec::IntoIter<Event>,
            wait: Duration,
            failures: u32,
        }
        let mut start = Follower { events: self.clone(), query, page: Vec::new().into_iter(), wait: Duration::ZERO, failures: 0 };
        start.query.paging.limit.get_or_insert(PAGE_ITEMS_MAX);
        futures::stream::try_unfold(start, move |mut follower| async move {
            loop {
                if let Some(event) = follower.page.next() {
                    follower.query.paging.after = Some(event.id.clone());
                    return Ok(Some((event, follower)));
                }
                tokio::time::sleep(follower.wait).await;
                match follower.events.list(&follower.query).await {
                    Ok(page) => {
                        follower.failures = 0;
                        follower.wait = if page.after.is_some() && !page.items.is_empty() { Duration::ZERO } else { pause };
                        follower.page = page.items.into_iter();
                    }
                    Err(error) if error.is_temporary() => {
                        follower.wait = follower.events.client.transport().patience(follower.failures, Some(&error));
                        follower.failures = follower.failures.saturating_add(1);
                        tracing::warn!(%error, failures = follower.failures, "the feed cannot be read, will be asked again");
                    }
                    Err(error) => return Err(error),
                }
            }
        })
    }

    /// Publishes one event. It is durable when this returns.
    ///
    /// # Errors
    /// Refused when a field is wrong; not found when the organization does not exist.
    pub async fn publish(&self, new: &PublishEvent) -> Result<Receipt, Error> {
        self.client.transport().send(&Call::post(&PUBLISH, new, self.key())?).await?.json()
    }

    /// Publishes 1 to 1,000 events, all or none. One receipt for each, in order.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); the path of a wrong field begins with the place of its event, such as `2.event`.
    pub async fn publish_all(&self, new: &[PublishEvent]) -> Result<Vec<Receipt>, Error> {
        let call = Call::post(&PUBLISH, &new, self.key())?;
        receipts(&call, self.client.transport().send(&call).await?.json()?, new.len())
    }
}
