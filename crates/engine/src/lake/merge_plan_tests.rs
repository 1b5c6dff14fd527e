//! What becomes one, and what stays.

use annals_core::ids::ShardId;
use proptest::prelude::*;

use super::{Day, FILE_BYTES_GOOD, FILE_BYTES_MAX, Piece, Plan, SOURCES_MAX, plan};
use crate::lake::data_file::Kind;

const MIB: u64 = 1024 * 1024;
const OPEN: Day = Day(100);

fn pieces(day: i64, sizes: &[u64]) -> Vec<Piece> {
    let piece = |bytes: &u64| Piece { day: Day(day), shard: ShardId::new(1), bytes: *bytes, is_packed: false, set_aside: false };
    sizes.iter().map(piece).collect()
}

fn packed(day: i64, sizes: &[u64]) -> Vec<Piece> {
    pieces(day, sizes).into_iter().map(|piece| Piece { is_packed: true, ..piece }).collect()
}

fn check(name: &str, pieces: &[Piece], expected: Option<std::ops::Range<usize>>) {
    assert_eq!(plan(pieces, OPEN).map(|plan| plan.places), expected.map(Iterator::collect), "{name}");
}

#[test]
fn a_closed_day_is_merged_completely() {
    check("nothing", &[], None);
    check("one file", &packed(99, &[MIB]), None);
    check("two small ones", &packed(99, &[MIB, MIB]), Some(0..2));
    check("good ones stay", &packed(99, &[FILE_BYTES_GOOD, MIB, FILE_BYTES_GOOD]), None);
    check("small ones beside a good one", &packed(99, &[FILE_BYTES_GOOD, MIB, MIB]), Some(1..3));
    check("one that is not packed", &pieces(99, &[MIB]), Some(0..1));
    check("a large one that is not packed", &pieces(99, &[2 * FILE_BYTES_MAX]), Some(0..1));
    check("it stands behind one that is", &[packed(99, &[MIB]), pieces(99, &[FILE_BYTES_MAX])].concat(), Some(1..2));
    check("it takes a small one along", &[packed(99, &[MIB]), pieces(99, &[MIB])].concat(), Some(0..2));
    check("as large as one may be", &pieces(99, &[100 * MIB, 100 * MIB, 100 * MIB]), Some(0..2));
    check("no more than memory allows", &pieces(99, &[10 * MIB; 20]), Some(0..12));
    check("many tiny ones at once", &pieces(99, &[1024; 300]), Some(0..SOURCES_MAX));
}

#[test]
fn the_open_day_is_merged_size_by_size() {
    check("few", &pieces(100, &[MIB; 15]), None);
    check("many", &pieces(100, &[MIB; 16]), Some(0..16));
    check("the smallest first", &[pieces(100, &[MIB; 16]), pieces(100, &[1024; 16])].concat(), Some(16..32));
    check("a large one is not written again", &[pieces(100, &[100 * MIB]), pieces(100, &[MIB; 15])].concat(), None);
    check("large and small in turns", &pieces(100, &[6 * MIB, 50 * 1024].repeat(8)), Some(0..16));
    check("good ones stay", &pieces(100, &[FILE_BYTES_GOOD; 40]), None);
    check("it is closed when the next one has begun", &[pieces(100, &[MIB; 2]), pieces(101, &[MIB])].concat(), Some(0..2));
}

#[test]
fn packing_waits_for_the_open_day() {
    let files = [pieces(99, &[MIB; 2]), pieces(100, &[1024; 16])].concat();
    check("both have something to do", &files, Some(2..18));
    check("only the closed one has", &files[..17], Some(0..2));
}

#[test]
fn days_shards_and_damaged_files_part_neighbours() {
    check("days", &[packed(98, &[MIB]), packed(99, &[MIB])].concat(), None);
    let mut shards = packed(99, &[MIB; 2]);
    shards[1].shard = ShardId::new(2);
    check("shards", &shards, None);
    // Shards write at the same time, so their files lie in turns.
    let both: Vec<_> = pieces(99, &[MIB; 6]).into_iter().enumerate().collect();
    let both = both.into_iter().map(|(n, piece)| Piece { shard: ShardId::new(1 + u32::from(n % 2 == 1)), ..piece });
    assert_eq!(plan(&both.collect::<Vec<_>>(), OPEN).map(|plan| plan.places), Some(vec![0, 2, 4]));
    let mut damaged = packed(99, &[MIB; 3]);
    (damaged[1].set_aside, damaged[1].is_packed) = (true, false);
    check("a damaged file", &damaged, None);
}

proptest! {
    /// Carried out again and again, plans come to an end, keep every byte, and leave little to read.
    #[test]
    fn plans_end(sizes in proptest::collection::vec((0_i64..3, 1_u64..40 * MIB), 1..400), shrink in 5_u64..=10) {
        let mut files: Vec<(Vec<usize>, Piece)> = Vec::new();
        let mut day = 98;
        for (place, (step, bytes)) in sizes.iter().enumerate() {
            day = (day + i64::from(*step == 0 && place % 50 == 0)).min(100);
            files.push((vec![place], pieces(day, &[*bytes])[0]));
        }
        let mut merges = 0;
        let last_day = Day(day);
        let day_is_closed = |day: Day| day < OPEN || day < last_day;
        while let Some(Plan { places, kind }) = plan(&files.iter().map(|(_, piece)| *piece).collect::<Vec<_>>(), OPEN) {
            merges += 1;
            prop_assert!((places.len() >= 2 || kind == Kind::Packed) && places.is_sorted() && places.len() <= SOURCES_MAX);
            let merged: Vec<_> = places.iter().map(|place| files[*place].clone()).collect();
            prop_assert!(merged.iter().all(|(_, piece)| piece.day == merged[0].1.day));
            let bytes: u64 = merged.iter().map(|(_, piece)| piece.bytes).sum();
            prop_assert!(bytes <= FILE_BYTES_MAX);
            prop_assert_eq!(kind == Kind::Packed, day_is_closed(merged[0].1.day));
            // Merged files compress better.
            let piece = Piece { bytes: bytes * shrink / 10, is_packed: kind == Kind::Packed, ..merged[0].1 };
            files.splice(places[0]..=places[places.len() - 1], [(merged.into_iter().flat_map(|(rows, _)| rows).collect(), piece)]);
        }
        prop_assert!(merges <= 2 * sizes.len());
        prop_assert!(files.iter().all(|(_, piece)| piece.is_packed == day_is_closed(piece.day)));
        let rows: Vec<usize> = files.iter().flat_map(|(rows, _)| rows.clone()).collect();
        prop_assert_eq!(rows, (0..sizes.len()).collect::<Vec<_>>());
        let small = |day: i64| files.iter().filter(|(_, piece)| piece.day == Day(day) && piece.bytes < FILE_BYTES_GOOD).count();
        let followed = files.iter().any(|(_, piece)| piece.day == Day(100));
        if followed {
            for pair in files.windows(2) {
                let (a, b) = (pair[0].1, pair[1].1);
                prop_assert!(a.day != b.day || a.day == Day(100) || a.bytes.max(b.bytes) >= FILE_BYTES_GOOD);
            }
        }
        prop_assert!(small(100) < 150);
    }
}
