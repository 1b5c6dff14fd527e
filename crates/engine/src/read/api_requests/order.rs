//! A sort, for the tail, for the lake, and for choosing which files are looked at first.

use std::cmp::Ordering;

use annals_core::record::ApiRequest;
use annals_core::time::Micros;
use datafusion::logical_expr::{Expr, SortExpr};
use datafusion::prelude::{col, lit};

use super::selection::status;
use super::{Direction, Place, Sort, SortField};
use crate::lake::LakeFile;
use crate::lake::columns::ID;
use crate::lake::columns::api_requests::{CREATED_AT, STATUS_CODE};
use crate::read::filter::time;

impl Direction {
    fn apply(self, ordering: Ordering) -> Ordering {
        match self {
            Self::Asc => ordering,
            Self::Desc => ordering.reverse(),
        }
    }
    fn sort(self, column: &str) -> SortExpr {
        col(column).sort(self == Self::Asc, false)
    }
    fn is_after(self, column: &str, value: Expr) -> Expr {
        match self {
            Self::Asc => col(column).gt(value),
            Self::Desc => col(column).lt(value),
        }
    }
}

impl SortField {
    fn column(self) -> &'static str {
        match self {
            Self::CreatedAt => CREATED_AT,
            Self::StatusCode => STATUS_CODE,
        }
    }
}

impl Sort {
    pub(super) fn compare(&self, a: &Place, b: &Place) -> Ordering {
        let by_key = |(field, direction): &(SortField, Direction)| match field {
            SortField::CreatedAt => direction.apply(a.created_at.cmp(&b.created_at)),
            SortField::StatusCode => direction.apply(a.status_code.cmp(&b.status_code)),
        };
        let unlike = self.keys().iter().map(by_key).find(|ordering| ordering.is_ne());
        unlike.unwrap_or_else(|| self.id_direction().apply(a.id.cmp(&b.id)))
    }

    pub(super) fn compare_entries(&self, a: &ApiRequest, b: &ApiRequest) -> Ordering {
        self.compare(&Place::of(a), &Place::of(b))
    }

    pub(super) fn columns(&self) -> Vec<SortExpr> {
        let keys = self.keys().iter().map(|(field, direction)| direction.sort(field.column()));
        keys.chain([self.id_direction().sort(ID)]).collect()
    }

    /// Whether an entry comes after the place.
    pub(super) fn is_after(&self, place: &Place) -> Expr {
        let id = self.id_direction().is_after(ID, lit(place.id.to_string()));
        self.keys().iter().rev().fold(id, |later, (field, direction)| {
            let value = match field {
                SortField::CreatedAt => time(place.created_at),
                SortField::StatusCode => status(place.status_code),
            };
            direction.is_after(field.column(), value.clone()).or(col(field.column()).eq(value).and(later))
        })
    }

    /// Of the times, when they decide first.
    fn by_time(&self) -> Option<Direction> {
        self.keys().first().filter(|(field, _)| *field == SortField::CreatedAt).map(|(_, direction)| *direction)
    }

    /// By the first entry that a file may have.
    pub(super) fn compare_files(&self, a: &LakeFile<ApiRequest>, b: &LakeFile<ApiRequest>) -> Ordering {
        let (a, b) = (a.time(CREATED_AT), b.time(CREATED_AT));
        match self.by_time() {
            Some(Direction::Asc) => a.least.cmp(&b.least),
            Some(Direction::Desc) => b.greatest.cmp(&a.greatest),
            None => Ordering::Equal,
        }
    }

    /// Whether every entry of the file comes after this time. If it does for a file, it does for all that compare greater.
    pub(super) fn is_behind(&self, file: &LakeFile<ApiRequest>, time: Micros) -> bool {
        match self.by_time() {
            Some(Direction::Asc) => file.time(CREATED_AT).least > time,
            Some(Direction::Desc) => file.time(CREATED_AT).greatest < time,
            // Any file may have the entry whose status code comes first.
            None => false,
        }
    }

    /// Whether a file may have an entry after the place.
    pub(super) fn may_follow(&self, file: &LakeFile<ApiRequest>, place: &Place) -> bool {
        match self.by_time() {
            Some(Direction::Asc) => file.time(CREATED_AT).greatest >= place.created_at,
            Some(Direction::Desc) => file.time(CREATED_AT).least <= place.created_at,
            None => true,
        }
    }
}
