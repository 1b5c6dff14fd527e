//! At most so many times a second: for entries and log lines that strangers can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

pub struct Pace {
    per_second_max: u32,
    /// When the running second began, and how often it was used.
    second: Mutex<(Instant, u32)>,
}

impl Pace {
    pub fn new(per_second_max: u32) -> Self {
        Self { per_second_max, second: Mutex::new((Instant::now(), 0)) }
    }

    /// Whether it may happen now; if so it counts.
    pub fn allows(&self) -> bool {
        self.allows_at(Instant::now())
    }

    fn allows_at(&self, now: Instant) -> bool {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(second.0) >= SECOND {
            *second = (now, 0);
        }
        second.1 += 1;
        second.1 <= self.per_second_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own_allowance() {
        let pace = Pace::new(2);
        let start = Instant::now();
        for (millis, allowed) in [(0, true), (10, true), (20, false), (900, false), (1100, true), (1200, true), (1300, false)] {
            assert_eq!(pace.allows_at(start + Duration::from_millis(millis)), allowed, "{millis}");
        }
    }
}
