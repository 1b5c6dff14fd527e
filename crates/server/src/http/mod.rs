//! The routes. Every one is registered with `routes!`, which takes its path and its documentation from the handler, so the OpenAPI document
//! cannot miss one; a test then calls every operation of the document with wrong keys.
//!
//! A handler takes apart, says one verb, puts together. What is shared stands beside: who calls (`auth`), what was sent (`path`, `query`,
//! `body`, `idempotency`), what is answered (`answer`, `problem`), what happens around every request (`envelope`).

mod actions;
mod answer;
mod api_keys;
mod api_requests;
mod app;
mod audit_log_events;
mod auth;
mod batch;
mod body;
mod docs;
mod documented;
mod envelope;
mod events;
mod events_routing;
mod exports;
mod feed;
mod glance;
mod health;
mod idempotency;
mod leftover;
mod limits;
mod link;
mod list_digest;
mod metrics;
mod organizations;
mod path;
mod problem;
mod query;
mod recording;
mod request_id;
mod retention;
mod trail;
mod trail_query;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::Request;
use axum::response::Response;
use axum::{Extension, Router, middleware};
use hyper::body::Incoming;
use tower::{Service, ServiceExt};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use app::App;
pub(crate) use limits::network;
use problem::Problem;

use crate::patience::Busy;

fn all_routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(docs::shared())
        .routes(routes!(events::create))
        .routes(routes!(batch::create))
        .routes(routes!(events_routing::list, trail::create))
        .routes(routes!(trail::list_legacy, trail::create_legacy))
        .routes(routes!(audit_log_events::list_events))
        .routes(routes!(audit_log_events::tail))
        .routes(routes!(audit_log_events::stats))
        .routes(routes!(audit_log_events::purge))
        .routes(routes!(audit_log_events::get_event))
        .routes(routes!(exports::create))
        .routes(routes!(exports::get))
        .routes(routes!(exports::download))
        .routes(routes!(actions::list_actions))
        .routes(routes!(actions::list_schemas, actions::create_schema))
        .routes(routes!(organizations::list_organizations, organizations::create))
        .routes(routes!(organizations::get, organizations::update, organizations::delete))
        .routes(routes!(organizations::delete_capitalised))
        .routes(routes!(organizations::get_by_external_id))
        .routes(routes!(retention::get, retention::set))
        .routes(routes!(retention::configuration))
        .routes(routes!(api_keys::list_keys, api_keys::create))
        .routes(routes!(api_keys::validate))
        .routes(routes!(api_keys::expire))
        .routes(routes!(api_keys::delete))
        .routes(routes!(feed::publish))
        .routes(routes!(api_requests::list, api_requests::publish))
        .routes(routes!(api_requests::get))
        .routes(routes!(health::home))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(docs::openapi))
        .routes(routes!(docs::page))
        .routes(routes!(docs::file))
}

/// The OpenAPI document of [`router`].
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    docs::finish(all_routes().into_openapi())
}

/// All routes, with everything that happens around a request but the collapsing of leading slashes, which must come before.
pub fn router(app: App) -> Router {
    let (routes, document) = all_routes().split_for_parts();
    let document = docs::Document(answer::json_bytes(&docs::finish(document)));
    let recorder = recording::Recorder::new(app.clone());
    let around = envelope::Envelope::new(app.metrics().clone(), app.config().request_timeout, Some(recorder));
    routes
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(Extension(document))
        .layer(middleware::from_fn_with_state(around, envelope::envelope))
        .with_state(app)
}

/// What a connection from `peer` speaks to. `busy` while a request is being answered.
pub(crate) fn connection(
    routes: Router,
    peer: SocketAddr,
    busy: Busy,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Clone {
    let answered = busy.clone();
    let routes = ServiceExt::<Request<Incoming>>::map_response(routes, move |response: Response| {
        answered.end();
        response
    });
    ServiceExt::<Request<Incoming>>::map_request(routes, move |request: Request<Incoming>| {
        busy.begin();
        let mut request = envelope::collapse_leading_slashes(request);
        request.extensions_mut().insert(recording::Peer(peer));
        request
    })
}
