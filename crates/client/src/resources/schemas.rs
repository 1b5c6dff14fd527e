//! Actions and the schemas of their events.

use annals_core::limits::PAGE_ITEMS_MAX;
use annals_core::wire::{Action, CreateSchema, Schema};
use futures::Stream;

use super::resource;
use crate::error::Error;
use crate::page::{Envelope, Page, Paging, every};
use crate::transport::{Call, Query};

const PATH: [&str; 2] = ["audit_logs", "actions"];

resource!(
    /// Actions and schemas: [`Client::schemas`](crate::Client::schemas).
    keyed Schemas
);

impl Schemas {
    /// Makes the next version of the action's schema, and the action if there is none. Events use version 1 until they name another.
    ///
    /// # Errors
    /// Refused when a field is wrong.
    pub async fn create(&self, action: &str, new: &CreateSchema) -> Result<Schema, Error> {
        self.client.transport().send(&Call::post(&[PATH[0], PATH[1], action, "schemas"], new, self.key())?).await?.json()
    }

    /// One page of an action's versions, newest first.
    ///
    /// # Errors
    /// Not found when there is no such action.
    pub async fn list(&self, action: &str, paging: &Paging) -> Result<Page<Schema>, Error> {
        let call = Call::get(&[PATH[0], PATH[1], action, "schemas"])?.query(paging.put_into(Query::default()));
        self.client.transport().send(&call).await?.json::<Envelope<_>>().map(Page::from)
    }

    /// All versions of an action, from page to page.
    pub fn list_all(&self, action: &str, paging: Paging) -> impl Stream<Item = Result<Schema, Error>> + Send + use<> {
        let (this, action) = (self.clone(), action.to_owned());
        every(move |after| {
            let (this, action, mut paging) = (this.clone(), action.clone(), paging.clone());
            paging.next(after, PAGE_ITEMS_MAX);
            async move { this.list(&action, &paging).await }
        })
    }

    /// One page of the environment's actions, each with its newest schema.
    ///
    /// # Errors
    /// Refused when a parameter is wrong.
    pub async fn list_actions(&self, paging: &Paging) -> Result<Page<Action>, Error> {
        let call = Call::get(&PATH)?.query(paging.put_into(Query::default()));
        self.client.transport().send(&call).await?.json::<Envelope<_>>().map(Page::from)
    }

    /// All actions, from page to page.
    pub fn list_all_actions(&self, paging: Paging) -> impl Stream<Item = Result<Action, Error>> + Send + use<> {
        let this = self.clone();
        every(move |after| {
            let (this, mut paging) = (this.clone(), paging.clone());
            paging.next(after, PAGE_ITEMS_MAX);
            async move { this.list_actions(&paging).await }
        })
    }
}
