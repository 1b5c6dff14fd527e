//! What is to be generated. Two equal plans give the same bytes.

use std::num::NonZeroU32;

use super::time::DAY;

/// Their names and ids are held in memory, about 200 bytes each.
pub const ORGANIZATIONS_MAX: u32 = 1_000_000;
pub const DAYS_MAX: u32 = 3_650;

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub seed: u64,
    /// Different events; retries come on top, about 56 for 10,000.
    pub events: u64,
    pub organizations: NonZeroU32,
    /// Midnight UTC of the first day, in nanoseconds since 1970.
    pub start: u64,
    /// Over which the arrivals are spread.
    pub days: NonZeroU32,
}

impl Plan {
    /// How long the arrivals last, but for the last few of them.
    pub fn nanoseconds(&self) -> u64 {
        u64::from(self.days.get()) * DAY
    }
}

/// A million events of ten thousand organizations on the first day of 2026.
impl Default for Plan {
    fn default() -> Plan {
        const DAYS_BEFORE_2026: u64 = 20_454;
        Plan {
            seed: 1,
            events: 1_000_000,
            organizations: NonZeroU32::MIN.saturating_add(9_999),
            start: DAYS_BEFORE_2026 * DAY,
            days: NonZeroU32::MIN,
        }
    }
}
