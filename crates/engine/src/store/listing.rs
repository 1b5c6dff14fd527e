//! How a page of a list is read, whatever the backend (the order and cursor table of wire contract §0.4).
//!
//! A backend only scans: rows with ids strictly between two bounds, rising or falling. Cursors are positions, not rows: an id that
//! is not there (deleted, or never was) works like any other.
//!
//! `normal` lists like `desc` and swaps the two cursors, both in the question and in the answer.

use std::future::Future;

use crate::page::{ListQuery, Order, Page};

/// What a backend reads: `id > above AND id < below`, in one direction, at most `rows`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scan<Id> {
    pub above: Option<Id>,
    pub below: Option<Id>,
    pub direction: Direction,
    pub rows: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Rising,
    Falling,
}

impl Direction {
    fn reversed(self) -> Self {
        match self {
            Self::Rising => Self::Falling,
            Self::Falling => Self::Rising,
        }
    }
}

/// Reads one page: one scan, and a second one of a single row where only that can tell whether the list goes on behind a cursor.
///
/// # Errors
/// Those of `scan`.
pub(crate) async fn page<T, Id, E, S, F>(query: &ListQuery<Id>, id_of: fn(&T) -> Id, scan: S) -> Result<Page<T, Id>, E>
where
    Id: Copy,
    S: Fn(Scan<Id>) -> F,
    F: Future<Output = Result<Vec<T>, E>>,
{
    let reading = Reading::of(query);
    let limit = query.limit as usize;
    let mut items = scan(reading.first_scan(query.limit)).await?;
    let more_ahead = items.len() > limit;
    items.truncate(limit);
    let more_behind = match items.first() {
        // The scan began at an end of the list, so nothing lies behind it.
        None => false,
        Some(_) if reading.start.is_none() => false,
        Some(nearest) => !scan(reading.scan_behind(id_of(nearest))).await?.is_empty(),
    };
    if reading.backward {
        items.reverse();
    }
    let (precede, follow) = if reading.backward { (more_ahead, more_behind) } else { (more_behind, more_ahead) };
    let before = items.first().filter(|_| precede).map(id_of);
    let after = items.last().filter(|_| follow).map(id_of);
    let (before, after) = if query.order == Order::Normal { (after, before) } else { (before, after) };
    Ok(Page { items, before, after })
}

/// A query in terms of reading: where it starts, where it must stop, and which way it goes.
struct Reading<Id> {
    /// The cursor that the page is adjacent to.
    start: Option<Id>,
    stop: Option<Id>,
    direction: Direction,
    /// Against the order of the list: the page lies before its cursor and is turned round at the end.
    backward: bool,
}

impl<Id: Copy> Reading<Id> {
    fn of(query: &ListQuery<Id>) -> Self {
        let (before, after, listed) = match query.order {
            Order::Desc => (query.before, query.after, Direction::Falling),
            Order::Asc => (query.before, query.after, Direction::Rising),
            Order::Normal => (query.after, query.before, Direction::Falling),
        };
        // With both cursors the page follows `after`: clients keep their `before` while they walk forward with `after`.
        match (before, after) {
            (Some(before), None) => Self { start: Some(before), stop: None, direction: listed.reversed(), backward: true },
            (before, after) => Self { start: after, stop: before, direction: listed, backward: false },
        }
    }

    /// One row more than the page holds, to know whether the list goes on.
    fn first_scan(&self, limit: u32) -> Scan<Id> {
        between(self.start, self.stop, self.direction, limit.saturating_add(1))
    }

    /// The one row next to the page on the side where it started. Cursors do not bound it: they may not exist.
    fn scan_behind(&self, nearest: Id) -> Scan<Id> {
        between(Some(nearest), None, self.direction.reversed(), 1)
    }
}

fn between<Id>(start: Option<Id>, stop: Option<Id>, direction: Direction, rows: u32) -> Scan<Id> {
    match direction {
        Direction::Rising => Scan { above: start, below: stop, direction, rows },
        Direction::Falling => Scan { above: stop, below: start, direction, rows },
    }
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
