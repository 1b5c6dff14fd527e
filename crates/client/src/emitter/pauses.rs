//! How long to wait after a failed request.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(30);
const REPAIR_FIRST: Duration = Duration::from_secs(1);
const REPAIR_MAX: Duration = Duration::from_secs(300);
/// A server that asks for more is not believed.
const ASKED_MAX: Duration = Duration::from_secs(300);

/// Doubles with every failure in a row.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    failures: u32,
}

impl Pauses {
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// `asked` is the server's `Retry-After`. `draw` is from 0 to 1: many clients of one server must not come back together.
    pub fn next(&mut self, asked: Option<Duration>, needs_repair: bool, draw: f64) -> Duration {
        let (first, max) = if needs_repair { (REPAIR_FIRST, REPAIR_MAX) } else { (FIRST, MAX) };
        let doubled = first.saturating_mul(1 << self.failures.min(16)).min(max);
        self.failures = self.failures.saturating_add(1);
        let drawn = doubled.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0);
        asked.map_or(drawn, |asked| asked.min(ASKED_MAX) + FIRST.mul_f64(draw.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_maximum_and_begin_anew() {
        let mut pauses = Pauses::default();
        let grown: Vec<_> = (0..20).map(|_| pauses.next(None, false, 1.0).as_millis()).collect();
        assert_eq!(&grown[..4], [100, 200, 400, 800]);
        assert_eq!(grown[19], 30_000);
        pauses.reset();
        assert_eq!(pauses.next(None, false, 0.0).as_millis(), 50);
        assert_eq!(pauses.next(None, true, 1.0).as_millis(), 2000);
    }

    #[test]
    fn the_server_is_heard_within_reason() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.next(Some(Duration::from_secs(7)), false, 0.0), Duration::from_secs(7));
        assert_eq!(pauses.next(Some(Duration::MAX), false, 0.0), ASKED_MAX);
    }
}
