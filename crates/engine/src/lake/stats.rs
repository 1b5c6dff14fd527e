//! The statistics of a data file, as Delta's log keeps them: what a reader needs to leave the file out.

use annals_core::time::Micros;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::columns::ID;
use super::row::Row;

/// The columns that have statistics, for the table property of that name. The names need no quoting.
pub fn columns<R: Row>() -> Vec<&'static str> {
    let times = R::TIMES.iter().map(|time| time.name);
    std::iter::once(R::OWNER).chain(times).chain([ID]).collect()
}

/// Both ends are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    pub least: T,
    pub greatest: T,
}

impl<T: Copy + Ord> Range<T> {
    /// `None` of nothing.
    pub fn of(values: impl Iterator<Item = T>) -> Option<Self> {
        let widen =
            |range: Self, other: Self| Self { least: range.least.min(other.least), greatest: range.greatest.max(other.greatest) };
        values.map(|value| Self { least: value, greatest: value }).reduce(widen)
    }

    pub fn holds(&self, value: T) -> bool {
        self.least <= value && value <= self.greatest
    }
}

impl Range<Micros> {
    /// Of a time without statistics: nothing is left out.
    pub fn always() -> Self {
        Self { least: Micros::saturating(i64::MIN), greatest: Micros::saturating(i64::MAX) }
    }
}

/// What our own readers use.
#[derive(Debug, Clone, PartialEq)]
pub struct FileStats<R: Row> {
    pub rows: u64,
    pub owners: Range<R::Owner>,
    pub ids: Range<R::Id>,
    /// In the order of [`Row::TIMES`]. Both ends are rounded outwards to milliseconds.
    pub times: Vec<Range<Micros>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    num_records: u64,
    min_values: Map<String, Value>,
    max_values: Map<String, Value>,
    #[serde(default)]
    null_count: Map<String, Value>,
}

/// The text for the log. `None` of no rows.
pub fn write<R: Row>(rows: &[R]) -> Option<String> {
    let owners = Range::of(rows.iter().map(Row::owner))?;
    let ids = Range::of(rows.iter().map(Row::id))?;
    let mut least = bounds::<R>(owners.least, ids.least);
    let mut greatest = bounds::<R>(owners.greatest, ids.greatest);
    for time in R::TIMES {
        let range = Range::of(rows.iter().map(time.of))?;
        // Delta keeps milliseconds here: the greatest must not be rounded below a value that it bounds.
        let up = Micros::saturating(range.greatest.get().saturating_add(999));
        least.insert(time.name.to_owned(), range.least.wire().into());
        greatest.insert(time.name.to_owned(), up.wire().into());
    }
    let nulls = columns::<R>().into_iter().map(|name| (name.to_owned(), 0.into())).collect();
    let text = Text { num_records: rows.len() as u64, min_values: least, max_values: greatest, null_count: nulls };
    serde_json::to_string(&text).ok()
}

fn bounds<R: Row>(owner: R::Owner, id: R::Id) -> Map<String, Value> {
    Map::from_iter([(R::OWNER.to_owned(), owner.to_string().into()), (ID.to_owned(), id.to_string().into())])
}

impl<R: Row> FileStats<R> {
    /// `None` when there is no text of [`write`] in it.
    pub fn read(text: &str) -> Option<Self> {
        let text: Text = serde_json::from_str(text).ok()?;
        Some(Self {
            rows: text.num_records,
            owners: text.range(R::OWNER)?,
            ids: text.range(ID)?,
            times: R::TIMES.iter().map(|time| text.range(time.name).unwrap_or_else(Range::always)).collect(),
        })
    }
}

impl Text {
    fn range<T: std::str::FromStr>(&self, column: &str) -> Option<Range<T>> {
        let bound = |values: &Map<String, Value>| values.get(column)?.as_str()?.parse().ok();
        Some(Range { least: bound(&self.min_values)?, greatest: bound(&self.max_values)? })
    }
}
