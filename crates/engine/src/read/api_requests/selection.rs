//! A filter in its environment, for the tail, for the lake, and for the statistics of a file.

use annals_core::ids::EnvironmentId;
use annals_core::record::ApiRequest;
use datafusion::functions::string::expr_fn::{contains, lower};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, lit};

use super::RequestFilter;
use crate::lake::LakeFile;
use crate::lake::columns::api_requests::{CLIENT_IP, CREATED_AT, METHOD, PATH, STATUS_CODE, TARGET_ID, TARGET_TYPE};
use crate::lake::columns::{ACTION, ACTOR_ID, ACTOR_TYPE, ENVIRONMENT_ID, ORGANIZATION_ID};
use crate::read::Select;
use crate::read::filter::time;

/// What a reader is given, so that nothing is ever read across environments. Who may see one organization only must have it in
/// the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSelection {
    pub environment: EnvironmentId,
    pub filter: RequestFilter,
}

impl RequestSelection {
    pub(super) fn passes(&self, entry: &ApiRequest) -> bool {
        let (filter, facts, target) = (&self.filter, &entry.request, entry.request.target.as_ref());
        let is = |wanted: &Option<String>, text: Option<&str>| wanted.is_none() || wanted.as_deref() == text;
        self.owns(entry)
            && inside(filter.created_at_min, entry.created_at, filter.created_at_max)
            && inside(filter.status_code_min, facts.status_code, filter.status_code_max)
            && is(&filter.action, Some(&facts.action))
            && is(&filter.actor_id, Some(&facts.actor.id))
            && filter.actor_type.is_none_or(|kind| facts.actor.kind == kind)
            && is(&filter.client_ip, Some(&facts.client_ip))
            && is(&filter.method, Some(&facts.method))
            && filter.path.as_ref().is_none_or(|part| facts.path.to_lowercase().contains(part.as_str()))
            && is(&filter.target_id, target.map(|target| target.id.as_str()))
            && is(&filter.target_type, target.map(|target| target.kind.as_str()))
    }

    /// Whether every entry of a file passes, as far as its statistics tell.
    pub(super) fn passes_all(&self, file: &LakeFile<ApiRequest>) -> bool {
        let (created, owners) = (file.time(CREATED_AT), file.stats.owners);
        let (min, max) = (self.filter.created_at_min, self.filter.created_at_max);
        let only_times = RequestFilter { created_at_min: min, created_at_max: max, ..RequestFilter::default() };
        owners.least == self.environment
            && owners.greatest == self.environment
            && inside(min, created.least, max)
            && inside(min, created.greatest, max)
            && self.filter == only_times
    }
}

fn inside<T: PartialOrd>(min: Option<T>, value: T, max: Option<T>) -> bool {
    min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
}

pub(super) fn status(code: u16) -> Expr {
    lit(i32::from(code))
}

impl Select<ApiRequest> for RequestSelection {
    fn owns(&self, entry: &ApiRequest) -> bool {
        entry.environment == self.environment
            && self.filter.organization.is_none_or(|organization| entry.organization == Some(organization))
    }

    fn owner(&self) -> Vec<Expr> {
        let organization = self.filter.organization.map(|id| col(ORGANIZATION_ID).eq(lit(id.to_string())));
        [col(ENVIRONMENT_ID).eq(lit(self.environment.to_string()))].into_iter().chain(organization).collect()
    }

    fn may_hold(&self, file: &LakeFile<ApiRequest>) -> bool {
        file.may_hold(self.environment)
    }

    fn may_pass(&self, file: &LakeFile<ApiRequest>) -> bool {
        let created = file.time(CREATED_AT);
        self.may_hold(file)
            && self.filter.created_at_min.is_none_or(|min| created.greatest >= min)
            && self.filter.created_at_max.is_none_or(|max| created.least <= max)
    }

    fn conditions(&self) -> Vec<Expr> {
        let filter = &self.filter;
        let is = |column: &str, wanted: &Option<String>| wanted.as_ref().map(|text| col(column).eq(lit(text)));
        let conditions = [
            filter.created_at_min.map(|min| col(CREATED_AT).gt_eq(time(min))),
            filter.created_at_max.map(|max| col(CREATED_AT).lt_eq(time(max))),
            filter.status_code_min.map(|min| col(STATUS_CODE).gt_eq(status(min))),
            filter.status_code_max.map(|max| col(STATUS_CODE).lt_eq(status(max))),
            filter.actor_type.map(|kind| col(ACTOR_TYPE).eq(lit(kind.as_str()))),
            is(METHOD, &filter.method),
            is(ACTION, &filter.action),
            is(CLIENT_IP, &filter.client_ip),
            is(ACTOR_ID, &filter.actor_id),
            is(TARGET_TYPE, &filter.target_type),
            is(TARGET_ID, &filter.target_id),
            filter.path.as_ref().map(|part| contains(lower(col(PATH)), lit(part))),
        ];
        conditions.into_iter().flatten().collect()
    }
}
