//! Organizations, their lists, retention and configuration.

use std::collections::HashMap;

use futures::TryStreamExt;
use workos::audit_logs::{Retention, UpdateOrganizationAuditLogsRetentionParams, UpdateOrganizationAuditLogsRetentionParamsBody};
use workos::organizations::{CreateOrganizationParams, ListOrganizationsParams, UpdateOrganizationParams};
use workos::{
    AuditLogConfigurationState, Client, Organization, OrganizationDomainData, OrganizationDomainDataState,
    OrganizationDomainState, OrganizationInput, PaginationOrder, UpdateOrganization,
};

use crate::NO_ORGANIZATION;
use crate::check::{Checked, holds, refused, same};

/// The id of the organization that the journey records into, and of one that will be deleted.
pub async fn checked(client: &Client) -> Checked<(String, String)> {
    let api = client.organizations();
    let created = api
        .create_organization(CreateOrganizationParams::new(OrganizationInput {
            domain_data: Some(vec![OrganizationDomainData {
                domain: "cafe.example".to_owned(),
                state: OrganizationDomainDataState::Verified,
            }]),
            metadata: Some(map(&[("tier", "gold"), ("region", "eu")])),
            external_id: Some("customer/1".to_owned()),
            ..named("Café \"Ω\", Ltd.")
        }))
        .await?;
    let id = created.id.clone();
    holds("organization: id has its prefix", is_id("org_", &id), &id)?;
    same(
        "organization: name, external id and metadata come back",
        (created.object.as_str(), created.name.as_str(), created.external_id.as_deref(), &created.metadata),
        ("organization", "Café \"Ω\", Ltd.", Some("customer/1"), &map(&[("tier", "gold"), ("region", "eu")])),
    )?;
    let domains: Vec<_> =
        created.domains.iter().map(|d| (d.domain.as_str(), d.state.clone(), d.organization_id.as_str())).collect();
    same(
        "organization: domain comes back verified",
        domains,
        vec![("cafe.example", Some(OrganizationDomainState::Verified), id.as_str())],
    )?;
    same("organization: get", text(&api.get_organization(&id).await?), text(&created))?;
    // The slash is percent-encoded by this SDK and must stay one segment.
    same("organization: find by external id", text(&api.get_organization_by_external_id("customer/1").await?), text(&created))?;
    let by_domain = ListOrganizationsParams {
        domains: Some(vec!["other.example".to_owned(), "cafe.example".to_owned()]),
        ..ListOrganizationsParams::default()
    };
    same("organization: find by domain", ids(&api.list_organizations(by_domain).await?.data), vec![id.clone()])?;
    // This SDK writes an empty list as `domains=`, which filters nothing.
    let by_nothing = ListOrganizationsParams { domains: Some(Vec::new()), ..ListOrganizationsParams::default() };
    same("organization: an empty filter", ids(&api.list_organizations(by_nothing).await?.data), vec![id.clone()])?;

    let change = UpdateOrganization { metadata: Some(map(&[("plan", "b")])), ..unchanged("Renamed") };
    let updated = api.update_organization(&id, UpdateOrganizationParams::new(change)).await?;
    same(
        "organization: update merges metadata and leaves the rest",
        (updated.name.as_str(), &updated.metadata, updated.external_id.as_deref(), updated.domains.len()),
        ("Renamed", &map(&[("tier", "gold"), ("region", "eu"), ("plan", "b")]), Some("customer/1"), 1),
    )?;

    let copy = OrganizationInput { external_id: Some("customer/1".to_owned()), ..named("Copy") };
    let used =
        refused("organization: a used external id", 400, api.create_organization(CreateOrganizationParams::new(copy)).await)?;
    same("organization: a used external id has its code", used.code.as_deref(), Some("external_id_already_used"))?;
    let unknown = refused("organization: unknown id", 404, api.get_organization(NO_ORGANIZATION).await)?;
    same("organization: unknown id has its code", unknown.code.as_deref(), Some("entity_not_found"))?;
    let second = api.create_organization(CreateOrganizationParams::new(named("Second"))).await?;
    Ok((id, second.id))
}

pub async fn deletion(client: &Client, second: &str) -> Checked {
    client.organizations().delete_organization(second).await?;
    refused("organization: deleted is gone", 404, client.organizations().get_organization(second).await)?;
    Ok(())
}

