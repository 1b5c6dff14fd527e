//! `annals orgs`.

use std::collections::BTreeMap;

use annals_client::wire::{CreateOrganization, Organization, UpdateOrganization};
use annals_client::{Error, OrganizationQuery, Paging};
use clap::Subcommand;
use futures::StreamExt;

use super::output::Row;
use super::text::pair;
use super::{Failed, With};

#[derive(Debug, Subcommand)]
pub enum OrgsCommand {
    /// All organizations, newest first
    List(With<ListArgs>),
    /// One organization, by its id or external id
    Get(With<OneArgs>),
    /// Make an organization
    Create(With<CreateArgs>),
    /// Change an organization; what is not named stays
    Update(With<UpdateArgs>),
    /// Delete an organization and its API keys; its events stay
    Delete(With<OneArgs>),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Part of the name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Has this domain; can be repeated
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct OneArgs {
    /// `org_…`, or the external id
    #[arg(value_name = "ORGANIZATION")]
    id: String,
}

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    #[arg(value_name = "NAME")]
    name: String,
    /// What the application calls it
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Domain; can be repeated
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Metadata; can be repeated
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

#[derive(Debug, clap::Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    one: OneArgs,
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What the application calls it; empty takes it away
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// The domains instead of those that it has; can be repeated
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Option<Vec<String>>,
    /// Metadata; an empty value takes the key away. Can be repeated
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

impl Row for Organization {
    const COLUMNS: &'static [&'static str] = &["id", "name", "external_id", "domains", "created_at"];

    fn cells(&self) -> Vec<String> {
        let domains: Vec<_> = self.domains.iter().map(|domain| domain.domain.as_str()).collect();
        let external_id = self.external_id.clone().unwrap_or_default();
        vec![self.id.clone(), self.name.clone(), external_id, domains.join(", "), self.created_at.0.wire()]
    }
}

pub async fn run(command: OrgsCommand) -> Result<(), Failed> {
    match command {
        OrgsCommand::List(with) => {
            let (client, mut output, ListArgs { search, domains }) = with.open()?;
            let query = OrganizationQuery { domains, search, paging: Paging::default() };
            let mut all = std::pin::pin!(client.organizations().list_all(query));
            let mut rows = output.rows();
            while let Some(organization) = all.next().await {
                rows.push(&organization?)?;
            }
            rows.flush::<Organization>()
        }
        OrgsCommand::Get(with) => {
            let (client, mut output, one) = with.open()?;
            output.thing(&find(&client, &one.id).await?)
        }
        OrgsCommand::Create(with) => {
            let (client, mut output, args) = with.open()?;
            let new = CreateOrganization {
                name: args.name,
                domains: (!args.domains.is_empty()).then_some(args.domains),
                metadata: args.metadata.into_iter().collect(),
                external_id: args.external_id,
                ..CreateOrganization::default()
            };
            let made = client.organizations().create(&new).await?;
            output.told(&made.id, &made)
        }
        OrgsCommand::Update(with) => {
            let (client, mut output, args) = with.open()?;
            let id = find(&client, &args.one.id).await?.id;
            let given = |value: String| (!value.is_empty()).then_some(value);
            let change = UpdateOrganization {
                name: args.name,
                domains: args.domains,
                metadata: args.metadata.into_iter().map(|(key, value)| (key, given(value))).collect::<BTreeMap<_, _>>(),
                external_id: args.external_id.map(given),
                ..UpdateOrganization::default()
            };
            let changed = client.organizations().update(&id, &change).await?;
            output.told(&format!("{} is changed", changed.id), &changed)
        }
        OrgsCommand::Delete(with) => {
            let (client, mut output, one) = with.open()?;
            let organization = find(&client, &one.id).await?;
            client.organizations().delete(&organization.id).await?;
            output.told(&format!("{} ({}) is deleted", organization.id, organization.name), &organization)
        }
    }
}

/// By its id, or by what the application calls it, which may look like an id of another system.
async fn find(client: &annals_client::Client, id: &str) -> Result<Organization, Failed> {
    let organizations = client.organizations();
    let by_external_id = organizations.get_by_external_id(id);
    if !id.starts_with("org_") {
        return Ok(by_external_id.await?);
    }
    match organizations.get(id).await {
        Err(missing @ Error::NotFound(_)) => Ok(by_external_id.await.map_err(|_| missing)?),
        found => Ok(found?),
    }
}
