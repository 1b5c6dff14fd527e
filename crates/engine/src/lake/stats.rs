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
        values.map(|value| Self { least: value, greatest: value }).reduce(Self::with)
    }

    /// Both, and all between.
    pub fn with(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest) }
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

fn bounds<R: Row>(owner: R::Owner, id: R::Id) -> Map<String, Value> {
    Map::from_iter([(R::OWNER.to_owned(), owner.to_string().into()), (ID.to_owned(), id.to_string().into())])
}

impl<R: Row> FileStats<R> {
    /// The text for the log.
    ///
    /// # Errors
    /// None that is known of.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        let mut least = bounds::<R>(self.owners.least, self.ids.least);
        let mut greatest = bounds::<R>(self.owners.greatest, self.ids.greatest);
        for (time, range) in R::TIMES.iter().zip(&self.times) {
            // Delta keeps milliseconds here: the greatest must not be rounded below a value that it bounds.
            let up = Micros::saturating(range.greatest.get().saturating_add(999));
            least.insert(time.name.to_owned(), range.least.wire().into());
            greatest.insert(time.name.to_owned(), up.wire().into());
        }
        let nulls = columns::<R>().into_iter().map(|name| (name.to_owned(), 0.into())).collect();
        serde_json::to_string(&Text { num_records: self.rows, min_values: least, max_values: greatest, null_count: nulls })
    }

    /// `None` when there is no text of [`FileStats::text`] in it.
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
