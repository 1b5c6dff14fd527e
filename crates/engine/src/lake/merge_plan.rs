//! Which files become one. A pure function of what a snapshot lists.
//!
//! Only neighbours of one day and one shard are ever put together, so files keep ranges of commits that do not overlap, and a file
//! is one day's. Two rules, because a merge writes every row again:
//!
//! * **A closed day** gets no more rows. Its neighbours become files as large as one may be, until no two small ones stand side by side.
//! * **The open day** still grows. [`NEIGHBOURS_MIN`] neighbours of about one size become one of the next size. So a row is written
//!   again once for each size, not once for each flush, and no day ever has hundreds of files.
//!
//! Packing is another thing: it takes ten times as long as a merge, so it waits until none is due, and takes one file at a time.

use std::collections::BTreeMap;

use annals_core::ids::ShardId;

/// What a merge makes at most.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Files of this size stay as they are.
pub const FILE_BYTES_GOOD: u64 = 128 * 1024 * 1024;
/// Small neighbours that wait in the open day before they become one.
const NEIGHBOURS_MIN: usize = 16;
/// Files that one merge reads at most.
const SOURCES_MAX: usize = 256;
/// Each source is held in memory as far as one group of its rows goes, which compressed takes about so much.
const SOURCE_BYTES: u64 = 8 * 1024 * 1024;
/// All sources together.
const SOURCES_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// Files of the open day up to this size are of the first size; each next one is so many times larger.
const FIRST_SIZE_BYTES: u64 = 128 * 1024;
const SIZE_FACTOR: u64 = 16;

const _: () = assert!(FILE_BYTES_GOOD <= FILE_BYTES_MAX / 2, "two small files must fit into one");
const _: () = assert!(SOURCES_BYTES_MAX >= SOURCE_BYTES * 2, "a merge has two sources at least");

/// A received day, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

/// What a plan needs to know of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub day: Day,
    pub shard: ShardId,
    pub bytes: u64,
    pub is_packed: bool,
    /// Cannot be read: stays, and parts its neighbours.
    pub set_aside: bool,
}

impl Piece {
    /// Worth to be merged with a neighbour. Packing makes a good file smaller, but hardly by half: it must not be merged for that.
    fn is_small(&self) -> bool {
        self.bytes < if self.is_packed { FILE_BYTES_GOOD / 2 } else { FILE_BYTES_GOOD }
    }
}

/// Whether a piece is of a day that gets no more rows.
fn closed_days(pieces: &[Piece], first_open: Day) -> impl Fn(&Piece) -> bool {
    let mut newest: BTreeMap<ShardId, Day> = BTreeMap::new();
    for piece in pieces {
        let day = newest.entry(piece.shard).or_insert(piece.day);
        *day = piece.day.max(*day);
    }
    // Or a later day of the shard has begun: what comes now is received later.
    move |piece| piece.day < first_open || newest.get(&piece.shard).is_some_and(|newest| piece.day < *newest)
}

/// The place of the file to pack next, of at most so many bytes: of a day that has ended, the newest first, because it is read most.
pub fn to_pack(pieces: &[Piece], first_open: Day, bytes_max: u64) -> Option<usize> {
    let is_closed = closed_days(pieces, first_open);
    let waits = |piece: &Piece| !piece.is_packed && !piece.set_aside && piece.bytes <= bytes_max && is_closed(piece);
    pieces.iter().rposition(waits)
}

/// The places of files that become one; `None` when all is as it should be. `pieces` are in the order of their commits, days before
/// `first_open` get no more rows.
pub fn plan(pieces: &[Piece], first_open: Day) -> Option<Vec<usize>> {
    let runs = runs(pieces);
    let is_closed = closed_days(pieces, first_open);
    let (closed, open): (Vec<_>, Vec<_>) = runs.iter().partition(|run| is_closed(&pieces[run[0]]));
    let bytes = |place: usize| pieces[place].bytes;
    let of_closed = closed.into_iter().find_map(|run| of_closed_day(run, pieces));
    of_closed.or_else(|| open.into_iter().find_map(|run| of_open_day(run, bytes)))
}

/// Neighbours that may become one, in order. Each run has one at least.
fn runs(pieces: &[Piece]) -> Vec<Vec<usize>> {
    let mut shards: Vec<ShardId> = pieces.iter().map(|piece| piece.shard).collect();
    shards.sort_unstable();
    shards.dedup();
    let mut runs = Vec::new();
    for shard in shards {
        let of_shard: Vec<usize> = (0..pieces.len()).filter(|place| pieces[*place].shard == shard).collect();
        let together = |a: &usize, b: &usize| {
            let (a, b) = (&pieces[*a], &pieces[*b]);
            a.day == b.day && !a.set_aside && !b.set_aside
        };
        runs.extend(of_shard.chunk_by(together).map(<[usize]>::to_vec));
    }
    runs
}

fn of_closed_day(run: &[usize], pieces: &[Piece]) -> Option<Vec<usize>> {
    let small = run.chunk_by(|a, b| pieces[*a].is_small() && pieces[*b].is_small());
    small.map(|run| fitting(run, |place| pieces[place].bytes)).find(|group| group.len() >= 2)
}

fn of_open_day(run: &[usize], bytes: impl Fn(usize) -> u64 + Copy) -> Option<Vec<usize>> {
    let mut limit = FIRST_SIZE_BYTES;
    loop {
        let limit_now = limit.min(FILE_BYTES_GOOD);
        let no_larger = run.chunk_by(|a, b| bytes(*a) < limit_now && bytes(*b) < limit_now);
        let due = no_larger.filter(|group| group.len() >= NEIGHBOURS_MIN && !is_mostly_one(group, bytes));
        if let Some(group) = due.map(|group| fitting(group, bytes)).find(|group| group.len() >= 2) {
            return Some(group);
        }
        if limit >= FILE_BYTES_GOOD {
            return None;
        }
        limit *= SIZE_FACTOR;
    }
}

/// Whether a merge would for the most part write one large file again.
fn is_mostly_one(group: &[usize], bytes: impl Fn(usize) -> u64) -> bool {
    let total: u64 = group.iter().map(|place| bytes(*place)).sum();
    group.iter().any(|place| bytes(*place) > total / 4)
}

/// As many of the first ones as fit into one file, and their reading into memory.
fn fitting(run: &[usize], bytes: impl Fn(usize) -> u64) -> Vec<usize> {
    let (mut file, mut memory) = (0, 0);
    let fits = |place: &usize| {
        file += bytes(*place);
        memory += bytes(*place).min(SOURCE_BYTES);
        file <= FILE_BYTES_MAX && memory <= SOURCES_BYTES_MAX
    };
    run.iter().copied().take(SOURCES_MAX).take_while(fits).collect()
}

#[cfg(test)]
#[path = "merge_plan_tests.rs"]
mod tests;
