//! How a change applies to an organization, and domains to what callers sent. No store, no clock.

use std::collections::{BTreeMap, BTreeSet};

use annals_core::ids::DomainId;
use annals_core::limits::METADATA_KEYS_MAX;
use annals_core::time::Micros;

use super::{NewDomain, OrganizationChange, OrganizationError};
use crate::entities::{Domain, DomainState, DomainStrategy, Organization};
use crate::store::StoreError;

/// Makes ids of new domains.
pub(super) type DomainIds<'a> = &'a dyn Fn() -> Result<DomainId, StoreError>;

/// Writes a change into the organization, except for its revision.
pub(super) fn apply(
    organization: &mut Organization,
    change: &OrganizationChange,
    at: Micros,
    ids: DomainIds<'_>,
) -> Result<(), OrganizationError> {
    if let Some(name) = &change.name {
        organization.name.clone_from(name);
    }
    if let Some(new) = &change.domains {
        organization.domains = domains(&organization.domains, new, at, ids)?;
    }
    merge(&mut organization.metadata, &change.metadata)?;
    if let Some(external_id) = &change.external_id {
        organization.external_id.clone_from(external_id);
    }
    if let Some(stripe_customer_id) = &change.stripe_customer_id {
        organization.stripe_customer_id.clone_from(stripe_customer_id);
    }
    if let Some(allow) = change.allow_profiles_outside_organization {
        organization.allow_profiles_outside_organization = allow;
    }
    Ok(())
}

/// The set of domains, lower case, in the order in which they were given. One that is there already keeps its id.
pub(super) fn domains(old: &[Domain], new: &[NewDomain], at: Micros, ids: DomainIds<'_>) -> Result<Vec<Domain>, StoreError> {
    let mut seen = BTreeSet::new();
    let mut domains = Vec::with_capacity(new.len());
    for NewDomain { domain, state } in new {
        let name = domain.to_lowercase();
        if !seen.insert(name.clone()) {
            continue;
        }
        let kept = old.iter().find(|known| known.domain == name);
        domains.push(match kept {
            Some(known) if *state == known.state || *state == DomainState::LegacyVerified => known.clone(),
            Some(known) => Domain { state: *state, strategy: strategy(*state), updated_at: at, ..known.clone() },
            None => {
                Domain { id: ids()?, domain: name, state: *state, strategy: strategy(*state), created_at: at, updated_at: at }
            }
        });
    }
    Ok(domains)
}

fn strategy(state: DomainState) -> Option<DomainStrategy> {
    (state == DomainState::Verified).then_some(DomainStrategy::Manual)
}

fn merge(metadata: &mut BTreeMap<String, String>, change: &BTreeMap<String, Option<String>>) -> Result<(), OrganizationError> {
    for (key, value) in change {
        match value {
            Some(value) => metadata.insert(key.clone(), value.clone()),
            None => metadata.remove(key),
        };
    }
    if metadata.len() > METADATA_KEYS_MAX { Err(OrganizationError::TooMuchMetadata) } else { Ok(()) }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
