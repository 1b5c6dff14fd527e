//! Groups of the older Audit Trail API: a text by which a client names an organization (wire contract §7).

use annals_core::ids::OrganizationId;
use sha2::{Digest, Sha256};

use super::{NewOrganization, OrganizationError};
use crate::entities::OrganizationFilter;
use crate::page::{ListQuery, Order};
use crate::store::{StoreError, Unique, unkept};
use crate::tenants::{EnvironmentScope, OrganizationScope, Scope, Tenants};

/// How often an organization that somebody else just made is looked for, before giving up on one that comes and goes.
const ATTEMPTS_MAX: u32 = 3;

/// A short stand-in for a group in memory.
pub(in crate::tenants) type GroupDigest = [u8; 16];

impl Tenants {
    /// The organization with this id, this external id or this domain, the first that there is. Domains have no case. On the way of
    /// every event, so look-ups are remembered for two seconds.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) async fn organization_of_group(
        &self,
        scope: &Scope,
        group: &str,
    ) -> Result<Option<OrganizationScope>, StoreError> {
        let key = (scope.environment, digest(group));
        let Some(id) = self.inner().groups.find(key, self.look_for_group(scope, group)).await? else { return Ok(None) };
        match self.organization_scope(scope, id).await {
            Ok(organization) => Ok(Some(organization)),
            Err(OrganizationError::Store(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    async fn look_for_group(&self, scope: &Scope, group: &str) -> Result<Option<OrganizationId>, StoreError> {
        let store = &self.inner().store;
        if let Ok(id) = group.parse()
            && store.organization(scope.environment, id).await?.is_some()
        {
            return Ok(Some(id));
        }
        if let Some(found) = store.organization_by_external_id(scope.environment, group).await? {
            return Ok(Some(found.id));
        }
        let one = ListQuery { limit: 1, before: None, after: None, order: Order::Asc };
        let with_domain = OrganizationFilter { domains: vec![group.to_lowercase()], search: None };
        let found = store.organizations(scope.environment, &one, &with_domain).await?;
        Ok(found.items.first().map(|organization| organization.id))
    }

    /// Makes an organization with the group as its name and external id. Of several calls at once one makes it, and all get it.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) async fn create_organization_of_group(
        &self,
        scope: &EnvironmentScope,
        group: &str,
    ) -> Result<OrganizationScope, OrganizationError> {
        let environment = scope.environment_id();
        for _ in 0..ATTEMPTS_MAX {
            let external_id = Some(group.to_owned());
            let new = NewOrganization { name: group.to_owned(), external_id, ..NewOrganization::default() };
            match self.create_organization(scope, new, &unkept).await {
                Ok(made) => return Ok(OrganizationScope { environment, organization: made.id }),
                Err(OrganizationError::ExternalIdTaken) => {}
                Err(error) => return Err(error),
            }
            if let Some(other) = self.inner().store.organization_by_external_id(environment, group).await? {
                return Ok(OrganizationScope { environment, organization: other.id });
            }
        }
        Err(StoreError::Taken(Unique::ExternalId).into())
    }
}

fn digest(group: &str) -> GroupDigest {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha256::digest(group)[..16]);
    first
}
