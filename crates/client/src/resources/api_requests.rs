//! The API-request log: one entry for each request that somebody made to an API.

use annals_core::limits::API_REQUESTS_MAX;
use annals_core::wire::{
    ApiRequest, ApiRequestActorType, ApiRequests as Answer, CreateApiRequest, Moment, Published, Receipt, Receipts,
};
use futures::Stream;

use super::{resource, word};
use crate::error::Error;
use crate::page::{Order, Page, every};
use crate::transport::{Call, Query};

const PATH: [&str; 2] = ["v1", "audit_logs"];

resource!(
    /// The log of API requests: [`Client::api_requests`](crate::Client::api_requests).
    keyed ApiRequests
);

/// Which API requests. All filters combine with AND; what is empty does not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiRequestQuery {
    pub action: Option<String>,
    pub actor_id: Option<String>,
    pub actor_type: Option<ApiRequestActorType>,
    pub client_ip: Option<String>,
    /// Inclusive, as all ends of ranges.
    pub created_at_min: Option<Moment>,
    pub created_at_max: Option<Moment>,
    pub method: Option<String>,
    /// Part of the path, in upper or lower case.
    pub path: Option<String>,
    pub status_code_min: Option<u16>,
    pub status_code_max: Option<u16>,
    pub target_id: Option<String>,
    pub target_type: Option<String>,
    /// Keys of an environment only; keys of an organization see their own anyway.
    pub organization_id: Option<String>,
    /// The first counts most. Newest first unless set.
    pub sort: Vec<(SortField, Order)>,
    pub limit: Option<u32>,
    /// From a page with the same filters and order.
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SortField {
    CreatedAt,
    StatusCode,
}

/// One page, with the number of entries on all pages.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedPage<T> {
    pub page: Page<T>,
    pub total_count: u64,
}

impl ApiRequestQuery {
    fn parameters(&self) -> Query {
        let sort: Vec<String> = self.sort.iter().map(|(field, order)| format!("{}:{}", word(field), order.name())).collect();
        Query::default()
            .text("action", self.action.as_deref())
            .text("actor_id", self.actor_id.as_deref())
            .text("actor_type", self.actor_type.as_ref().map(word).as_deref())
            .text("client_ip", self.client_ip.as_deref())
            .time("created_at_min", self.created_at_min)
            .time("created_at_max", self.created_at_max)
            .text("method", self.method.as_deref())
            .text("path", self.path.as_deref())
            .number("status_code_min", self.status_code_min.map(u32::from))
            .number("status_code_max", self.status_code_max.map(u32::from))
            .text("target_id", self.target_id.as_deref())
            .text("target_type", self.target_type.as_deref())
            .text("organization_id", self.organization_id.as_deref())
            .text("sort", Some(&sort.join(",")))
            .number("limit", self.limit)
            .text("cursor", self.cursor.as_deref())
    }
}

impl ApiRequests {
    /// Keeps one entry. It is durable when this returns.
    ///
    /// # Errors
    /// Refused when a field is wrong; not found when the organization does not exist.
    pub async fn publish(&self, new: &CreateApiRequest) -> Result<Receipt, Error> {
        self.client.transport().send(&Call::post(&PATH, new, self.key())?).await?.json()
    }

    /// Keeps 1 to 1,000 entries, all or none. One receipt for each, in order.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); the path of a wrong field begins with the place of its entry, such as `2.action`.
    pub async fn publish_all(&self, new: &[CreateApiRequest]) -> Result<Vec<Receipt>, Error> {
        let call = Call::post(&PATH, &new, self.key())?;
        receipts(&call, self.client.transport().send(&call).await?.json()?, new.len())
    }

    /// # Errors
    /// Not found when there is none with this id, or this key cannot see it.
    pub async fn get(&self, id: &str) -> Result<ApiRequest, Error> {
        self.client.transport().send(&Call::get(&[PATH[0], PATH[1], id])?).await?.json()
    }

    /// One page.
    ///
    /// # Errors
    /// Refused when a parameter is wrong.
    pub async fn list(&self, query: &ApiRequestQuery) -> Result<CountedPage<ApiRequest>, Error> {
        let answer: Answer = self.client.transport().send(&Call::get(&PATH)?.query(query.parameters())).await?.json()?;
        let live = |cursor: Option<String>| cursor.filter(|cursor| !cursor.is_empty());
        let (before, after) = (live(answer.pagination.previous_cursor), live(answer.pagination.next_cursor));
        Ok(CountedPage { page: Page { items: answer.items, before, after }, total_count: answer.pagination.total_count })
    }

    /// All of them, from page to page.
    pub fn list_all(&self, query: ApiRequestQuery) -> impl Stream<Item = Result<ApiRequest, Error>> + Send + use<> {
        let this = self.clone();
        every(move |after| {
            let (this, mut query) = (this.clone(), query.clone());
            query.limit.get_or_insert(API_REQUESTS_MAX);
            query.cursor = after.or(query.cursor);
            async move { this.list(&query).await.map(|counted| counted.page) }
        })
    }
}

/// The receipts of an array that was published.
pub(super) fn receipts(call: &Call, published: Published, items: usize) -> Result<Vec<Receipt>, Error> {
    match published {
        Published::Many(Receipts { results }) if results.len() == items => Ok(results),
        Published::Many(Receipts { results }) => {
            Err(Error::unexpected(call, &format!("{} receipts for {items} items", results.len())))
        }
        Published::One(_) => Err(Error::unexpected(call, "one receipt for an array")),
    }
}
