//! Is the process alive, and is every part of it usable? Needs no API key, so it says which part fails and not why.

use annals_engine::Warning;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::Answer;
use super::problem::Problem;

#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Every part that works. A part that does not makes the answer a 503, whose message names it.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    #[schema(example = "ok")]
    status: &'static str,
    #[schema(example = "ok")]
    committer: &'static str,
    #[schema(example = "ok")]
    store: &'static str,
    #[schema(example = "ok")]
    lake: &'static str,
    /// What works and is not as it was: `idempotency_keys_forgotten` (requests that are sent again may be stored twice).
    warnings: Vec<&'static str>,
}

/// What the server is
#[derive(Serialize, ToSchema)]
pub struct Server {
    name: &'static str,
    version: &'static str,
    /// Path of the documentation.
    documentation: &'static str,
}

/// What this server is
#[utoipa::path(get, path = "/", tag = "server", security(()), responses((status = 200, description = "Name and version", body = Server)))]
pub async fn home() -> Answer {
    Answer::ok(&Server { name: "annals", version: env!("CARGO_PKG_VERSION"), documentation: "/docs" })
}

/// Is the process alive?
#[utoipa::path(get, path = "/health", tag = "server", security(()), responses((status = 200, description = "Alive", body = Health)))]
pub async fn health() -> Answer {
    Answer::ok(&Health { status: "ok" })
}

/// Are the committer, the store and the lake usable?
#[utoipa::path(
    get, path = "/ready", tag = "server", security(()),
    responses(
        (status = 200, description = "All parts work", body = Ready),
        (status = 503, description = "Some part does not work; the message names it", body = annals_core::wire::ErrorMessage)
    )
)]
pub async fn ready(State(app): State<App>) -> Result<Answer, Problem> {
    let readiness = app.readiness().await;
    let parts = [("committer", readiness.committer), ("store", readiness.store), ("lake", readiness.lake)];
    Problem::not_ready(parts)?;
    let warnings = readiness.warnings.into_iter().map(|warning| match warning {
        Warning::KeysForgotten => "idempotency_keys_forgotten",
    });
    Ok(Answer::ok(&Ready { status: "ok", committer: "ok", store: "ok", lake: "ok", warnings: warnings.collect() }))
}
