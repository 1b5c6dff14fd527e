//! Carrying out retention on demand.

use annals_core::wire::{self, Moment};
use annals_engine::{Engine, PurgeReport, PurgedOrganization};
use axum::extract::State;

use crate::http::answer::Answer;
use crate::http::auth::EnvironmentCaller;
use crate::http::body::JsonBody;
use crate::http::documented::{BodyRefusals, EnvironmentOnly, Refusals};
use crate::http::problem::Problem;

/// Organizations that one answer lists.
const LISTED_MAX: usize = 1000;

/// Purge old audit events
///
/// Removes what organizations keep no longer: whole days of their oldest events, by the time they were received. The server does this
/// every day by itself. A dry run changes nothing, and tells what would go. Each organization's own log gets an event
/// `annals.retention.purged` that says what went.
#[utoipa::path(
    post, path = "/v1/audit_log_events/purge", operation_id = "purge_audit_log_events", tag = "audit-logs",
    request_body = wire::PurgeEvents,
    responses(
        (status = 200, description = "What went, or would go", body = wire::PurgedEvents),
        Refusals, EnvironmentOnly, BodyRefusals
    )
)]
pub async fn purge(
    State(engine): State<Engine>,
    caller: EnvironmentCaller,
    JsonBody(wire::PurgeEvents { dry_run }): JsonBody<wire::PurgeEvents>,
) -> Result<Answer, Problem> {
    let environment = &caller.environment;
    let report = if dry_run { engine.preview_purge(environment).await } else { engine.purge(environment).await };
    Ok(Answer::ok(&to_wire(dry_run, &report.map_err(Problem::purge)?)))
}

fn to_wire(dry_run: bool, report: &PurgeReport) -> wire::PurgedEvents {
    let organizations = &report.organizations;
    let one = |PurgedOrganization { organization, purged }: &PurgedOrganization| wire::PurgedOrganization {
        organization_id: organization.to_string(),
        shard: purged.shard.to_string(),
        from_seq: purged.from_seq,
        through_seq: purged.through_seq,
        events: purged.events(),
        received_before: Moment(purged.received_before),
    };
    wire::PurgedEvents {
        object: Default::default(),
        dry_run,
        events: organizations.iter().map(|one| one.purged.events()).sum(),
        organizations: organizations.len() as u64,
        data: organizations.iter().take(LISTED_MAX).map(one).collect(),
    }
}
