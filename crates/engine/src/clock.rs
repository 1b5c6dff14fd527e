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

/// Stands still until a test moves it.
#[cfg(test)]
pub(crate) struct MovedClock(std::sync::atomic::AtomicI64);

#[cfg(test)]
impl Default for MovedClock {
    fn default() -> Self {
        Self(std::sync::atomic::AtomicI64::new(1_800_000_000_000_000))
    }
}

#[cfg(test)]
impl MovedClock {
    pub fn at(now: Micros) -> Self {
        Self(std::sync::atomic::AtomicI64::new(now.get()))
    }
    pub fn advance(&self, by: std::time::Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).expect("short"), std::sync::atomic::Ordering::SeqCst);
    }
    pub fn set_back(&self, by: std::time::Duration) {
        self.0.fetch_sub(i64::try_from(by.as_micros()).expect("short"), std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(test)]
impl Clock for MovedClock {
    fn now(&self) -> Micros {
        Micros::saturating(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}
