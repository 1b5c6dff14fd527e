//! What can be asked of the log, and what is answered. Plain data.

use annals_core::ids::{ApiRequestId, OrganizationId};
use annals_core::record::{ApiRequest, RequestActorKind};
use annals_core::time::Micros;
use serde::Serialize;

/// Which entries: all conditions hold. Bounds are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RequestFilter {
    pub organization: Option<OrganizationId>,
    pub action: Option<String>,
    pub actor_id: Option<String>,
    pub actor_type: Option<RequestActorKind>,
    pub client_ip: Option<String>,
    pub created_at_min: Option<Micros>,
    pub created_at_max: Option<Micros>,
    /// In upper case, as methods are kept.
    pub method: Option<String>,
    /// Part of the path, in lower case; compared whatever the path's case is.
    pub path: Option<String>,
    pub status_code_min: Option<u16>,
    pub status_code_max: Option<u16>,
    pub target_id: Option<String>,
    pub target_type: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SortField {
    CreatedAt,
    StatusCode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Direction {
    Asc,
    Desc,
}

/// In which order. Entries that are equal in every key come by id, in the direction of the last key, so the order is total.
///
/// Invariant: at least one key, and no field twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sort(Vec<(SortField, Direction)>);

impl Sort {
    /// `None`: no key, or a field twice.
    #[must_use]
    pub fn new(keys: Vec<(SortField, Direction)>) -> Option<Self> {
        let repeated = keys.iter().enumerate().any(|(at, (field, _))| keys[..at].iter().any(|(earlier, _)| earlier == field));
        (!keys.is_empty() && !repeated).then_some(Self(keys))
    }
    /// In the order of precedence.
    #[must_use]
    pub fn keys(&self) -> &[(SortField, Direction)] {
        &self.0
    }
    /// Of the id, which decides last.
    #[must_use]
    pub fn id_direction(&self) -> Direction {
        self.0.last().map_or(Direction::Desc, |(_, direction)| *direction)
    }
}

impl Default for Sort {
    /// Newest first.
    fn default() -> Self {
        Self(vec![(SortField::CreatedAt, Direction::Desc)])
    }
}

/// Where an entry stands in every order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub created_at: Micros,
    pub status_code: u16,
    pub id: ApiRequestId,
}

impl Place {
    #[must_use]
    pub fn of(request: &ApiRequest) -> Self {
        Self { created_at: request.created_at, status_code: request.request.status_code, id: request.id }
    }
}

/// On which side of a place a page lies. Either way it is the page that touches the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestsQuery {
    pub filter: RequestFilter,
    pub sort: Sort,
    /// `None`: the first page.
    pub beside: Option<(Side, Place)>,
    /// At least 1.
    pub limit: u32,
}

/// Entries in the order that was asked for, whichever side the page lies on.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestsPage {
    pub items: Vec<ApiRequest>,
    pub has_before: bool,
    pub has_after: bool,
    /// Entries that pass the filter, on all pages.
    pub total: u64,
}
