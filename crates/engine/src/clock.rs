//! The time comes in as an argument, so that tests can move it.

use annals_core::time::Micros;

pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Micros;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Micros::saturating(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}
