//! What becomes one, and what stays.

use annals_core::ids::ShardId;
use proptest::prelude::*;

use super::{Day, FILE_BYTES_GOOD, FILE_BYTES_MAX, Piece, SOURCES_MAX, plan, to_pack};

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
    assert_eq!(plan(pieces, OPEN), expected.map(Iterator::collect), "{name}");
}

#[test]
fn a_closed_day_is_merged_completely() {
    check("nothing", &[], None);
    check("one file", &pieces(99, &[MIB]), None);
    check("two small ones", &pieces(99, &[MIB, MIB]), Some(0..2));
    check("good ones stay", &pieces(99, &[FILE_BYTES_GOOD, MIB, FILE_BYTES_GOOD]), None);
    check("small ones beside a good one", &pieces(99, &[FILE_BYTES_GOOD, MIB, MIB]), Some(1..3));
    check("a good one that was packed stays", &packed(99, &[FILE_BYTES_GOOD * 7 / 10, MIB]), None);
    check("small ones that were packed", &packed(99, &[MIB, MIB]), Some(0..2));
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
fn days_shards_and_damaged_files_part_neighbours() {
    check("days", &[pieces(98, &[MIB]), pieces(99, &[MIB])].concat(), None);
    let mut shards = pieces(99, &[MIB; 2]);
    shards[1].shard = ShardId::new(2);
    check("shards", &shards, None);
    // Shards write at the same time, so their files lie in turns.
    let both: Vec<_> = pieces(99, &[MIB; 6]).into_iter().enumerate().collect();
    let both = both.into_iter().map(|(n, piece)| Piece { shard: ShardId::new(1 + u32::from(n % 2 == 1)), ..piece });
    assert_eq!(plan(&both.collect::<Vec<_>>(), OPEN), Some(vec![0, 2, 4]));
    let mut damaged = pieces(99, &[MIB; 3]);
    damaged[1].set_aside = true;
    check("a damaged file", &damaged, None);
}

#[test]
fn files_of_days_that_have_ended_are_packed_once_the_newest_first() {
    let check = |name: &str, pieces: &[Piece], expected| assert_eq!(to_pack(pieces, OPEN, 10 * MIB), expected, "{name}");
    check("nothing", &[], None);
    check("the open day", &pieces(100, &[MIB]), None);
    check("the newest first", &[pieces(98, &[MIB]), pieces(99, &[MIB, MIB]), pieces(100, &[MIB])].concat(), Some(2));
    check("once", &[pieces(98, &[MIB]), packed(99, &[MIB])].concat(), Some(0));
    check("it has ended when the next one has begun", &[pieces(100, &[MIB]), pieces(101, &[MIB])].concat(), Some(0));
    check("no more than there is room for", &pieces(99, &[MIB, 11 * MIB]), Some(0));
    let mut damaged = pieces(99, &[MIB; 2]);
    damaged[1].set_aside = true;
    check("not a damaged one", &damaged, Some(0));
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
        let (mut merges, mut packings) = (0, 0);
        loop {
            let now: Vec<_> = files.iter().map(|(_, piece)| *piece).collect();
            if let Some(places) = plan(&now, OPEN) {
                merges += 1;
                prop_assert!(places.len() >= 2 && places.is_sorted() && places.len() <= SOURCES_MAX);
                let merged: Vec<_> = places.iter().map(|place| files[*place].clone()).collect();
                prop_assert!(merged.iter().all(|(_, piece)| piece.day == merged[0].1.day));
                let bytes: u64 = merged.iter().map(|(_, piece)| piece.bytes).sum();
                prop_assert!(bytes <= FILE_BYTES_MAX);
                // Merged files compress better.
                let piece = Piece { bytes: bytes * shrink / 10, is_packed: false, ..merged[0].1 };
                let rows = merged.into_iter().flat_map(|(rows, _)| rows).collect();
                files.splice(places[0]..=places[places.len() - 1], [(rows, piece)]);
            } else if let Some(place) = to_pack(&now, OPEN, u64::MAX) {
                packings += 1;
                let piece = &mut files[place].1;
                (piece.bytes, piece.is_packed) = (piece.bytes * 8 / 10, true);
            } else {
                break;
            }
        }
        prop_assert!(merges <= sizes.len() && packings <= 2 * sizes.len());
        let followed = |day: Day| files.iter().any(|(_, piece)| piece.day > day);
        prop_assert!(files.iter().all(|(_, piece)| piece.is_packed == (piece.day < OPEN || followed(piece.day))));
        let rows: Vec<usize> = files.iter().flat_map(|(rows, _)| rows.clone()).collect();
        prop_assert_eq!(rows, (0..sizes.len()).collect::<Vec<_>>());
        let small = |day: i64| files.iter().filter(|(_, piece)| piece.day == Day(day) && piece.bytes < FILE_BYTES_GOOD).count();
        let followed = files.iter().any(|(_, piece)| piece.day == Day(100));
        if followed {
            for pair in files.windows(2) {
                let (a, b) = (pair[0].1, pair[1].1);
                prop_assert!(a.day != b.day || a.day == Day(100) || a.bytes.max(b.bytes) >= FILE_BYTES_GOOD / 2);
            }
        }
        prop_assert!(small(100) < 150);
    }
}
