//! How often somebody may do something. Remembers only those who did it lately, and not more than so many of them.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Beyond this, those who have all of their allowance again are forgotten.
const REMEMBERED: usize = 10_000;
/// Looking for them takes a pass over all: not more often than this.
const FORGET_EVERY: Duration = Duration::from_secs(1);

pub struct Rates<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    start: Instant,
    /// Milliseconds after `start`.
    forgot_at: AtomicU64,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Rates<K> {
    pub fn new(quota: Quota) -> Self {
        Self {
            limiter: RateLimiter::keyed(quota),
            start: Instant::now(),
            forgot_at: AtomicU64::new(0),
            clock: DefaultClock::default(),
        }
    }

    /// Counts, unless it is too often: then the time after which it is not.
    pub fn check(&self, who: &K) -> Result<(), Duration> {
        self.limiter.check_key(who).map_err(|too_often| too_often.wait_time_from(self.clock.now()))
    }

    /// The same, for whoever can come under ever new names: when too many are remembered, a new one has to wait.
    pub fn check_stranger(&self, who: &K) -> Result<(), Duration> {
        self.forget();
        if self.limiter.len() >= 2 * REMEMBERED { Err(FORGET_EVERY) } else { self.check(who) }
    }

    /// Costs a look at a clock when nothing is due. Called now and then.
    pub fn forget(&self) {
        if self.limiter.len() < REMEMBERED {
            return;
        }
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.forgot_at.load(Ordering::Relaxed);
        let due = now >= last + u64::try_from(FORGET_EVERY.as_millis()).unwrap_or(u64::MAX);
        if due && self.forgot_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.limiter.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    #[test]
    fn each_has_its_own_allowance_and_learns_when_it_is_back() {
        let rates = Rates::new(Quota::per_hour(ONE).allow_burst(NonZeroU32::new(2).unwrap()));
        assert!(rates.check(&1).is_ok() && rates.check(&1).is_ok() && rates.check(&2).is_ok());
        let wait = rates.check(&1).unwrap_err();
        assert!(wait > Duration::from_secs(3500) && wait <= Duration::from_secs(3600), "{wait:?}");
    }

    #[test]
    fn a_crowd_of_strangers_takes_bounded_memory() {
        let rates = Rates::new(Quota::per_hour(ONE));
        let admitted = (0..5 * REMEMBERED).filter(|stranger| rates.check_stranger(stranger).is_ok()).count();
        assert_eq!((admitted, rates.limiter.len()), (2 * REMEMBERED, 2 * REMEMBERED));
    }
}
