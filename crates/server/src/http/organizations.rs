//! Organizations: the customers of the application.

use annals_core::ids::OrganizationId;
use annals_core::wire::{self, DomainDataState};
use annals_engine::Engine;
use annals_engine::tenants::{DomainState, NewDomain, NewOrganization, Organization, OrganizationChange};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::Answer;
use super::auth::{Caller, EnvironmentCaller, OrganizationCaller};
use super::body::JsonBody;
use super::documented::{BodyRefusals, Conflict, EnvironmentOnly, IdempotencyHeader, NotFound, Refusals, WrongParameters};
use super::idempotency::{Keeper, Once};
use super::path::{PathId, PathText};
use super::problem::Problem;
use super::query::{FilterParameters, ListParameters, list};

/// List organizations
#[utoipa::path(
    get, path = "/organizations", operation_id = "list_organizations", tag = "organizations",
    params(ListParameters<OrganizationId>, FilterParameters),
    responses(
        (status = 200, description = "A page of organizations", body = wire::List<wire::Organization>),
        Refusals, EnvironmentOnly, WrongParameters
    )
)]
pub async fn list_organizations(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    ListParameters(query): ListParameters<OrganizationId>,
    FilterParameters(filter): FilterParameters,
) -> Result<Answer, Problem> {
    let page = engine.tenants().organizations(&caller.environment, &query, &filter).await?;
    Ok(Answer::ok(&list(page, |organization| organization.to_wire())))
}

/// Create an organization
#[utoipa::path(
    post, path = "/organizations", operation_id = "create_organization", tag = "organizations",
    params(IdempotencyHeader),
    request_body = wire::CreateOrganization,
    responses((status = 201, description = "Created", body = wire::Organization), Refusals, EnvironmentOnly, BodyRefusals, Conflict)
)]
pub async fn create(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    once: Once<wire::CreateOrganization>,
) -> Result<Answer, Problem> {
    let to_answer = |created: &Organization| Answer::created(&created.to_wire());
    let create = move |new, keeper: Keeper<_>| async move {
        let created = engine.tenants().create_organization(&caller.environment, from_wire(new), &*keeper).await;
        created.map_err(Problem::organization(&""))
    };
    once.answer(&caller.scope, to_answer, create).await
}

/// Read an organization
#[utoipa::path(
    get, path = "/organizations/{id}", operation_id = "get_organization", tag = "organizations",
    params(("id" = String, Path, description = "Id of the organization")),
    responses((status = 200, description = "The organization", body = wire::Organization), Refusals, NotFound)
)]
pub async fn get(State(engine): State<Engine>, OrganizationCaller(scope): OrganizationCaller) -> Result<Answer, Problem> {
    let organization = engine.tenants().organization(&scope).await;
    Ok(Answer::ok(&organization.map_err(Problem::organization(&scope.organization_id()))?.to_wire()))
}

/// Read an organization by your own id
#[utoipa::path(
    get, path = "/organizations/external_id/{external_id}", operation_id = "get_organization_by_external_id", tag = "organizations",
    params(("external_id" = String, Path, description = "The id that you gave the organization")),
    responses((status = 200, description = "The organization", body = wire::Organization), Refusals, NotFound)
)]
pub async fn get_by_external_id(
    State(engine): State<Engine>,
    Caller(scope): Caller,
    PathText(id): PathText,
) -> Result<Answer, Problem> {
    let organization = engine.tenants().organization_by_external_id(&scope, &id).await;
    Ok(Answer::ok(&organization.map_err(Problem::organization(&id))?.to_wire()))
}

/// Update an organization
///
/// Members that are absent stay as they are.
#[utoipa::path(
    put, path = "/organizations/{id}", operation_id = "update_organization", tag = "organizations",
    params(("id" = String, Path, description = "Id of the organization")),
    request_body = wire::UpdateOrganization,
    responses(
        (status = 200, description = "The organization as it is now", body = wire::Organization),
        Refusals, EnvironmentOnly, NotFound, BodyRefusals, Conflict
    )
)]
pub async fn update(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    PathId(id): PathId<OrganizationId>,
    JsonBody(update): JsonBody<wire::UpdateOrganization>,
) -> Result<Answer, Problem> {
    let organization = engine.tenants().update_organization(&caller.environment, id, change(update)).await;
    Ok(Answer::ok(&organization.map_err(Problem::organization(&id))?.to_wire()))
}

