//! How long an organization's events are kept, and its audit log settings.

use annals_core::ids::OrganizationId;
use annals_core::wire;
use annals_engine::Engine;
use annals_engine::tenants::RetentionDays;
use axum::extract::State;

use super::answer::Answer;
use super::auth::{EnvironmentCaller, OrganizationCaller};
use super::body::JsonBody;
use super::documented::{BodyRefusals, EnvironmentOnly, NotFound, Refusals};
use super::path::PathId;
use super::problem::Problem;

/// Read an organization's retention period
#[utoipa::path(
    get, path = "/organizations/{id}/audit_logs_retention", operation_id = "get_audit_logs_retention", tag = "audit-logs",
    params(("id" = String, Path, description = "Id of the organization")),
    responses((status = 200, description = "The period, or null when it was never set", body = wire::Retention), Refusals, NotFound)
)]
pub async fn get(State(engine): State<Engine>, OrganizationCaller(scope): OrganizationCaller) -> Result<Answer, Problem> {
    let days = engine.tenants().retention(&scope).await.map_err(Problem::organization(&scope.organization_id()))?;
    Ok(Answer::ok(&wire::Retention { retention_period_in_days: days }))
}

/// Set an organization's retention period
///
/// Either in days, or in months and years.
#[utoipa::path(
    put, path = "/organizations/{id}/audit_logs_retention", operation_id = "set_audit_logs_retention", tag = "audit-logs",
    params(("id" = String, Path, description = "Id of the organization")),
    request_body = wire::SetRetention,
    responses((status = 200, description = "The period", body = wire::Retention), Refusals, EnvironmentOnly, NotFound, BodyRefusals)
)]
pub async fn set(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    PathId(id): PathId<OrganizationId>,
    JsonBody(set): JsonBody<wire::SetRetention>,
) -> Result<Answer, Problem> {
    let days = RetentionDays::new(set.retention_period_in_days);
    let days = days.ok_or_else(|| Problem::wrong_parameter("retention_period_in_days", "is not a period that can be kept"))?;
    engine.tenants().set_retention(&caller.environment, id, days).await.map_err(Problem::organization(&id))?;
    Ok(Answer::ok(&wire::Retention { retention_period_in_days: Some(days.get()) }))
}

/// Read an organization's audit log settings
#[utoipa::path(
    get, path = "/organizations/{id}/audit_log_configuration", operation_id = "get_audit_log_configuration", tag = "audit-logs",
    params(("id" = String, Path, description = "Id of the organization")),
    responses((status = 200, description = "The settings", body = wire::AuditLogConfiguration), Refusals, NotFound)
)]
pub async fn configuration(
    State(engine): State<Engine>,
    OrganizationCaller(scope): OrganizationCaller,
) -> Result<Answer, Problem> {
    let id = scope.organization_id();
    let configuration = engine.tenants().configuration(&scope).await.map_err(Problem::organization(&id))?;
    Ok(Answer::ok(&wire::AuditLogConfiguration {
        organization_id: id.to_string(),
        retention_period_in_days: configuration.retention_days,
        state: wire::ConfigurationState::Active,
    }))
}
