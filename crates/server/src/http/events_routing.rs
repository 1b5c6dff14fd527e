//! `GET /events` is two APIs: the Events API and the older Audit Trail API. Which one a client means is told by what it sends (wire
//! contract §7, the rules in order). The decision is a function of the query, the user agent and a setting, and of nothing else.

use annals_core::wire::{Event, List, TrailEvent};
use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::answer::Answer;
use super::auth::Caller;
use super::documented::{EnvironmentOnly, EventsParameters, NoEventNames, Refusals, WrongParameters};
use super::feed::{self, FeedParameters};
use super::problem::Problem;
use super::query::Parameters;
use super::trail_query::TrailQuery;
use super::{App, trail};
use crate::EventsSide;

/// A page of either API.
#[derive(Serialize)]
#[serde(untagged)]
pub enum EventsPage {
    Events(List<Event>),
    AuditTrail(List<TrailEvent>),
}

/// Any of, where a derived schema would say one of: an empty page is a page of both.
impl PartialSchema for EventsPage {
    fn schema() -> RefOr<Schema> {
        AnyOfBuilder::new().item(List::<Event>::schema()).item(List::<TrailEvent>::schema()).into()
    }
}

impl ToSchema for EventsPage {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        // A list knows the schemas that are the same in every list, not that of its items.
        List::<Event>::schemas(schemas);
        for (name, schema, inner) in [
            (Event::name(), Event::schema(), Event::schemas as fn(&mut Vec<_>)),
            (TrailEvent::name(), TrailEvent::schema(), TrailEvent::schemas),
        ] {
            schemas.push((name.into_owned(), schema));
            inner(schemas);
        }
    }
}

/// List events
///
/// What happened in the environment, oldest first: `after` walks to newer events, and a consumer that polls with the id of the last event
/// that it saw meets every event once. By default `order` is accepted and has no effect; the server's setting `events_order = "spec"` makes it
/// count, with `desc` as its default. `events` is required.
///
/// The older Audit Trail API answers on this path too: when the request has one of its filters or cursors (`evt_…`), or has neither and comes
/// from a client of its time. There events are listed newest first, and `before` walks to older ones. Below `/legacy` it answers always.
#[utoipa::path(
    get, path = "/events", operation_id = "list_events", tag = "events",
    params(EventsParameters),
    responses(
        (status = 200, description = "A page of events", body = EventsPage),
        Refusals, EnvironmentOnly, NoEventNames, WrongParameters
    )
)]
pub async fn list(State(app): State<App>, Caller(scope): Caller, mut parts: Parts) -> Result<Answer, Problem> {
    let page = match Side::of(&parts, app.config().events_side) {
        Side::AuditTrail => EventsPage::AuditTrail(trail::page(&app, &scope, TrailQuery::of(&Parameters::of(&parts))?).await?),
        Side::Events => {
            let environment = scope.environment()?;
            let parameters = FeedParameters::from_request_parts(&mut parts, &app).await?;
            EventsPage::Events(feed::page(&app, &environment, parameters).await?)
        }
    };
    Ok(Answer::ok(&page))
}

/// Which API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    AuditTrail,
    Events,
}

/// Only the Events API has these; even empty they tell.
const OF_EVENTS: [&str; 6] = ["events", "range_start", "range_end", "rangeStart", "rangeEnd", "organization_id"];

/// Only the older API has these.
const OF_AUDIT_TRAIL: [&str; 13] = [
    "group",
    "action",
    "action_type",
    "actor_name",
    "actor_id",
    "target_name",
    "target_id",
    "occurred_at",
    "occurred_at_gt",
    "occurred_at_gte",
    "occurred_at_lt",
    "occurred_at_lte",
    "search",
];

impl Side {
    pub fn of(parts: &Parts, setting: EventsSide) -> Self {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match setting {
            EventsSide::Auto => by_parameters(&Parameters::of(parts)).unwrap_or_else(|| by_user_agent(agent)),
            EventsSide::AuditTrail => Self::AuditTrail,
            EventsSide::Events => Self::Events,
        }
    }
}

/// Rules 1 to 3.
fn by_parameters(parameters: &Parameters) -> Option<Side> {
    let any_of = |names: &[&str]| names.iter().any(|name| parameters.names(name));
    let cursor_begins = |prefix: &str| {
        let cursors = [parameters.get("before"), parameters.get("after")];
        cursors.into_iter().flatten().any(|cursor| cursor.starts_with(prefix))
    };
    match () {
        () if any_of(&OF_EVENTS) => Some(Side::Events),
        () if any_of(&OF_AUDIT_TRAIL) => Some(Side::AuditTrail),
        () if cursor_begins("evt_") => Some(Side::AuditTrail),
        () if cursor_begins("event_") => Some(Side::Events),
        () => None,
    }
}

/// Rule 4: the versions of the official clients to which the Events API would have answered 400.
fn by_user_agent(agent: &str) -> Side {
    let older = match agent {
        _ if agent.starts_with("workos-js/") => true,
        _ if agent.starts_with("workos-node/") => major(&agent["workos-node/".len()..]).is_some_and(|major| major <= 3),
        _ if agent.starts_with("workos-go/") => major(&agent["workos-go/".len()..]).is_some_and(|major| major <= 2),
        _ if agent.starts_with("WorkOS;") => ruby_version(agent).and_then(major).is_some_and(|major| major <= 2),
        _ if agent.starts_with("WorkOS Python/") => python_version(agent).and_then(major).is_some_and(|major| major <= 1),
        _ => false,
    };
    if older { Side::AuditTrail } else { Side::Events }
}

/// `WorkOS; ruby/2.7.2; x86_64-darwin; v1.2.0`.
fn ruby_version(agent: &str) -> Option<&str> {
    let [_, engine, _, version] = agent.split(';').map(str::trim).collect::<Vec<_>>()[..] else { return None };
    let (engine, _) = engine.split_once('/')?;
    (matches!(engine, "ruby" | "jruby" | "truffleruby") && version.starts_with('v')).then_some(version)
}

/// The first form was `WorkOS Python/<version of the client>`, the second is `WorkOS Python/<interpreter> Python SDK/<version>`.
fn python_version(agent: &str) -> Option<&str> {
    match agent.split_once(" Python SDK/") {
        Some((_, version)) => Some(version),
        None => agent.strip_prefix("WorkOS Python/"),
    }
}

/// `2` of `v2.4.1` and of `2.4.1`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v').unwrap_or(version).split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
#[path = "events_routing_tests.rs"]
mod tests;
