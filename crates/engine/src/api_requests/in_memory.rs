//! Answers from the tail alone.

use std::cmp::Ordering;

use annals_core::ids::{ApiRequestId, EnvironmentId};
use annals_core::record::ApiRequest;

use super::query::{Direction, Place, RequestFilter, RequestsPage, RequestsQuery, Side, Sort, SortField};
use crate::commit_log::Tail;

pub fn page(tail: &Tail, environment: EnvironmentId, query: &RequestsQuery) -> RequestsPage {
    let commits = tail.commits();
    let all = commits.iter().flat_map(|commit| commit.api_requests.iter());
    let mut matching: Vec<_> =
        all.filter(|request| request.environment == environment && passes(&query.filter, request)).collect();
    matching.sort_by(|a, b| compare(&query.sort, &Place::of(a), &Place::of(b)));
    let limit = query.limit as usize;
    let total = matching.len();
    let (start, end) = match &query.beside {
        None => (0, limit.min(total)),
        Some((Side::After, place)) => {
            let start = matching.partition_point(|request| compare(&query.sort, &Place::of(request), place).is_le());
            (start, (start + limit).min(total))
        }
        Some((Side::Before, place)) => {
            let end = matching.partition_point(|request| compare(&query.sort, &Place::of(request), place).is_lt());
            (end.saturating_sub(limit), end)
        }
    };
    let items = matching[start..end].iter().map(|request| (*request).clone()).collect();
    RequestsPage { items, has_before: start > 0, has_after: end < total, total: total as u64 }
}

pub fn find(tail: &Tail, id: ApiRequestId) -> Option<ApiRequest> {
    let commits = tail.commits();
    let commit = commits.iter().find(|commit| commit.number == id.commit())?;
    commit.api_requests.iter().find(|request| request.id == id).cloned()
}

fn compare(sort: &Sort, a: &Place, b: &Place) -> Ordering {
    let keys = sort.keys().iter().map(|(field, direction)| {
        let order = match field {
            SortField::CreatedAt => a.created_at.cmp(&b.created_at),
            SortField::StatusCode => a.status_code.cmp(&b.status_code),
        };
        directed(order, *direction)
    });
    keys.fold(Ordering::Equal, Ordering::then).then(directed(a.id.cmp(&b.id), sort.id_direction()))
}

fn directed(order: Ordering, direction: Direction) -> Ordering {
    match direction {
        Direction::Asc => order,
        Direction::Desc => order.reverse(),
    }
}

fn passes(filter: &RequestFilter, entry: &ApiRequest) -> bool {
    let request = &entry.request;
    let same = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
    let target = |wanted: &Option<String>, part: fn(&annals_core::record::RequestTarget) -> &str| {
        wanted.as_deref().is_none_or(|wanted| request.target.as_ref().is_some_and(|target| part(target) == wanted))
    };
    filter.organization.is_none_or(|wanted| entry.organization == Some(wanted))
        && same(&filter.action, &request.action)
        && same(&filter.actor_id, &request.actor.id)
        && filter.actor_type.is_none_or(|wanted| request.actor.kind == wanted)
        && same(&filter.client_ip, &request.client_ip)
        && filter.created_at_min.is_none_or(|min| entry.created_at >= min)
        && filter.created_at_max.is_none_or(|max| entry.created_at <= max)
        && same(&filter.method, &request.method)
        && filter.path.as_ref().is_none_or(|part| request.path.to_lowercase().contains(part.as_str()))
        && filter.status_code_min.is_none_or(|min| request.status_code >= min)
        && filter.status_code_max.is_none_or(|max| request.status_code <= max)
        && target(&filter.target_id, |target| &target.id)
        && target(&filter.target_type, |target| &target.kind)
}
