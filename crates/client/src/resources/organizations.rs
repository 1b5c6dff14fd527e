//! Organizations: the application's customers.

use annals_core::wire::{CreateOrganization, Organization, UpdateOrganization};
use futures::Stream;

use super::resource;
use crate::error::Error;
use crate::page::{Envelope, Page, Paging, every};
use crate::transport::{Call, Query};

const PATH: &str = "organizations";
const PAGE_ITEMS_MAX: u32 = annals_core::limits::PAGE_ITEMS_MAX;

resource!(
    /// The application's customers: [`Client::organizations`](crate::Client::organizations).
    keyed Organizations
);

/// Which organizations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrganizationQuery {
    /// Those that have any of these domains.
    pub domains: Vec<String>,
    /// Part of the name.
    pub search: Option<String>,
    pub paging: Paging,
}

impl Organizations {
    /// # Errors
    /// Refused when a field is wrong, or the domain or the external id belongs to another organization.
    pub async fn create(&self, new: &CreateOrganization) -> Result<Organization, Error> {
        self.client.transport().send(&Call::post(&[PATH], new, self.key())?).await?.json()
    }

    /// # Errors
    /// Not found when there is none with this id.
    pub async fn get(&self, id: &str) -> Result<Organization, Error> {
        self.client.transport().send(&Call::get(&[PATH, id])?).await?.json()
    }

    /// # Errors
    /// Not found when there is none with this external id.
    pub async fn get_by_external_id(&self, external_id: &str) -> Result<Organization, Error> {
        self.client.transport().send(&Call::get(&[PATH, "external_id", external_id])?).await?.json()
    }

    /// Changes what `change` names and nothing else.
    ///
    /// # Errors
    /// Not found, or refused when a field is wrong.
    pub async fn update(&self, id: &str, change: &UpdateOrganization) -> Result<Organization, Error> {
        self.client.transport().send(&Call::put(&[PATH, id], change)?).await?.json()
    }

    /// # Errors
    /// Not found when there is none with this id.
    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        self.client.transport().send(&Call::delete(&[PATH, id])?).await?.success()?;
        Ok(())
    }

    /// One page.
    ///
    /// # Errors
    /// Refused when a parameter is wrong.
    pub async fn list(&self, query: &OrganizationQuery) -> Result<Page<Organization>, Error> {
        let parameters = Query::default().list("domains", &query.domains).text("search", query.search.as_deref());
        let call = Call::get(&[PATH])?.query(query.paging.put_into(parameters));
        self.client.transport().send(&call).await?.json::<Envelope<_>>().map(Page::from)
    }

    /// All of them, from page to page.
    pub fn list_all(&self, query: OrganizationQuery) -> impl Stream<Item = Result<Organization, Error>> + Send + use<> {
        let this = self.clone();
        every(move |after| {
            let (this, mut query) = (this.clone(), query.clone());
            query.paging.next(after, PAGE_ITEMS_MAX);
            async move { this.list(&query).await }
        })
    }
}
