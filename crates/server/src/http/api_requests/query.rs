//! What `GET /v1/audit_logs` can be asked (wire contract §8). A key without a value counts as absent; what is wrong is a 400.

use std::fmt::Display;
use std::str::FromStr;

use annals_core::limits::{API_REQUESTS_DEFAULT, API_REQUESTS_MAX};
use annals_core::record::RequestActorKind;
use annals_core::time::Micros;
use annals_engine::api_requests::{Direction, RequestFilter, RequestsQuery, Sort, SortField};
use annals_engine::tenants::Scope;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::cursor;
use crate::http::list_digest::ListDigest;
use crate::http::problem::Problem;
use crate::http::query::Parameters;

/// A question whose cursor is not yet read: that needs to know who asks.
pub struct Asked {
    filter: RequestFilter,
    sort: Sort,
    limit: u32,
    cursor: Option<String>,
}

impl Asked {
    /// The question of this caller, and the list that the answer's cursors belong to.
    ///
    /// # Errors
    /// The cursor is of another list.
    pub fn by(self, scope: &Scope) -> Result<(RequestsQuery, ListDigest), Problem> {
        let list = ListDigest::of(scope, &(&self.filter, &self.sort));
        let beside = self.cursor.map(|text| cursor::read(list, &text).ok_or_else(Problem::invalid_cursor)).transpose()?;
        Ok((RequestsQuery { filter: self.filter, sort: self.sort, beside, limit: self.limit }, list))
    }

    fn of(parameters: &Parameters) -> Result<Self, Problem> {
        let text = |name| parameters.get(name).map(str::to_owned);
        let filter = RequestFilter {
            organization: parsed(parameters, "organization_id", "must be the id of an organization")?,
            action: text("action"),
            actor_id: text("actor_id"),
            actor_type: actor_type(parameters)?,
            client_ip: text("client_ip"),
            created_at_min: parsed(parameters, "created_at_min", "must be an RFC 3339 time")?,
            // Answers show milliseconds: an entry must pass a bound that is its own shown time.
            created_at_max: parsed(parameters, "created_at_max", "must be an RFC 3339 time")?.map(end_of_millisecond),
            method: text("method").map(|method| method.to_ascii_uppercase()),
            path: text("path").map(|path| path.to_lowercase()),
            status_code_min: parsed(parameters, "status_code_min", "must be an integer")?,
            status_code_max: parsed(parameters, "status_code_max", "must be an integer")?,
            target_id: text("target_id"),
            target_type: text("target_type"),
        };
        Ok(Self { filter, sort: sort(parameters)?, limit: limit(parameters)?, cursor: text("cursor") })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&Parameters::of(parts))
    }
}

fn parsed<T: FromStr>(parameters: &Parameters, name: &str, what: &str) -> Result<Option<T>, Problem> {
    parameters.get(name).map(|text| text.parse().map_err(|_| wrong(name, what))).transpose()
}

fn wrong(name: &str, what: impl Display) -> Problem {
    Problem::invalid_parameter(name, what)
}

fn end_of_millisecond(time: Micros) -> Micros {
    Micros::saturating(time.get().div_euclid(1000) * 1000 + 999)
}

fn actor_type(parameters: &Parameters) -> Result<Option<RequestActorKind>, Problem> {
    let known = |name| RequestActorKind::named(name).ok_or_else(|| wrong("actor_type", "must be one of user, api_key"));
    parameters.get("actor_type").map(known).transpose()
}

fn limit(parameters: &Parameters) -> Result<u32, Problem> {
    let Some(text) = parameters.get("limit") else { return Ok(API_REQUESTS_DEFAULT) };
    let limit = text.parse().ok().filter(|limit| (1..=API_REQUESTS_MAX).contains(limit));
    limit.ok_or_else(|| wrong("limit", format_args!("must be an integer from 1 to {API_REQUESTS_MAX}")))
}

/// `created_at:desc,status_code:asc`, in the order of precedence.
fn sort(parameters: &Parameters) -> Result<Sort, Problem> {
    let Some(text) = parameters.get("sort") else { return Ok(Sort::default()) };
    let key = |entry: &str| {
        let (field, direction) =
            entry.split_once(':').ok_or_else(|| wrong("sort", "must be a list of field:asc or field:desc"))?;
        let field = match field {
            "created_at" => SortField::CreatedAt,
            "status_code" => SortField::StatusCode,
            _ => return Err(wrong("sort", "must name created_at or status_code")),
        };
        match direction {
            "asc" => Ok((field, Direction::Asc)),
            "desc" => Ok((field, Direction::Desc)),
            _ => Err(wrong("sort", "must have the directions asc or desc")),
        }
    };
    let keys: Vec<_> = text.split(',').map(key).collect::<Result<_, _>>()?;
    Sort::new(keys).ok_or_else(|| wrong("sort", "must name each field once"))
}
