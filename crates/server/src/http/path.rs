//! Ids in paths. A text that cannot be an id gets the same 404 as an unknown one, before the engine sees it.

use std::str::FromStr;

use annals_core::ids::{ApiKeyId, ApiRequestId, AuditEventId, ExportId, OrganizationId};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::App;
use super::problem::{Entity, Problem};

/// The `{id}` of the path.
pub struct PathId<Id>(pub Id);

/// Another segment of the path: percent-decoded once, so it may hold slashes.
pub struct PathText(pub String);

/// What an id in a path names.
pub trait Named: FromStr {
    const ENTITY: Entity;
}

impl Named for OrganizationId {
    const ENTITY: Entity = Entity::Organization;
}
impl Named for ExportId {
    const ENTITY: Entity = Entity::Export;
}
impl Named for AuditEventId {
    const ENTITY: Entity = Entity::AuditEvent;
}
impl Named for ApiKeyId {
    const ENTITY: Entity = Entity::ApiKey;
}

impl Named for ApiRequestId {
    const ENTITY: Entity = Entity::ApiRequest;
}

impl<Id: Named> FromRequestParts<App> for PathId<Id> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let PathText(text) = PathText::from_request_parts(parts, app).await?;
        text.parse().map(Self).map_err(|_| Problem::not_found(Id::ENTITY, &text))
    }
}

impl FromRequestParts<App> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Fails on bytes that are not UTF-8, and nothing of ours has such a name.
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Problem::no_route())?;
        // Every route has at most one parameter.
        let text = params.iter().next().map(|(_, value)| value).filter(|text| !text.is_empty());
        text.map(|text| Self(text.to_owned())).ok_or_else(Problem::no_route)
    }
}
