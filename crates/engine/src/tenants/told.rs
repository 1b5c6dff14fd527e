//! What a change says to the feed: the events of wire contract §6 that the server makes itself. Each carries the object as an answer
//! would show it, and the key that made the change.
//!
//! Changes that leave what the wire shows as it was say nothing.

use annals_core::ids::{ApiKeyId, OrganizationId};
use annals_core::record::{EventName, NewFeedEvent, ObjectText};
use annals_core::wire::{EventActor, EventContext};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::entities::{ApiKey, Domain, DomainState, KeyOwner, Organization};
use crate::store::{Changed, Leaving, StoreError};

/// Says that an object was revised, and nothing more.
const REVISION: &str = "updated_at";

/// Tells of the changes that one key makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Teller {
    actor: ApiKeyId,
}

type Told = Result<Vec<NewFeedEvent>, StoreError>;

impl Teller {
    pub fn of(actor: ApiKeyId) -> Self {
        Self { actor }
    }

    pub fn organization_created(self, organization: &Organization) -> Told {
        let mut told = vec![self.event("organization.created", organization.id, &organization.to_wire(), None)?];
        for domain in &organization.domains {
            self.domain_changed(organization.id, None, domain, &mut told)?;
        }
        Ok(told)
    }

    /// Domains that left, the organization, domains that came or changed.
    pub fn organization_updated(self, before: &Organization, after: &Organization) -> Told {
        let id = after.id;
        let previous = previous(&before.to_wire(), &after.to_wire())?;
        if previous.is_empty() {
            return Ok(Vec::new());
        }
        let mut told = Vec::new();
        for gone in before.domains.iter().filter(|old| after.domains.iter().all(|new| new.id != old.id)) {
            told.push(self.event("organization_domain.deleted", id, &gone.to_wire(id), None)?);
        }
        told.push(self.event("organization.updated", id, &after.to_wire(), Some(previous))?);
        for new in &after.domains {
            let old = before.domains.iter().find(|old| old.id == new.id);
            self.domain_changed(id, old, new, &mut told)?;
        }
        Ok(told)
    }

    fn domain_changed(
        self,
        owner: OrganizationId,
        old: Option<&Domain>,
        new: &Domain,
        told: &mut Vec<NewFeedEvent>,
    ) -> Result<(), StoreError> {
        let (data, id) = (new.to_wire(owner), owner);
        match old {
            None => told.push(self.event("organization_domain.created", id, &data, None)?),
            Some(old) => {
                let previous = previous(&old.to_wire(owner), &data)?;
                if !previous.is_empty() {
                    told.push(self.event("organization_domain.updated", id, &data, Some(previous))?);
                }
            }
        }
        let was_verified = old.is_some_and(|old| old.state == DomainState::Verified);
        if new.state == DomainState::Verified && !was_verified {
            told.push(self.event("organization_domain.verified", id, &data, None)?);
        }
        Ok(())
    }

    /// First what it owned, then the organization.
    pub fn organization_deleted(self, leaving: &Leaving) -> Told {
        let organization = &leaving.organization;
        let mut told = Vec::new();
        for key in &leaving.api_keys {
            told.extend(self.api_key_revoked(key)?);
        }
        for domain in &organization.domains {
            told.push(self.event("organization_domain.deleted", organization.id, &domain.to_wire(organization.id), None)?);
        }
        told.push(self.event("organization.deleted", organization.id, &organization.to_wire(), None)?);
        Ok(told)
    }

    pub fn api_key_created(self, key: &ApiKey) -> Told {
        self.api_key("api_key.created", key)
    }

    pub fn api_key_revoked(self, key: &ApiKey) -> Told {
        self.api_key("api_key.revoked", key)
    }

    /// Only this kind carries the previous attributes in its data.
    pub fn api_key_updated(self, changed: &Changed<ApiKey>) -> Told {
        let Some(owner) = owner(&changed.after) else { return Ok(Vec::new()) };
        let (before, after) = (changed.before.to_wire(owner), changed.after.to_wire(owner));
        let previous_attributes = previous(&before, &after)?;
        if previous_attributes.is_empty() {
            return Ok(Vec::new());
        }
        let mut data = members(&after)?;
        data.insert("previous_attributes".to_owned(), previous_attributes.into());
        Ok(vec![self.event("api_key.updated", owner, &data, None)?])
    }

    fn api_key(self, name: &'static str, key: &ApiKey) -> Told {
        // The environment's own keys have no form on the wire.
        let Some(owner) = owner(key) else { return Ok(Vec::new()) };
        Ok(vec![self.event(name, owner, &key.to_wire(owner), None)?])
    }

    fn event(
        self,
        name: &'static str,
        organization: OrganizationId,
        data: &impl Serialize,
        previous_attributes: Option<Map<String, Value>>,
    ) -> Result<NewFeedEvent, StoreError> {
        let actor = EventActor { id: self.actor.to_string(), source: "api".to_owned(), name: None };
        let context = EventContext { actor: Some(actor), previous_attributes, ..EventContext::default() };
        let name: EventName = name.parse().map_err(|_| unspeakable(name))?;
        Ok(NewFeedEvent {
            organization: Some(organization),
            data: ObjectText::of_value(data).map_err(|_| unspeakable(name.as_str()))?,
            context: Some(ObjectText::of_value(&context).map_err(|_| unspeakable(name.as_str()))?),
            name,
        })
    }
}

fn owner(key: &ApiKey) -> Option<OrganizationId> {
    match key.owner {
        KeyOwner::Environment => None,
        KeyOwner::Organization(owner) => Some(owner),
    }
}

/// The members that changed, as they were. A member that is absent was `null`.
fn previous(before: &impl Serialize, after: &impl Serialize) -> Result<Map<String, Value>, StoreError> {
    let (mut before, after) = (members(before)?, members(after)?);
    for name in after.keys() {
        before.entry(name.clone()).or_insert(Value::Null);
    }
    before.retain(|name, was| name != REVISION && after.get(name).unwrap_or(&Value::Null) != was);
    Ok(before)
}

fn members(object: &impl Serialize) -> Result<Map<String, Value>, StoreError> {
    match serde_json::to_value(object) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(unspeakable("an object")),
    }
}

/// Cannot be: all names are well-formed and the limits of organizations and keys keep objects below the maximum.
fn unspeakable(what: &str) -> StoreError {
    StoreError::Damaged { what: format!("the event of a change ({what})") }
}

#[cfg(test)]
#[path = "told_tests.rs"]
mod tests;
