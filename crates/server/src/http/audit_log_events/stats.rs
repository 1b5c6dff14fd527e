//! Counts of audit events over time.

use annals_core::counting::{CountedTime, GroupBy, Interval};
use annals_core::wire::{self, Moment};
use annals_engine::Engine;
use annals_engine::audit_events::{Bucket, Count, Counted};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;

use super::documented::LongUrl;
use super::filter::EventFilter;
use crate::http::answer::Answer;
use crate::http::auth::Caller;
use crate::http::documented::{NotFound, Refusals, WrongParameters};
use crate::http::problem::Problem;
use crate::http::query::Parameters;

pub const TOP_DEFAULT: u32 = 10;
pub const TOP_MAX: u32 = 100;

/// What is counted.
pub struct CountParameters(Count);

/// Count audit events
///
/// Bucket by bucket, and by action, actor or organization if asked. At most 5,000 buckets: ask for a longer interval or a shorter range.
#[utoipa::path(
    get, path = "/v1/audit_log_events/stats", operation_id = "get_audit_log_event_stats", tag = "audit-logs",
    params(EventFilter, CountParameters),
    responses(
        (status = 200, description = "The counts", body = wire::AuditLogEventStats),
        Refusals, NotFound, LongUrl, WrongParameters
    )
)]
pub async fn stats(
    State(engine): State<Engine>,
    Caller(scope): Caller,
    EventFilter(filter): EventFilter,
    CountParameters(count): CountParameters,
) -> Result<Answer, Problem> {
    let organization = filter.organization_shown();
    let counted = engine.audit_events().count(&scope, filter, count).await.map_err(Problem::audit_events(&organization))?;
    Ok(Answer::ok(&to_wire(count, counted)))
}

impl<S: Send + Sync> FromRequestParts<S> for CountParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parameters = Parameters::of(parts);
        let top = parameters.integer("top", TOP_MAX)?.unwrap_or(TOP_DEFAULT);
        Ok(Self(Count {
            interval: one_of(&parameters, "interval", Interval::TEXTS, Interval::from_text)?.unwrap_or_default(),
            time: one_of(&parameters, "time", CountedTime::TEXTS, CountedTime::from_text)?.unwrap_or_default(),
            group_by: one_of(&parameters, "group_by", GroupBy::TEXTS, GroupBy::from_text)?,
            top: top as usize,
        }))
    }
}

fn one_of<T>(
    parameters: &Parameters,
    name: &str,
    texts: &[&str],
    from_text: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(text) = parameters.get(name) else { return Ok(None) };
    let wrong = || Problem::wrong_parameter(name, format_args!("must be one of {}", texts.join(", ")));
    from_text(text).map(Some).ok_or_else(wrong)
}

fn to_wire(count: Count, counted: Counted) -> wire::AuditLogEventStats {
    let Counted { total, buckets, groups, other } = counted;
    let bucket = |bucket: Bucket| wire::AuditLogEventBucket {
        start: Moment(bucket.start),
        count: bucket.count,
        groups: bucket
            .groups
            .into_iter()
            .map(|(group, count)| wire::AuditLogEventBucketGroup { key: groups[group].key.clone(), count })
            .collect(),
        other: bucket.other,
    };
    let buckets = buckets.into_iter().map(bucket).collect();
    let groups =
        groups.into_iter().map(|group| wire::AuditLogEventGroup { key: group.key, name: group.name, count: group.count });
    wire::AuditLogEventStats {
        object: Default::default(),
        interval: count.interval,
        time: count.time,
        group_by: count.group_by,
        total,
        buckets,
        groups: groups.collect(),
        other,
    }
}
