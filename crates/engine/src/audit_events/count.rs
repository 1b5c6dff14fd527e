//! Counting events over time, and by one of their columns. The memory that it takes is bounded, whatever is counted.

use std::collections::{BTreeMap, HashMap};

use annals_core::counting::{CountedTime, GroupBy, Interval};
use annals_core::time::Micros;
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::TimestampMicrosecondType;
use futures::TryStreamExt;

use super::AuditEventsError;
use crate::lake::columns::{ACTION, ACTOR_ID, ACTOR_NAME, ColumnsError, ID, OCCURRED_AT, ORGANIZATION_ID, RECEIVED_AT};
use crate::read::{Batches, ReadError};

/// Buckets of one answer.
pub const BUCKETS_MAX: usize = 5_000;
/// Distinct actions, actors or organizations that are counted.
pub const GROUPS_MAX: usize = 100_000;
/// Counts of one group in one bucket.
const CELLS_MAX: usize = 1_000_000;
/// Keys and names of groups.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub interval: Interval,
    pub time: CountedTime,
    pub group_by: Option<GroupBy>,
    /// Groups that are told apart in the answer.
    pub top: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub total: u64,
    /// Those that are not empty, rising.
    pub buckets: Vec<Bucket>,
    /// The largest of the whole range; equal ones by key.
    pub groups: Vec<Group>,
    /// Events of other groups.
    pub other: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub start: Micros,
    pub count: u64,
    /// Which of [`Counted::groups`], and how many events: those that have any here.
    pub groups: Vec<(usize, u64)>,
    pub other: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub key: String,
    /// An actor's newest name.
    pub name: Option<String>,
    pub count: u64,
}

impl Count {
    /// What must be read. The time comes first, then the key.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match (self.time, self.group_by) {
            (CountedTime::OccurredAt, None) => &[OCCURRED_AT],
            (CountedTime::OccurredAt, Some(GroupBy::Action)) => &[OCCURRED_AT, ACTION],
            (CountedTime::OccurredAt, Some(GroupBy::Actor)) => &[OCCURRED_AT, ACTOR_ID, ACTOR_NAME, ID],
            (CountedTime::OccurredAt, Some(GroupBy::Organization)) => &[OCCURRED_AT, ORGANIZATION_ID],
            (CountedTime::ReceivedAt, None) => &[RECEIVED_AT],
            (CountedTime::ReceivedAt, Some(GroupBy::Action)) => &[RECEIVED_AT, ACTION],
            (CountedTime::ReceivedAt, Some(GroupBy::Actor)) => &[RECEIVED_AT, ACTOR_ID, ACTOR_NAME, ID],
            (CountedTime::ReceivedAt, Some(GroupBy::Organization)) => &[RECEIVED_AT, ORGANIZATION_ID],
        }
    }
}

pub(super) async fn count(mut batches: Batches, count: Count) -> Result<Counted, AuditEventsError> {
    let mut tally = Tally::default();
    while let Some(batch) = batches.try_next().await? {
        tally.add(&batch, count.interval)?;
    }
    Ok(tally.answer(count.top))
}

/// Counts on their way.
#[derive(Default)]
struct Tally {
    groups: HashMap<String, usize>,
    named: Vec<Named>,
    buckets: BTreeMap<Micros, Cell>,
    cells: usize,
    text_bytes: usize,
}

/// A group: the name that its newest event has, and that event's id.
#[derive(Default)]
struct Named {
    name: Option<String>,
    at: String,
    count: u64,
}

/// A bucket.
#[derive(Default)]
struct Cell {
    count: u64,
    groups: HashMap<usize, u64>,
}

