//! API keys of organizations.

use annals_core::limits::PAGE_ITEMS_MAX;
use annals_core::wire::{ApiKey, ApiKeyValidation, CreateApiKey, CreatedApiKey, ExpireApiKey, Moment, ValidateApiKey};
use futures::Stream;

use super::resource;
use crate::error::Error;
use crate::page::{Envelope, Page, Paging, every};
use crate::transport::{Call, Query, Repeat};

resource!(
    /// API keys of organizations: [`Client::api_keys`](crate::Client::api_keys).
    ApiKeys
);

impl ApiKeys {
    /// A new key. Its value is in this answer only.
    ///
    /// The server cannot tell a repetition from a second key, so a request whose answer is lost is not sent again: look at the list, and
    /// delete what nobody has the value of.
    ///
    /// # Errors
    /// Not found when the organization does not exist; refused when a field is wrong.
    pub async fn create(&self, organization_id: &str, new: &CreateApiKey) -> Result<CreatedApiKey, Error> {
        let call = Call::post(&["organizations", organization_id, "api_keys"], new, None)?;
        self.client.transport().send(&call.repeat(Repeat::IfNotCarriedOut)).await?.json()
    }

    /// The key that somebody presented to the application; `None` when it is not one of this environment's organizations, or not any more.
    ///
    /// # Errors
    /// Nothing that the presented value could cause, unless it is empty or longer than 1,024 characters.
    pub async fn validate(&self, value: &str) -> Result<Option<ApiKey>, Error> {
        let call = Call::post(&["api_keys", "validations"], &ValidateApiKey { value: value.to_owned() }, None)?;
        let validation: ApiKeyValidation = self.client.transport().send(&call).await?.json()?;
        Ok(validation.api_key)
    }

    /// Ends a key at a time, or now.
    ///
    /// # Errors
    /// Not found when there is none with this id; refused when it has expired already.
    pub async fn expire(&self, id: &str, at: Option<Moment>) -> Result<ApiKey, Error> {
        let call = Call::post(&["api_keys", id, "expire"], &ExpireApiKey { expires_at: at }, None)?;
        self.client.transport().send(&call).await?.json()
    }

    /// # Errors
    /// Not found when there is none with this id.
    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        self.client.transport().send(&Call::delete(&["api_keys", id])?).await?.success()?;
        Ok(())
    }

    /// One page of an organization's keys.
    ///
    /// # Errors
    /// Not found when the organization does not exist.
    pub async fn list(&self, organization_id: &str, paging: &Paging) -> Result<Page<ApiKey>, Error> {
        let call = Call::get(&["organizations", organization_id, "api_keys"])?.query(paging.put_into(Query::default()));
        self.client.transport().send(&call).await?.json::<Envelope<_>>().map(Page::from)
    }

    /// All keys of an organization, from page to page.
    pub fn list_all(&self, organization_id: &str, paging: Paging) -> impl Stream<Item = Result<ApiKey, Error>> + Send + use<> {
        let (this, organization) = (self.clone(), organization_id.to_owned());
        every(move |after| {
            let (this, organization, mut paging) = (this.clone(), organization.clone(), paging.clone());
            paging.next(after, PAGE_ITEMS_MAX);
            async move { this.list(&organization, &paging).await }
        })
    }
}
