//! When events arrive. Knows nothing of what arrives.

use super::draw::{Draw, Subject};
use super::plan::Plan;
use super::time::{DAY, SECOND};

/// Load by hour of the day, UTC: offices in Europe and America.
const HOURS: [f64; 24] = [
    0.45, 0.40, 0.35, 0.30, 0.30, 0.40, 0.60, 1.00, 1.45, 1.65, 1.60, 1.50, 1.40, 1.65, 1.85, 1.85, 1.70, 1.45, 1.20, 1.00, 0.85,
    0.75, 0.60, 0.50,
];

/// A Poisson process whose rate follows the hours of the day. The rate is that of the moment a gap begins, which is as good
/// as exact while gaps are short beside an hour.
pub struct Arrivals {
    draw: Draw,
    now: u64,
    mean_gap: f64,
    mean_load: f64,
}

impl Arrivals {
    pub fn new(plan: &Plan) -> Arrivals {
        Arrivals {
            draw: Draw::of(plan.seed, Subject::Arrivals, &[]),
            now: plan.start,
            mean_gap: DAY as f64 * f64::from(plan.days.get()) / plan.events.max(1) as f64,
            mean_load: HOURS.iter().sum::<f64>() / 24.0,
        }
    }

    pub fn next(&mut self) -> u64 {
        let hour = (self.now % DAY / (3_600 * SECOND)) as usize;
        let gap = self.mean_gap * self.draw.exponential() * self.mean_load / HOURS[hour];
        self.now += gap as u64;
        self.now
    }
}
