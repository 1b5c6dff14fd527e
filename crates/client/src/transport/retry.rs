//! When a request is sent again, and how long it waits before.

use std::time::Duration;

/// How often and how patiently requests are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first. 0: never again.
    pub retries: u32,
    /// The first wait is at most this long, each further one at most twice as long as the one before.
    pub first_wait: Duration,
    /// No wait that the server did not ask for is longer.
    pub longest_wait: Duration,
    /// A server that asks for a longer pause (`Retry-After`) is not asked again: the caller learns how long it would be.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 3,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(10),
            longest_retry_after: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// The pause before attempt `attempt + 1`, or `None` to give up. `chance` is in 0..1.
    ///
    /// Without the server's word it is anything up to a bound that doubles ("full jitter"), so that clients which failed together do
    /// not come back together. A pause that the server asked for is kept, and a little is added for the same reason.
    pub(crate) fn wait(&self, attempt: u32, asked: Option<Duration>, chance: f64) -> Option<Duration> {
        if attempt >= self.retries {
            return None;
        }
        match asked {
            Some(asked) if asked > self.longest_retry_after => None,
            Some(asked) => Some(asked + self.first_wait.mul_f64(chance)),
            None => Some(self.bound(attempt).mul_f64(chance)),
        }
    }

    /// The longest wait after `attempt` failures in a row, for streams that never give up.
    pub(crate) fn patience(&self, attempt: u32, chance: f64) -> Duration {
        self.bound(attempt).mul_f64(chance)
    }

    fn bound(&self, attempt: u32) -> Duration {
        let factor = 2_u32.checked_pow(attempt).unwrap_or(u32::MAX);
        self.first_wait.saturating_mul(factor).min(self.longest_wait)
    }
}

/// `Retry-After` in its integer form. Dates are passed over: reading them would need the server's clock.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        retries: 40,
        first_wait: Duration::from_millis(100),
        longest_wait: Duration::from_secs(1),
        longest_retry_after: Duration::from_secs(60),
    };

    fn check(attempt: u32, asked: Option<u64>, chance: f64, millis: Option<u64>) {
        let asked = asked.map(Duration::from_secs);
        assert_eq!(POLICY.wait(attempt, asked, chance), millis.map(Duration::from_millis), "{attempt} {asked:?} {chance}");
    }

    #[test]
    fn waits_double_up_to_a_bound_and_are_spread_over_it() {
        check(0, None, 0.0, Some(0));
        check(0, None, 0.5, Some(50));
        check(1, None, 0.5, Some(100));
        check(3, None, 0.5, Some(400));
        check(4, None, 0.5, Some(500));
        check(39, None, 0.5, Some(500));
        check(40, None, 0.5, None);
    }

    #[test]
    fn the_server_is_given_the_time_that_it_asks_for() {
        check(0, Some(7), 0.0, Some(7_000));
        check(0, Some(7), 0.5, Some(7_050));
        check(0, Some(0), 0.0, Some(0));
        check(0, Some(60), 0.0, Some(60_000));
        check(0, Some(61), 0.0, None);
        check(40, Some(1), 0.0, None);
    }

    #[test]
    fn only_whole_seconds_are_understood() {
        for (text, seconds) in [("7", Some(7)), (" 0 ", Some(0)), ("1.5", None), ("-1", None), ("", None), ("Fri, 31 Dec", None)]
        {
            assert_eq!(retry_after(text), seconds.map(Duration::from_secs), "{text:?}");
        }
    }
}
