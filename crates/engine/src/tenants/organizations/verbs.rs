//! What is done with organizations.

use std::time::Duration;

use annals_core::ids::{DomainId, EnvironmentId, OrganizationId};

use super::change::{apply, domains};
use super::{NewOrganization, OrganizationChange, OrganizationError};
use crate::entities::{Organization, OrganizationFilter};
use crate::page::{ListQuery, Page};
use crate::store::{Keep, Leaving, StoreError, Unique};
use crate::tenants::told::Teller;
use crate::tenants::{EnvironmentScope, OrganizationScope, Scope, Tenants};

/// How often a change is tried again because somebody else changed the organization meanwhile.
const ATTEMPTS_MAX: u32 = 10;

impl Tenants {
    /// The right to touch an organization. On the way of every event, so look-ups are remembered for a minute; a deletion by this process
    /// counts at once.
    ///
    /// # Errors
    /// `NotFound` when it is not in the scope's environment, or the scope is another organization's key.
    pub async fn organization_scope(&self, scope: &Scope, id: OrganizationId) -> Result<OrganizationScope, OrganizationError> {
        if !scope.covers(id) {
            return Err(OrganizationError::NotFound);
        }
        self.require_organization(scope.environment, id).await?;
        Ok(OrganizationScope { environment: scope.environment, organization: id })
    }

    pub(in crate::tenants) async fn require_organization(
        &self,
        environment: EnvironmentId,
        id: OrganizationId,
    ) -> Result<(), OrganizationError> {
        let read = async { Ok(self.inner().store.organization(environment, id).await?.map(|_| ())) };
        let found = self.inner().organizations.find((environment, id), read).await?;
        found.ok_or(OrganizationError::NotFound)
    }

    /// # Errors
    /// A domain or the external id is taken, or the store fails.
    pub async fn create_organization(
        &self,
        scope: &EnvironmentScope,
        new: NewOrganization,
        keep: Keep<'_, Organization>,
    ) -> Result<Organization, OrganizationError> {
        let now = self.inner().clock.now();
        let organization = Organization {
            id: self.inner().mint.id(OrganizationId::from_parts)?,
            name: new.name,
            domains: domains(&[], &new.domains, now, &|| self.domain_id())?,
            metadata: new.metadata,
            external_id: new.external_id,
            stripe_customer_id: None,
            allow_profiles_outside_organization: new.allow_profiles_outside_organization,
            retention_days: None,
            created_at: now,
            updated_at: now,
        };
        let events = Teller::of(scope.key()).organization_created(&organization)?;
        let inserted = self.inner().store.insert_organization(scope.environment_id(), &organization, &events, keep).await;
        // Also after an error: it may have been stored.
        self.inner().told.notify_one();
        self.inner().groups.remove_all();
        inserted.map_err(refusal)?;
        Ok(organization)
    }

    /// # Errors
    /// `NotFound` when it was deleted since the scope was made, or the store fails.
    pub async fn organization(&self, scope: &OrganizationScope) -> Result<Organization, OrganizationError> {
        let found = self.inner().store.organization(scope.environment, scope.organization).await?;
        found.ok_or(OrganizationError::NotFound)
    }

    /// # Errors
    /// `NotFound`, also when the scope is another organization's key, or the store fails.
    pub async fn organization_by_external_id(&self, scope: &Scope, external_id: &str) -> Result<Organization, OrganizationError> {
        let found = self.inner().store.organization_by_external_id(scope.environment, external_id).await?;
        found.filter(|organization| scope.covers(organization.id)).ok_or(OrganizationError::NotFound)
    }

    /// # Errors
    /// The store fails.
    pub async fn organizations(
        &self,
        scope: &EnvironmentScope,
        query: &ListQuery<OrganizationId>,
        filter: &OrganizationFilter,
    ) -> Result<Page<Organization, OrganizationId>, StoreError> {
        let domains = filter.domains.iter().map(|domain| domain.to_lowercase()).collect();
        let filter = OrganizationFilter { domains, search: filter.search.clone() };
        self.inner().store.organizations(scope.environment_id(), query, &filter).await
    }

