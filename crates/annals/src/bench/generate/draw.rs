//! Random numbers that are the same everywhere and for ever. Never asks the operating system, and never lets one part of the
//! data shift another: each subject draws from its own stream.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// What a stream is for. The numbers are part of the format: a new one must not move the others.
#[derive(Clone, Copy)]
pub enum Subject {
    Organization = 1,
    Actor = 2,
    Address = 3,
    Object = 4,
    Event = 5,
    Details = 6,
    IdempotencyKey = 7,
    Arrivals = 8,
    Retry = 9,
}

/// Xoshiro256++ keeps its algorithm over releases of its crate. Everything above the raw 64 bits is written out below,
/// because the crate does not promise the same for its ranges and distributions.
pub struct Draw(Xoshiro256PlusPlus);

impl Draw {
    pub fn of(seed: u64, subject: Subject, numbers: &[u64]) -> Draw {
        let start = mix(seed.wrapping_add(subject as u64));
        Draw(Xoshiro256PlusPlus::seed_from_u64(numbers.iter().fold(start, |state, number| mix(state ^ mix(*number)))))
    }

    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to but not including `end`, which is not 0. The bias is below `end` in 2^64.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Mean 0, deviation 1.
    pub fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Spreads neighbouring numbers over all 64 bits.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
