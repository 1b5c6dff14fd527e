//! Which events of one organization: the filters of the API as one expression over the columns.

use std::sync::Arc;

use annals_core::ids::OrganizationId;
use annals_core::time::Micros;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::prelude::{col, lit};
use datafusion::scalar::ScalarValue;

use super::any_of::ArrayHasAny;
use crate::lake::LakeFile;
use crate::lake::columns::{ACTION, ACTOR_ID, ACTOR_NAME, OCCURRED_AT, ORGANIZATION_ID, RECEIVED_AT, TARGET_TYPES};

/// From and to, both inclusive; `None` is no bound.
pub type Between = (Option<Micros>, Option<Micros>);

/// Kinds combine with AND, entries of one list with OR; an empty list is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub organization: OrganizationId,
    pub occurred: Between,
    pub received: Between,
    pub actions: Vec<String>,
    pub actor_ids: Vec<String>,
    pub actor_names: Vec<String>,
    pub target_types: Vec<String>,
}

impl Filter {
    /// Every event of one organization.
    #[must_use]
    pub fn of(organization: OrganizationId) -> Self {
        Self {
            organization,
            occurred: (None, None),
            received: (None, None),
            actions: Vec::new(),
            actor_ids: Vec::new(),
            actor_names: Vec::new(),
            target_types: Vec::new(),
        }
    }

    /// Whether a file may have an event that passes.
    pub(super) fn may_pass(&self, file: &LakeFile) -> bool {
        let received = file.received();
        let (from, to) = self.received;
        file.may_hold(self.organization)
            && from.is_none_or(|from| received.greatest >= from)
            && to.is_none_or(|to| received.least <= to)
    }

    /// The whole filter. Conditions on few bytes come first.
    pub(super) fn expression(&self) -> Expr {
        let mut all = col(ORGANIZATION_ID).eq(lit(self.organization.to_string()));
        for (name, (from, to)) in [(RECEIVED_AT, self.received), (OCCURRED_AT, self.occurred)] {
            all = from.into_iter().fold(all, |all, from| all.and(col(name).gt_eq(time(from))));
            all = to.into_iter().fold(all, |all, to| all.and(col(name).lt_eq(time(to))));
        }
        for (name, texts) in [(ACTION, &self.actions), (ACTOR_ID, &self.actor_ids), (ACTOR_NAME, &self.actor_names)] {
            if !texts.is_empty() {
                all = all.and(col(name).in_list(texts.iter().map(lit).collect(), false));
            }
        }
        if self.target_types.is_empty() { all } else { all.and(has_any(TARGET_TYPES, &self.target_types)) }
    }
}

fn time(time: Micros) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(time.get()), Some("UTC".into())))
}

fn has_any(column: &str, texts: &[String]) -> Expr {
    let function = Arc::new(ScalarUDF::from(ArrayHasAny::default()));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![col(column), lit(ArrayHasAny::list(texts))]))
}