/// Delete an organization
///
/// With its domains and API keys. Its events stay in the lake.
#[utoipa::path(
    delete, path = "/organizations/{id}", operation_id = "delete_organization", tag = "organizations",
    params(("id" = String, Path, description = "Id of the organization")),
    responses((status = 202, description = "Deleted", body = String, content_type = "text/plain"), Refusals, EnvironmentOnly, NotFound)
)]
pub async fn delete(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    PathId(id): PathId<OrganizationId>,
) -> Result<Response, Problem> {
    engine.tenants().delete_organization(&caller.environment, id).await.map_err(Problem::organization(&id))?;
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "Accepted").into_response())
}

/// Delete an organization, as the Go client up to version 6.4 spells it
#[utoipa::path(
    delete, path = "/Organizations/{id}", operation_id = "delete_organization_capitalised", tag = "organizations",
    params(("id" = String, Path, description = "Id of the organization")),
    responses((status = 202, description = "Deleted", body = String, content_type = "text/plain"), Refusals, EnvironmentOnly, NotFound)
)]
pub async fn delete_capitalised(
    engine: State<Engine>,
    caller: EnvironmentCaller,
    id: PathId<OrganizationId>,
) -> Result<Response, Problem> {
    delete(engine, caller, id).await
}

fn from_wire(new: wire::CreateOrganization) -> NewOrganization {
    NewOrganization {
        name: new.name,
        domains: new_domains(new.domains, new.domain_data).unwrap_or_default(),
        metadata: new.metadata,
        external_id: new.external_id,
        allow_profiles_outside_organization: new.allow_profiles_outside_organization.unwrap_or(false),
    }
}

fn change(update: wire::UpdateOrganization) -> OrganizationChange {
    OrganizationChange {
        name: update.name,
        domains: new_domains(update.domains, update.domain_data),
        metadata: update.metadata,
        external_id: update.external_id,
        stripe_customer_id: update.stripe_customer_id,
        allow_profiles_outside_organization: update.allow_profiles_outside_organization,
    }
}

/// Both spellings together; a domain in both has the state of `domain_data`. `None`: neither was sent.
fn new_domains(names: Option<Vec<String>>, data: Option<Vec<wire::DomainData>>) -> Option<Vec<NewDomain>> {
    if names.is_none() && data.is_none() {
        return None;
    }
    let state = |state| match state {
        DomainDataState::Pending => DomainState::Pending,
        DomainDataState::Verified => DomainState::Verified,
    };
    let stated = data.into_iter().flatten().map(|data| NewDomain { domain: data.domain, state: state(data.state) });
    let named = names.into_iter().flatten().map(|domain| NewDomain { domain, state: DomainState::LegacyVerified });
    let mut domains: Vec<NewDomain> = Vec::new();
    for new in stated.chain(named) {
        if !domains.iter().any(|known| known.domain == new.domain) {
            domains.push(new);
        }
    }
    Some(domains)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_domains_are_one_set() {
        let data = |domain: &str, state| wire::DomainData { domain: domain.to_owned(), state };
        assert_eq!(new_domains(None, None), None);
        assert_eq!(new_domains(Some(vec![]), None), Some(vec![]));
        let both =
            new_domains(Some(vec!["a.com".to_owned(), "b.com".to_owned()]), Some(vec![data("b.com", DomainDataState::Pending)]));
        let both: Vec<_> = both.unwrap().into_iter().map(|d| (d.domain, d.state)).collect();
        assert_eq!(both, [("b.com".to_owned(), DomainState::Pending), ("a.com".to_owned(), DomainState::LegacyVerified)]);
    }
}
