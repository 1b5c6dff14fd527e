//! Time that passes as fast as events can be made.

use std::sync::atomic::{AtomicI64, Ordering};

use annals_core::time::Micros;
use annals_engine::Clock;

use crate::bench::generate::Plan;

/// Stands still until it is told to go on.
pub struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    pub fn at(now: Micros) -> Self {
        Self(AtomicI64::new(now.get()))
    }
    pub fn set(&self, now: Micros) {
        self.0.fetch_max(now.get(), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Micros {
        Micros::saturating(self.0.load(Ordering::SeqCst))
    }
}

/// From when to when the events arrive.
#[derive(Clone, Copy)]
pub struct Span {
    pub begins: Micros,
    pub ends: Micros,
}

impl Span {
    /// The time of an arrival of the plan, which begins with this span. A plan's days may be a little longer than the span.
    pub fn time_of(self, plan: &Plan, arrives_at: u64) -> Micros {
        let days = u128::from(plan.nanoseconds());
        let passed = u128::from(arrives_at.saturating_sub(plan.start)).min(days);
        let length = u128::try_from(self.ends.get() - self.begins.get()).unwrap_or(0);
        Micros::saturating(self.begins.get() + i64::try_from(passed * length / days).unwrap_or(0))
    }
}
