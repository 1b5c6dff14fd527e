//! What a workload found: figures, and how they stand to those of others in the same run.

use serde::{Deserialize, Serialize};

/// One quantity over all rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    pub unit: String,
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub rounds: usize,
}

impl Figure {
    /// Of at least one round.
    pub fn of(unit: &str, rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { at(middle) } else { (at(middle.saturating_sub(1)) + at(middle)) / 2.0 };
        Self { unit: unit.to_owned(), median, least: at(0), most: at(sorted.len().saturating_sub(1)), rounds: sorted.len() }
    }

    pub fn once(unit: &str, value: f64) -> Self {
        Self::of(unit, &[value])
    }
}

/// What a comparison has to reach.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
    pub fn value(self) -> f64 {
        let (Self::AtLeast(value) | Self::AtMost(value)) = self;
        value
    }
}

/// One number that is judged, or only told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// What the number is: `of the handler that only parses`.
    pub what: String,
    pub value: f64,
    pub unit: String,
    pub must: Option<Bound>,
    pub aim: Option<Bound>,
}

impl Comparison {
    pub fn new(what: impl Into<String>, value: f64, unit: &str) -> Self {
        Self { what: what.into(), value, unit: unit.to_owned(), must: None, aim: None }
    }
    pub fn at_least(self, must: f64, aim: f64) -> Self {
        Self { must: Some(Bound::AtLeast(must)), aim: Some(Bound::AtLeast(aim)), ..self }
    }
    pub fn at_most(self, must: f64, aim: f64) -> Self {
        Self { must: Some(Bound::AtMost(must)), aim: Some(Bound::AtMost(aim)), ..self }
    }
    pub fn verdict(&self) -> Verdict {
        let holds = |bound: Option<Bound>| bound.is_some_and(|bound| bound.holds(self.value));
        match (holds(self.must), holds(self.aim)) {
            _ if self.must.is_none() && self.aim.is_none() => Verdict::Told,
            (_, true) => Verdict::Aim,
            (true, false) => Verdict::Must,
            (false, false) => Verdict::Short,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing to reach.
    Told,
    Aim,
    Must,
    Short,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Told => "",
            Self::Aim => "aim",
            Self::Must => "must",
            Self::Short => "**short**",
        }
    }
}

/// One line of a workload: our figure, those beside it, and the numbers that are judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finding {
    pub name: String,
    pub ours: Figure,
    pub beside: Vec<(String, Figure)>,
    pub comparisons: Vec<Comparison>,
}

impl Finding {
    pub fn new(name: impl Into<String>, ours: Figure) -> Self {
        Self { name: name.into(), ours, beside: Vec::new(), comparisons: Vec::new() }
    }
    pub fn beside(mut self, name: &str, figure: Figure) -> Self {
        self.beside.push((name.to_owned(), figure));
        self
    }
    pub fn compare(mut self, comparison: Comparison) -> Self {
        self.comparisons.push(comparison);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middle_ones() {
        for (rounds, median) in [(vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 2.0, 3.0], 2.5), (vec![7.0], 7.0)] {
            assert!((Figure::of("s", &rounds).median - median).abs() < 1e-9, "{rounds:?}");
        }
    }

    #[test]
    fn a_number_reaches_the_aim_the_must_or_neither() {
        let ratio = |value| Comparison::new("of it", value, "×").at_least(0.6, 0.8).verdict();
        assert_eq!([ratio(0.5), ratio(0.6), ratio(0.9)], [Verdict::Short, Verdict::Must, Verdict::Aim]);
        let time = |value| Comparison::new("p50", value, "ms").at_most(3.0, 1.0).verdict();
        assert_eq!([time(0.5), time(2.0), time(3.5)], [Verdict::Aim, Verdict::Must, Verdict::Short]);
        assert_eq!(Comparison::new("p99", 1.0, "ms").verdict(), Verdict::Told);
    }
}
