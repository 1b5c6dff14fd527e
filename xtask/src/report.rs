//! Steps with their times, and the table and the line that a run ends with.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// The numbers of cargo's `test result:` line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
    pub measured: u64,
    pub filtered_out: u64,
}

impl Counts {
    const ONE_PASSED: Self = Self { passed: 1, failed: 0, ignored: 0, measured: 0, filtered_out: 0 };
    const ONE_FAILED: Self = Self { passed: 0, failed: 1, ignored: 0, measured: 0, filtered_out: 0 };
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.measured += other.measured;
        self.filtered_out += other.filtered_out;
    }
}

struct Step {
    name: String,
    took: Duration,
    failure: Option<Failure>,
}

pub struct Report {
    started: Instant,
    steps: Vec<Step>,
    counts: Counts,
}

impl Report {
    pub fn start() -> Self {
        Self { started: Instant::now(), steps: Vec::new(), counts: Counts::default() }
    }

    /// One thing that holds or does not: it counts as one test.
    pub fn check(&mut self, name: &str, step: impl FnOnce() -> Result<(), Failure>) {
        let done = self.timed(name, step);
        self.counts += if done.is_some() { Counts::ONE_PASSED } else { Counts::ONE_FAILED };
    }

    /// Something that others need: it counts only when it fails.
    pub fn prepare<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
        let done = self.timed(name, step);
        if done.is_none() {
            self.counts += Counts::ONE_FAILED;
        }
        done
    }

    /// Many tests that were counted by somebody else. `Err` is a suite that could not even count.
    pub fn suite(&mut self, name: &str, step: impl FnOnce() -> Result<(Counts, Result<(), Failure>), Failure>) {
        let mut counts = Counts::ONE_FAILED;
        self.timed(name, || {
            let (counted, outcome) = step()?;
            counts = counted;
            // A test binary that does not build, or dies, fails without counting anything.
            if outcome.is_err() && counts.failed == 0 {
                counts.failed = 1;
            }
            outcome
        });
        self.counts += counts;
    }

    /// Prints the table and, as the last line, the sum of everything. True when nothing failed.
    pub fn finish(self) -> bool {
        println!();
        for step in &self.steps {
            let mark = if step.failure.is_none() { "ok    " } else { "FAILED" };
            // All of the failure stands where it happened; the table only reminds.
            let reason = step.failure.as_ref().map(ToString::to_string).unwrap_or_default();
            println!("{mark} {:>7.1} s  {}  {}", step.took.as_secs_f64(), step.name, reason.lines().next().unwrap_or_default());
        }
        println!("\n{}", result_line(self.counts, self.started.elapsed()));
        self.counts.failed == 0
    }

    fn timed<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = step();
        let took = started.elapsed();
        let (done, failure) = match outcome {
            Ok(done) => (Some(done), None),
            Err(failure) => {
                println!("{name}: {failure}");
                (None, Some(failure))
            }
        };
        self.steps.push(Step { name: name.to_owned(), took, failure });
        done
    }
}

fn result_line(counts: Counts, took: Duration) -> String {
    let verdict = if counts.failed == 0 { "ok" } else { "FAILED" };
    let Counts { passed, failed, ignored, measured, filtered_out } = counts;
    format!(
        "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; {measured} measured; {filtered_out} filtered out; \
         finished in {:.2}s",
        took.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_written_like_cargo_writes_it() {
        let mut counts = Counts { passed: 41, ignored: 2, ..Counts::default() };
        counts += Counts::ONE_PASSED;
        let line = "test result: ok. 42 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.50s";
        assert_eq!(result_line(counts, Duration::from_millis(1500)), line);
        counts += Counts::ONE_FAILED;
        assert!(result_line(counts, Duration::ZERO).starts_with("test result: FAILED. 42 passed; 1 failed;"));
    }

    #[test]
    fn a_suite_that_fails_without_counting_is_one_failure() {
        let mut report = Report::start();
        report.suite("does not build", || Ok((Counts::default(), Err(Failure::new("no")))));
        assert_eq!(report.counts.failed, 1);
        report.suite("does not start", || Err(Failure::new("no")));
        assert_eq!(report.counts.failed, 2);
    }

    #[test]
    fn preparation_counts_only_when_it_fails() {
        let mut report = Report::start();
        assert_eq!(report.prepare("good", || Ok(7)), Some(7));
        assert_eq!(report.counts, Counts::default());
        assert_eq!(report.prepare::<()>("bad", || Err(Failure::new("no"))), None);
        assert_eq!(report.counts, Counts::ONE_FAILED);
    }
}
