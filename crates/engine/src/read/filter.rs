//! Which events: the filters of the API as one expression over the columns.

use std::ops::Bound;

use annals_core::event::CommittedEvent;
use annals_core::ids::{EnvironmentId, OrganizationId};
use annals_core::time::Micros;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, lit, starts_with};
use datafusion::scalar::ScalarValue;
use serde::Serialize;

use super::any_of::ArrayHasAny;
use super::row_check::{Check, MetadataCheck};
use super::scan::Select;
use crate::lake::columns::{
    ACTION, ACTOR_ID, ACTOR_NAME, ACTOR_TYPE, ENVIRONMENT_ID, LOCATION, OCCURRED_AT, ORGANIZATION_ID, RECEIVED_AT, TARGET_IDS,
    TARGET_NAMES, TARGET_TYPES,
};
use crate::lake::{LakeFile, Range};

/// From and to.
pub type Between = (Bound<Micros>, Bound<Micros>);

/// No bound on either side.
pub const ALWAYS: Between = (Bound::Unbounded, Bound::Unbounded);

/// Kinds combine with AND, entries of one list with OR; an empty list is no filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// `None`: every organization of the environment.
    pub organization: Option<OrganizationId>,
    pub occurred: Between,
    pub received: Between,
    pub actions: Vec<ActionPattern>,
    pub actor_ids: Vec<String>,
    pub actor_names: Vec<String>,
    pub actor_types: Vec<String>,
    pub target_ids: Vec<String>,
    pub target_types: Vec<String>,
    pub target_names: Vec<String>,
    pub locations: Vec<String>,
    /// Key and value of the event's own metadata; the value as text. Each key is a kind of its own.
    pub metadata: Vec<(String, String)>,
    /// A part of any text of the event, in upper or lower case.
    pub search: Option<String>,
    /// Only events of the older Audit Trail API.
    pub audit_trail: Option<AuditTrailFilter>,
}

/// An action's name, or how it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ActionPattern {
    Exact(String),
    Prefix(String),
}

/// What the older Audit Trail API marks its events with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct AuditTrailFilter {
    pub groups: Vec<String>,
    pub action_types: Vec<String>,
}

impl ActionPattern {
    /// `user.*` is everything that begins with `user.`; a star elsewhere is just a star.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }
}

impl Filter {
    /// Every event.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            organization: None,
            occurred: ALWAYS,
            received: ALWAYS,
            actions: Vec::new(),
            actor_ids: Vec::new(),
            actor_names: Vec::new(),
            actor_types: Vec::new(),
            target_ids: Vec::new(),
            target_types: Vec::new(),
            target_names: Vec::new(),
            locations: Vec::new(),
            metadata: Vec::new(),
            search: None,
            audit_trail: None,
        }
    }

    /// The organization's id for messages; empty when none is named.
    #[must_use]
    pub fn organization_shown(&self) -> String {
        self.organization.map(|id| id.to_string()).unwrap_or_default()
    }

    /// Every event of one organization.
    #[must_use]
    pub fn of(organization: OrganizationId) -> Self {
        Self { organization: Some(organization), ..Self::everything() }
    }
}

/// A filter in its environment: what a reader is given, so that nothing is ever read across environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub environment: EnvironmentId,
    pub filter: Filter,
}

impl Select<CommittedEvent> for Selection {
    fn owns(&self, event: &CommittedEvent) -> bool {
        event.environment == self.environment
            && self.filter.organization.is_none_or(|organization| event.organization == organization)
    }

    fn owner(&self) -> Vec<Expr> {
        let organization = self.filter.organization.map(|id| col(ORGANIZATION_ID).eq(lit(id.to_string())));
        organization.into_iter().chain([col(ENVIRONMENT_ID).eq(lit(self.environment.to_string()))]).collect()
    }

    fn may_hold(&self, file: &LakeFile) -> bool {
        self.filter.organization.is_none_or(|organization| file.may_hold(organization))
    }

    fn may_pass(&self, file: &LakeFile) -> bool {
        may_be_between(file.received(), self.filter.received) && self.may_hold(file)
    }

    fn one_owner(&self) -> Option<OrganizationId> {
        self.filter.organization
    }

    fn conditions(&self) -> Vec<Expr> {
        let filter = &self.filter;
        let mut all: Vec<Expr> = Vec::new();
        all.extend(between(RECEIVED_AT, filter.received));
        all.extend(between(OCCURRED_AT, filter.occurred));
        all.extend(actions(&filter.actions));
        for (column, texts) in [
            (ACTOR_TYPE, &filter.actor_types),
            (ACTOR_ID, &filter.actor_ids),
            (ACTOR_NAME, &filter.actor_names),
            (LOCATION, &filter.locations),
        ] {
            all.extend(one_of(column, texts));
        }
        for (column, texts) in
            [(TARGET_TYPES, &filter.target_types), (TARGET_IDS, &filter.target_ids), (TARGET_NAMES, &filter.target_names)]
        {
            if !texts.is_empty() {
                all.push(ArrayHasAny::of(column, texts));
            }
        }
        all.extend(filter.audit_trail.clone().map(|marks| Check::AuditTrail(marks).expression()));
        all.extend(MetadataCheck::of(&filter.metadata).into_iter().map(|check| Check::Metadata(check).expression()));
        all.extend(filter.search.as_deref().map(|text| Check::search(text).expression()));
        all
    }
}

/// Of no conditions: true.
pub(super) fn conjunction(all: impl IntoIterator<Item = Expr>) -> Expr {
    all.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true))
}

/// Of no texts: no condition.
pub(super) fn one_of(column: &str, texts: &[String]) -> Option<Expr> {
    (!texts.is_empty()).then(|| col(column).in_list(texts.iter().map(lit).collect(), false))
}

fn actions(patterns: &[ActionPattern]) -> Option<Expr> {
    let mut exact = Vec::new();
    let mut any = Vec::new();
    for pattern in patterns {
        match pattern {
            ActionPattern::Exact(name) => exact.push(lit(name)),
            ActionPattern::Prefix(prefix) => any.push(starts_with(col(ACTION), lit(prefix))),
        }
    }
    if !exact.is_empty() {
        any.push(col(ACTION).in_list(exact, false));
    }
    any.into_iter().reduce(Expr::or)
}

/// Whether a value of the range may be between the bounds.
pub(super) fn may_be_between(range: Range<Micros>, (from, to): Between) -> bool {
    let begins = match from {
        Bound::Included(from) | Bound::Excluded(from) => range.greatest >= from,
        Bound::Unbounded => true,
    };
    let ends = match to {
        Bound::Included(to) | Bound::Excluded(to) => range.least <= to,
        Bound::Unbounded => true,
    };
    begins && ends
}

pub(super) fn between(column: &str, (from, to): Between) -> impl Iterator<Item = Expr> {
    let from = match from {
        Bound::Included(from) => Some(col(column).gt_eq(time(from))),
        Bound::Excluded(from) => Some(col(column).gt(time(from))),
        Bound::Unbounded => None,
    };
    let to = match to {
        Bound::Included(to) => Some(col(column).lt_eq(time(to))),
        Bound::Excluded(to) => Some(col(column).lt(time(to))),
        Bound::Unbounded => None,
    };
    from.into_iter().chain(to)
}

pub(super) fn time(time: Micros) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(time.get()), Some("UTC".into())))
}