    /// # Errors
    /// It is not there, a value is taken, too much metadata, or the store fails.
    pub async fn update_organization(
        &self,
        scope: &EnvironmentScope,
        id: OrganizationId,
        change: OrganizationChange,
    ) -> Result<Organization, OrganizationError> {
        let now = self.inner().clock.now();
        let revised = self.revise(scope, id, |organization| apply(organization, &change, now, &|| self.domain_id())).await;
        self.inner().groups.remove_all();
        revised
    }

    /// Its domains and API keys go with it; its events stay until retention takes them. Comes to its end also when nobody waits for it any
    /// more: what is gone would be remembered for a minute otherwise.
    ///
    /// # Errors
    /// It is not there, or the store fails.
    pub async fn delete_organization(&self, scope: &EnvironmentScope, id: OrganizationId) -> Result<(), OrganizationError> {
        let (tenants, scope) = (self.clone(), *scope);
        let deleting = tokio::spawn(async move { tenants.delete_and_forget(&scope, id).await });
        deleting.await.unwrap_or_else(|ended| Err(StoreError::Unavailable(Box::new(ended)).into()))
    }

    async fn delete_and_forget(&self, scope: &EnvironmentScope, id: OrganizationId) -> Result<(), OrganizationError> {
        let tell = |leaving: &Leaving| Teller::of(scope.key()).organization_deleted(leaving);
        let deleted = self.inner().store.delete_organization(scope.environment_id(), id, &tell).await;
        // Also after an error: it may be gone. Its keys are not known here, so all of them are looked up again.
        self.inner().told.notify_one();
        self.inner().organizations.remove(&(scope.environment_id(), id)).await;
        self.inner().keys.remove_all();
        self.inner().groups.remove_all();
        if deleted? { Ok(()) } else { Err(OrganizationError::NotFound) }
    }

    /// Reads, changes, and writes if nobody else wrote meanwhile; otherwise again from the start. A change that changes nothing is not
    /// written.
    pub(in crate::tenants) async fn revise(
        &self,
        scope: &EnvironmentScope,
        id: OrganizationId,
        change: impl Fn(&mut Organization) -> Result<(), OrganizationError> + Send + Sync,
    ) -> Result<Organization, OrganizationError> {
        let (store, environment) = (&self.inner().store, scope.environment_id());
        let _turn = self.inner().changes.lock().await;
        for _ in 0..ATTEMPTS_MAX {
            let before = store.organization(environment, id).await?.ok_or(OrganizationError::NotFound)?;
            let read_at = before.updated_at;
            let mut organization = before.clone();
            change(&mut organization)?;
            if organization == before {
                return Ok(before);
            }
            // Always a new revision, also within one microsecond and when the clock was set back.
            organization.updated_at = self.inner().clock.now().max(read_at.saturating_add(Duration::from_micros(1)));
            let events = Teller::of(scope.key()).organization_updated(&before, &organization)?;
            let updated = store.update_organization(environment, &organization, read_at, &events).await;
            self.inner().told.notify_one();
            match updated {
                Err(StoreError::Taken(Unique::Revision)) => {}
                outcome => return outcome.map(|()| organization).map_err(refusal),
            }
        }
        Err(StoreError::Taken(Unique::Revision).into())
    }

    fn domain_id(&self) -> Result<DomainId, StoreError> {
        self.inner().mint.id(DomainId::from_parts)
    }
}

fn refusal(error: StoreError) -> OrganizationError {
    match error {
        StoreError::Taken(Unique::Domain(domain)) => OrganizationError::DomainTaken { domain },
        StoreError::Taken(Unique::ExternalId) => OrganizationError::ExternalIdTaken,
        StoreError::Taken(Unique::StripeCustomerId) => OrganizationError::StripeCustomerIdTaken,
        other => OrganizationError::Store(other),
    }
}
