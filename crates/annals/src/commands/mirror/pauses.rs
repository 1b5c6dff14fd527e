//! How long to wait after a failure.

use std::time::Duration;

use annals_client::Error;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(60);
/// A server that asks for more is asked again after this.
const ASKED_MAX: Duration = Duration::from_secs(60 * 60);

/// Grows with every failure in a row.
#[derive(Debug, Default)]
pub struct Pauses {
    pub failures: u32,
}

impl Pauses {
    /// Half of it is drawn, so that many that failed together do not come back together. `draw` is from 0 to 1.
    pub fn next(&mut self, error: &Error, draw: f64) -> Duration {
        let doubled = FIRST.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let drawn = doubled.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0);
        match error {
            Error::Unavailable { retry_after: Some(asked), .. } => drawn.max(*asked).min(ASKED_MAX),
            _ => drawn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_maximum() {
        let mut pauses = Pauses::default();
        let error = Error::Unsendable(String::new());
        let grown: Vec<_> = (0..20).map(|_| pauses.next(&error, 1.0).as_millis()).collect();
        assert_eq!((&grown[..4], grown[19]), (&[250, 500, 1000, 2000][..], 60_000));
        assert_eq!(Pauses::default().next(&error, 0.0).as_millis(), 125);
    }
}
