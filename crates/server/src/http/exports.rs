//! Exports of one organization's events to CSV.

use annals_core::ids::{ExportId, OrganizationId};
use annals_core::wire::{self, Timestamp};
use annals_engine::exports::{DownloadTicket, Export, ExportFilter, ExportState};
use annals_engine::tenants::OrganizationError;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::App;
use super::answer::Answer;
use super::auth::Caller;
use super::documented::{BodyRefusals, ExportRefusals, IdempotencyHeader, NotFound, Refusals};
use super::idempotency::{Keeper, Once};
use super::link::Base;
use super::path::PathId;
use super::problem::Problem;
use super::query::Parameters;
use super::recording::Note;

/// Create an export
///
/// Starts a job that writes one organization's events to a CSV file. Poll the export until its state is `ready`.
#[utoipa::path(
    post, path = "/audit_logs/exports", operation_id = "create_audit_log_export", tag = "audit-logs",
    params(IdempotencyHeader),
    request_body = wire::CreateExport,
    responses((status = 201, description = "Created", body = wire::Export), Refusals, BodyRefusals, ExportRefusals)
)]
pub async fn create(
    State(app): State<App>,
    Caller(scope): Caller,
    note: Note,
    once: Once<wire::CreateExport>,
) -> Result<Answer, Problem> {
    if let Ok(id) = once.value().organization_id.parse() {
        note.organization(id);
    }
    // A new one has no file yet.
    let to_answer = |created: &Export| Answer::created(&to_wire(created, None));
    let create = move |new: wire::CreateExport, keeper: Keeper<_>| async move {
        let refused = Problem::organization_of_export(&new.organization_id);
        let id: Result<OrganizationId, _> = new.organization_id.parse();
        let organization = match id {
            Ok(id) => app.engine().tenants().organization_scope(&scope, id).await,
            Err(_) => Err(OrganizationError::NotFound),
        };
        let created = app.engine().exports().create(&organization.map_err(refused)?, filter(new), &*keeper).await;
        created.map_err(Problem::export(&""))
    };
    once.answer(&scope, to_answer, create).await
}

/// Read an export
///
/// While its state is `ready`, each answer has a new link to the file, which works for ten minutes.
#[utoipa::path(
    get, path = "/audit_logs/exports/{id}", operation_id = "get_audit_log_export", tag = "audit-logs",
    params(("id" = String, Path, description = "Id of the export")),
    responses((status = 200, description = "The export", body = wire::Export), Refusals, NotFound)
)]
pub async fn get(
    State(app): State<App>,
    Caller(scope): Caller,
    PathId(id): PathId<ExportId>,
    base: Base,
    note: Note,
) -> Result<Answer, Problem> {
    let export = app.engine().exports().get(&scope, id).await.map_err(Problem::export(&id))?;
    note.organization(export.organization);
    let url = match export.state {
        ExportState::Ready => Some(base.download(export.id, &app.engine().exports().ticket(&export)?)),
        ExportState::Pending | ExportState::Error | ExportState::Expired => None,
    };
    Ok(Answer::ok(&to_wire(&export, url)))
}

/// Download an export's file
///
/// The link comes from the export's `url`. It carries its own signature, so it needs no API key.
#[utoipa::path(
    get, path = "/audit_logs/exports/{id}/download", operation_id = "download_audit_log_export", tag = "audit-logs", security(()),
    params(
        ("id" = String, Path, description = "Id of the export"),
        ("expires" = i64, Query, description = "From the link"),
        ("nonce" = String, Query, description = "From the link"),
        ("signature" = String, Query, description = "From the link"),
    ),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv"),
        (status = 403, description = "The link has expired or was altered", body = wire::ErrorMessage),
        NotFound, super::documented::Failures
    )
)]
pub async fn download(
    State(app): State<App>,
    PathId(id): PathId<ExportId>,
    Ticket(ticket): Ticket,
    note: Note,
) -> Result<Response, Problem> {
    let holder = app.engine().exports().verify(id, &ticket).await.map_err(Problem::download(&id))?;
    note.link(holder);
    let download = app.engine().exports().download(id, &holder).await.map_err(Problem::download(&id))?;
    let name = format!("attachment; filename=\"{id}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(Problem::internal)?),
        (header::CONTENT_LENGTH, HeaderValue::from(download.bytes)),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    Ok((headers, Body::from_stream(download.stream)).into_response())
}

/// The signed part of a download link.
pub struct Ticket(DownloadTicket);

impl<S: Send + Sync> FromRequestParts<S> for Ticket {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parameters = Parameters::of(parts);
        let text = |name| parameters.get(name).map(str::to_owned).ok_or_else(Problem::altered_link);
        let expires = text("expires")?.parse().map_err(|_| Problem::altered_link())?;
        Ok(Self(DownloadTicket { expires, nonce: text("nonce")?, signature: text("signature")? }))
    }
}

fn filter(new: wire::CreateExport) -> ExportFilter {
    ExportFilter {
        range_start: new.range_start.0,
        range_end: new.range_end.0,
        actor_names: new.all_actor_names(),
        actions: new.actions,
        actor_ids: new.actor_ids,
        targets: new.targets,
    }
}

fn to_wire(export: &Export, url: Option<String>) -> wire::Export {
    let state = match export.state {
        ExportState::Pending => wire::ExportState::Pending,
        ExportState::Ready => wire::ExportState::Ready,
        ExportState::Error => wire::ExportState::Error,
        ExportState::Expired => wire::ExportState::Expired,
    };
    wire::Export {
        object: Default::default(),
        id: export.id.to_string(),
        state,
        url,
        created_at: Timestamp(export.created_at),
        updated_at: Timestamp(export.updated_at),
    }
}
