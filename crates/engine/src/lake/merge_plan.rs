//! Which files become one. A pure function of what a snapshot lists.
//!
//! Only neighbours of one day and one shard are ever put together, so files keep ranges of commits that do not overlap, and a file
//! is one day's. Two rules, because a merge writes every row again:
//!
//! * **A closed day** gets no more rows. Its neighbours become files as large as one may be, until no two small ones stand side by side
//!   and each is packed.
//! * **The open day** still grows. [`NEIGHBOURS_MIN`] neighbours of about one size become one of the next size. So a row is written
//!   again once for each size, not once for each flush, and no day ever has hundreds of files.

use annals_core::ids::ShardId;

use super::data_file::Kind;

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

/// What becomes one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In order. More than one, unless the one is to be packed.
    pub places: Vec<usize>,
    pub kind: Kind,
}

impl Piece {
    fn is_waiting(&self) -> bool {
        !self.is_packed && !self.set_aside
    }
}

/// The next merge; `None` when all is as it should be. `pieces` are in the order of their commits, days before
/// `first_open` get no more rows.
pub fn plan(pieces: &[Piece], first_open: Day) -> Option<Plan> {
    let runs = runs(pieces);
    // A later day of the shard has begun: what comes now is received later.
    let followed = |piece: &Piece| pieces.iter().any(|other| other.shard == piece.shard && other.day > piece.day);
    let is_closed = |run: &&Vec<usize>| {
        let first = &pieces[run[0]];
        first.day < first_open || followed(first)
    };
    let (closed, open): (Vec<_>, Vec<_>) = runs.iter().partition(is_closed);
    let bytes = |place: usize| pieces[place].bytes;
    // The open day first: its merges are quick, and packing takes so long that small files would pile up behind it.
    let of_open = open.into_iter().find_map(|run| of_open_day(run, bytes));
    let merged = of_open.map(|places| Plan { places, kind: Kind::Merged });
    let of_closed = || closed.into_iter().find_map(|run| of_closed_day(run, pieces));
    merged.or_else(|| of_closed().map(|places| Plan { places, kind: Kind::Packed }))
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
    let stays = |place: &usize| pieces[*place].is_packed && pieces[*place].bytes >= FILE_BYTES_GOOD;
    let rest = run.split(stays);
    // What fits begins anywhere: a small one that is packed may stand before a large one that is not.
    let mut groups = rest.flat_map(|run| (0..run.len()).map(|from| fitting(&run[from..], |place| pieces[place].bytes)));
    groups.find(|group| group.len() >= 2 || group.iter().any(|place| pieces[*place].is_waiting()))
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

/// As many of the first ones as fit into one file, and their reading into memory; one at least.
fn fitting(run: &[usize], bytes: impl Fn(usize) -> u64) -> Vec<usize> {
    let (mut file, mut memory) = (0, 0);
    let fits = |place: &usize| {
        file += bytes(*place);
        memory += bytes(*place).min(SOURCE_BYTES);
        *place == run[0] || (file <= FILE_BYTES_MAX && memory <= SOURCES_BYTES_MAX)
    };
    run.iter().copied().take(SOURCES_MAX).take_while(fits).collect()
}

#[cfg(test)]
#[path = "merge_plan_tests.rs"]
mod tests;
