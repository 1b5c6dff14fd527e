//! Randomness from a seed: what is drawn is the same in every run with that seed, though not when it happens.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A stream of its own for each thing that draws, so that one that draws more does not shift the others.
pub fn stream(seed: u64, name: &str) -> StdRng {
    // FNV-1a: it only has to differ from name to name.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    StdRng::seed_from_u64(seed ^ hash)
}

/// A seed that is short enough to be typed again.
pub fn draw() -> u64 {
    rand::rng().random_range(1..1_000_000)
}
