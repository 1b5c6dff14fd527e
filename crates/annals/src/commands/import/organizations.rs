//! Which organization here an event from elsewhere belongs to. Each owner is looked up once.

use std::collections::HashMap;

use annals_client::wire::{CreateOrganization, Organization};
use annals_client::{Client, Error, OrganizationQuery};

use super::super::Failed;
use super::super::text::pair;
use super::shape::Owner;

#[derive(Debug, Clone, clap::Args)]
pub struct OrganizationArgs {
    /// All events belong to this organization
    #[arg(long, value_name = "ORG_ID", conflicts_with_all = ["map", "create_organizations"])]
    org: Option<String>,
    /// What belonged to FROM, an organization or group elsewhere, belongs to this organization; can be repeated
    #[arg(long, value_name = "FROM=ORG_ID", value_parser = pair)]
    map: Vec<(String, String)>,
    /// Make organizations that are not here yet; what they are called elsewhere is their name and external id
    #[arg(long)]
    create_organizations: bool,
}

pub struct Organizations<'c> {
    client: &'c Client,
    all: Option<String>,
    create: bool,
    /// `Err` has the reason why its lines are refused.
    known: HashMap<Owner, Result<String, String>>,
}

impl OrganizationArgs {
    /// As they were typed, in a fixed order.
    pub fn text(&self) -> String {
        let mut maps: Vec<_> = self.map.iter().map(|(from, to)| format!("--map {from}={to}")).collect();
        maps.sort_unstable();
        let org = self.org.iter().map(|id| format!("--org {id}"));
        let create = self.create_organizations.then(|| "--create-organizations".to_owned());
        org.chain(maps).chain(create).collect::<Vec<_>>().join(" ")
    }

    /// # Errors
    /// An organization that is named does not exist.
    pub async fn open(self, client: &Client) -> Result<Organizations<'_>, Failed> {
        let named = self.map.iter().map(|(_, to)| to).chain(&self.org);
        for id in named {
            client.organizations().get(id).await?;
        }
        let mapped =
            |(from, to): (String, String)| [(Owner::Organization(from.clone()), Ok(to.clone())), (Owner::Group(from), Ok(to))];
        let known = self.map.into_iter().flat_map(mapped).collect();
        Ok(Organizations { client, all: self.org, create: self.create_organizations, known })
    }
}

impl Organizations<'_> {
    /// The inner error is the reason why the line is refused.
    ///
    /// # Errors
    /// Nobody can say.
    pub async fn find(&mut self, owner: &Owner) -> Result<Result<String, String>, Failed> {
        if let Some(all) = &self.all {
            return Ok(Ok(all.clone()));
        }
        if let Some(found) = self.known.get(owner) {
            return Ok(found.clone());
        }
        let found = self.look_up(owner).await?;
        self.known.insert(owner.clone(), found.clone());
        Ok(found)
    }

    async fn look_up(&self, owner: &Owner) -> Result<Result<String, String>, Failed> {
        let (called, is_group) = match owner {
            Owner::Nobody => return Ok(Err("it names no organization: say whose it is with --org".to_owned())),
            Owner::Organization(called) => (called, false),
            Owner::Group(called) => (called, true),
        };
        let organizations = self.client.organizations();
        if called.starts_with("org_")
            && let Some(found) = unless_missing(organizations.get(called).await)?
        {
            return Ok(Ok(found.id));
        }
        if let Some(found) = unless_missing(organizations.get_by_external_id(called).await)? {
            return Ok(Ok(found.id));
        }
        if is_group {
            // As the server takes groups itself (wire contract §7).
            let query = OrganizationQuery { domains: vec![called.clone()], ..OrganizationQuery::default() };
            // A filter with a comma is two filters, so what is found is looked at.
            let has_it = |found: &Organization| found.domains.iter().any(|domain| domain.domain.eq_ignore_ascii_case(called));
            let found = unless_refused(organizations.list(&query).await)?;
            if let Some(found) = found.ok().and_then(|page| page.items.into_iter().find(has_it)) {
                return Ok(Ok(found.id));
            }
        }
        if !self.create {
            let hint = "say which one it is with --map, or have it made with --create-organizations";
            return Ok(Err(format!("the organization {called:?} is not here: {hint}")));
        }
        let new = CreateOrganization { name: called.clone(), external_id: Some(called.clone()), ..CreateOrganization::default() };
        Ok(unless_refused(organizations.create(&new).await)?.map(|made| made.id))
    }
}

/// An id or external id that cannot be one is refused, which also means that it is not here.
fn unless_missing(answer: Result<Organization, Error>) -> Result<Option<Organization>, Failed> {
    match answer {
        Err(Error::NotFound(_) | Error::Refused(_) | Error::Unsendable(_)) => Ok(None),
        answer => Ok(Some(answer?)),
    }
}

fn unless_refused<T>(answer: Result<T, Error>) -> Result<Result<T, String>, Failed> {
    match answer {
        Err(refused @ Error::Refused(_)) => Ok(Err(format!("its organization: {refused}"))),
        answer => Ok(Ok(answer?)),
    }
}
