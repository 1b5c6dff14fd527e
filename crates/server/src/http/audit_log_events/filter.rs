//! The filters of audit events, as query parameters.

use std::ops::Bound;

use annals_core::ids::OrganizationId;
use annals_core::limits::{
    ACTION_CHARS_MAX, CONTEXT_CHARS_MAX, METADATA_KEY_CHARS_MAX, METADATA_VALUE_CHARS_MAX, NAME_CHARS_MAX,
};
use annals_core::time::Micros;
use annals_engine::audit_events::{ActionPattern, Between, Filter};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::http::problem::{Entity, Problem};
use crate::http::query::Parameters;

/// Entries of one list.
pub const ENTRIES_MAX: usize = 100;
pub const SEARCH_CHARS_MAX: usize = 256;
/// `key=value`.
pub const METADATA_CHARS_MAX: usize = METADATA_KEY_CHARS_MAX + 1 + METADATA_VALUE_CHARS_MAX;

/// All parameters of these routes.
const KNOWN: [&str; 23] = [
    "organization_id",
    "actions",
    "actor_ids",
    "actor_names",
    "actor_types",
    "target_ids",
    "target_types",
    "locations",
    "occurred_at_min",
    "occurred_at_max",
    "received_at_min",
    "received_at_max",
    "metadata",
    "search",
    "order",
    "limit",
    "after",
    "before",
    "last_event_id",
    "interval",
    "group_by",
    "time",
    "top",
];

/// Which events. Lists are sorted, so that the same filters are the same text for a cursor.
pub struct EventFilter(pub Filter);

impl<S: Send + Sync> FromRequestParts<S> for EventFilter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parameters = Parameters::of(parts);
        parameters.only(&KNOWN)?;
        let list = |name| entries(name, parameters.list(name), NAME_CHARS_MAX);
        let actions = entries("actions", parameters.list("actions"), ACTION_CHARS_MAX)?;
        Ok(Self(Filter {
            organization: organization(&parameters)?,
            occurred: between(&parameters, "occurred_at_min", "occurred_at_max")?,
            received: between(&parameters, "received_at_min", "received_at_max")?,
            actions: actions.iter().map(|text| ActionPattern::from_text(text)).collect(),
            actor_ids: list("actor_ids")?,
            actor_names: list("actor_names")?,
            actor_types: list("actor_types")?,
            target_ids: list("target_ids")?,
            target_types: list("target_types")?,
            locations: entries("locations", parameters.list("locations"), CONTEXT_CHARS_MAX)?,
            metadata: metadata(&parameters)?,
            search: search(&parameters)?,
            ..Filter::everything()
        }))
    }
}

/// A text that cannot be an id gets the same answer as an unknown organization.
fn organization(parameters: &Parameters) -> Result<Option<OrganizationId>, Problem> {
    let Some(text) = parameters.get("organization_id") else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Problem::not_found(Entity::Organization, &text))
}

fn entries(name: &str, texts: Vec<&str>, chars_max: usize) -> Result<Vec<String>, Problem> {
    if texts.len() > ENTRIES_MAX {
        return Err(Problem::wrong_parameter(name, format_args!("must have at most {ENTRIES_MAX} entries")));
    }
    if texts.iter().any(|text| text.chars().count() > chars_max) {
        return Err(Problem::wrong_parameter(name, format_args!("must have entries of at most {chars_max} characters")));
    }
    let mut texts: Vec<_> = texts.into_iter().map(str::to_owned).collect();
    texts.sort_unstable();
    Ok(texts)
}

fn metadata(parameters: &Parameters) -> Result<Vec<(String, String)>, Problem> {
    let pairs = entries("metadata", parameters.texts("metadata"), METADATA_CHARS_MAX)?;
    let pair = |text: String| text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let pairs: Option<_> = pairs.into_iter().map(pair).collect();
    pairs.ok_or_else(|| Problem::wrong_parameter("metadata", "must be key=value"))
}

/// Part of any value in an event.
pub fn search(parameters: &Parameters) -> Result<Option<String>, Problem> {
    match parameters.get("search") {
        Some(text) if text.chars().count() > SEARCH_CHARS_MAX => {
            Err(Problem::wrong_parameter("search", format_args!("must be at most {SEARCH_CHARS_MAX} characters")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn between(parameters: &Parameters, min: &str, max: &str) -> Result<Between, Problem> {
    Ok((bound(parameters, min)?, bound(parameters, max)?))
}

fn bound(parameters: &Parameters, name: &str) -> Result<Bound<Micros>, Problem> {
    let Some(text) = parameters.get(name) else { return Ok(Bound::Unbounded) };
    text.parse().map(Bound::Included).map_err(|error| Problem::wrong_parameter(name, error))
}