pub async fn pagination(client: &Client) -> Checked {
    let api = client.organizations();
    let mut newest_first = Vec::new();
    for at in 0..30 {
        let created = api.create_organization(CreateOrganizationParams::new(named(&format!("Page {at}")))).await?;
        newest_first.insert(0, created.id);
    }
    let page = |order, before: Option<&str>| ListOrganizationsParams {
        limit: Some(7),
        order: Some(order),
        before: before.map(str::to_owned),
        ..ListOrganizationsParams::default()
    };
    let falling: Vec<_> = api.list_organizations_auto_paging(page(PaginationOrder::Desc, None)).try_collect().await?;
    let falling = ids(&falling);
    same("list: auto paging sees every organization once, newest first", &falling[..30], &newest_first[..])?;
    let rising: Vec<_> = api.list_organizations_auto_paging(page(PaginationOrder::Asc, None)).try_collect().await?;
    let mut rising = ids(&rising);
    rising.reverse();
    same("list: asc is the same list backwards", &rising, &falling)?;
    let back = api.list_organizations(page(PaginationOrder::Desc, Some(&falling[14]))).await?;
    same("list: before gives the adjacent page", &ids(&back.data)[..], &falling[7..14])?;
    let too_many = ListOrganizationsParams { limit: Some(101), ..ListOrganizationsParams::default() };
    refused("list: limit above 100", 422, api.list_organizations(too_many).await)?;
    Ok(())
}

pub async fn retention(client: &Client, organization: &str) -> Checked {
    let api = client.audit_logs();
    let put = async |retention| {
        let body = UpdateOrganizationAuditLogsRetentionParamsBody::new(retention);
        api.update_organization_audit_logs_retention(organization, UpdateOrganizationAuditLogsRetentionParams::new(body)).await
    };
    let period = |text: &str| Retention::Period { retention_period: text.into() };
    let days = |retention_period_in_days| Retention::PeriodInDays { retention_period_in_days };
    let never = api.get_organization_audit_logs_retention(organization).await?;
    same("retention: never set is null", never.retention_period_in_days, None::<i64>)?;
    same("retention: in days", put(days(330)).await?.retention_period_in_days, Some(330))?;
    same("retention: as a period", put(period("1_YEAR")).await?.retention_period_in_days, Some(365))?;
    let set = api.get_organization_audit_logs_retention(organization).await?;
    same("retention: get", set.retention_period_in_days, Some(365))?;
    refused("retention: unknown number of days", 422, put(days(31)).await)?;
    refused("retention: unknown period", 422, put(period("1_WEEK")).await)?;
    refused("retention: unknown organization", 404, api.get_organization_audit_logs_retention(NO_ORGANIZATION).await)?;

    let configuration = client.organizations().get_audit_log_configuration(organization).await?;
    same(
        "configuration: active, with the retention, without a stream",
        (
            configuration.organization_id.as_str(),
            configuration.retention_period_in_days,
            configuration.state,
            configuration.log_stream.is_none(),
        ),
        (organization, 365, AuditLogConfigurationState::Active, true),
    )
}

pub fn named(name: &str) -> OrganizationInput {
    #[expect(deprecated, reason = "a struct literal must name every member")]
    OrganizationInput {
        name: name.to_owned(),
        allow_profiles_outside_organization: None,
        domains: None,
        domain_data: None,
        metadata: None,
        external_id: None,
    }
}

pub fn unchanged(name: &str) -> UpdateOrganization {
    #[expect(deprecated, reason = "a struct literal must name every member")]
    UpdateOrganization {
        name: Some(name.to_owned()),
        allow_profiles_outside_organization: None,
        domains: None,
        domain_data: None,
        stripe_customer_id: None,
        metadata: None,
        external_id: None,
    }
}

fn map(members: &[(&str, &str)]) -> HashMap<String, String> {
    members.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The SDK's structs cannot be compared; as JSON values they can.
fn text(organization: &Organization) -> serde_json::Value {
    serde_json::json!(organization)
}

fn ids(organizations: &[Organization]) -> Vec<String> {
    organizations.iter().map(|organization| organization.id.clone()).collect()
}

/// A prefix and 26 characters of Crockford's base 32.
pub fn is_id(prefix: &str, id: &str) -> bool {
    let base32 = |c: char| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c));
    id.strip_prefix(prefix).is_some_and(|ulid| ulid.len() == 26 && ulid.chars().all(base32))
}