impl Tally {
    fn add(&mut self, batch: &RecordBatch, interval: Interval) -> Result<(), AuditEventsError> {
        let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
        let text = |at: usize| batch.columns().get(at).and_then(|column| column.as_string_opt::<i32>());
        let (keys, names, ids) = (text(1), text(2), text(3));
        for row in 0..batch.num_rows() {
            let wrong = ColumnsError { column: OCCURRED_AT, row, problem: "outside the years 0000 to 9999" };
            let time = Micros::new(times.value(row)).ok_or(wrong).map_err(ReadError::from)?;
            let group = keys.map(|keys| self.group(keys.value(row))).transpose()?;
            if let (Some(group), Some(names), Some(ids)) = (group, names, ids) {
                let named = &mut self.named[group];
                let before = named.name.as_ref().map_or(0, String::len);
                named.learn(names, ids, row);
                self.text_bytes += named.name.as_ref().map_or(0, String::len);
                self.text_bytes -= before;
            }
            self.note(interval.start(time), group)?;
        }
        Ok(())
    }

    fn group(&mut self, key: &str) -> Result<usize, AuditEventsError> {
        if let Some(group) = self.groups.get(key) {
            return Ok(*group);
        }
        self.text_bytes += key.len();
        if self.named.len() == GROUPS_MAX || self.text_bytes > TEXT_BYTES_MAX {
            return Err(AuditEventsError::TooManyGroups);
        }
        self.groups.insert(key.to_owned(), self.named.len());
        self.named.push(Named::default());
        Ok(self.named.len() - 1)
    }

    fn note(&mut self, start: Micros, group: Option<usize>) -> Result<(), AuditEventsError> {
        if self.buckets.len() == BUCKETS_MAX && !self.buckets.contains_key(&start) {
            return Err(AuditEventsError::TooManyBuckets);
        }
        let bucket = self.buckets.entry(start).or_default();
        bucket.count += 1;
        let Some(group) = group else { return Ok(()) };
        self.named[group].count += 1;
        let cells = bucket.groups.len();
        *bucket.groups.entry(group).or_default() += 1;
        self.cells += bucket.groups.len() - cells;
        if self.cells > CELLS_MAX { Err(AuditEventsError::TooManyGroups) } else { Ok(()) }
    }

    fn answer(self, top: usize) -> Counted {
        let total = self.buckets.values().map(|bucket| bucket.count).sum();
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_unstable_by(|(a, at), (b, bt)| self.named[*bt].count.cmp(&self.named[*at].count).then_with(|| a.cmp(b)));
        groups.truncate(top);
        let places: HashMap<usize, usize> = groups.iter().enumerate().map(|(place, (_, group))| (*group, place)).collect();
        let grouped = !self.named.is_empty();
        let other = |count: u64, listed: u64| if grouped { count - listed } else { 0 };
        let bucket = |(start, bucket): (Micros, Cell)| {
            let mut listed: Vec<_> =
                bucket.groups.iter().filter_map(|(group, count)| Some((*places.get(group)?, *count))).collect();
            listed.sort_unstable();
            let other = other(bucket.count, listed.iter().map(|(_, count)| count).sum());
            Bucket { start, count: bucket.count, groups: listed, other }
        };
        let buckets = self.buckets.into_iter().map(bucket).collect();
        let mut named = self.named;
        let group = |(key, group): (String, usize)| {
            let named = std::mem::take(&mut named[group]);
            Group { key, name: named.name, count: named.count }
        };
        let groups: Vec<_> = groups.into_iter().map(group).collect();
        let other = if grouped { total - groups.iter().map(|group| group.count).sum::<u64>() } else { 0 };
        Counted { total, buckets, groups, other }
    }
}

impl Named {
    /// Ids order as texts.
    fn learn(&mut self, names: &StringArray, ids: &StringArray, row: usize) {
        if names.is_valid(row) && ids.value(row) > self.at.as_str() {
            ids.value(row).clone_into(&mut self.at);
            self.name = Some(names.value(row).to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_are_too_many_groups_sooner() {
        let mut tally = Tally::default();
        let fit = (0..GROUPS_MAX).take_while(|n| tally.group(&format!("{n:01000}")).is_ok()).count();
        assert_eq!(fit, TEXT_BYTES_MAX / 1000);
    }
}
