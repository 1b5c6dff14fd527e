//! What a part counted and what it found wrong, and the table of all parts at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::run::Run;

/// Of many faults the first ones say enough, and of a long one its beginning.
const FAULTS_SHOWN: usize = 20;
const FAULT_CHARS_SHOWN: usize = 1500;

#[derive(Debug, Default)]
pub struct Report {
    counts: Vec<(&'static str, u64)>,
    faults: Vec<String>,
    faults_unshown: u64,
}

impl Report {
    /// Adds to a number of the summary. The order of first mention is the order of printing, so mention zeros too.
    pub fn count(&mut self, what: &'static str, more: u64) {
        match self.counts.iter_mut().find(|(name, _)| *name == what) {
            Some((_, count)) => *count += more,
            None => self.counts.push((what, more)),
        }
    }

    /// Something that must never happen has happened.
    pub fn fault(&mut self, fault: impl Into<String>) {
        if self.faults.len() < FAULTS_SHOWN {
            let fault: String = fault.into().chars().take(FAULT_CHARS_SHOWN).collect();
            println!("WRONG: {fault}");
            self.faults.push(fault);
        } else {
            self.faults_unshown += 1;
        }
    }

    /// One thing that must hold. Counted, so that the summary says how much was checked.
    pub fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.count("checks", 1);
        if !holds {
            self.fault(otherwise());
        }
    }

    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    fn numbers(&self) -> String {
        self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

struct Line {
    part: &'static str,
    seed: u64,
    rounds: u32,
    took: Duration,
    report: Report,
}

#[derive(Default)]
pub struct Summary(Vec<Line>);

impl Summary {
    pub fn add(&mut self, part: &'static str, run: Run, carry_out: impl FnOnce(&Run, &mut Report) -> Result<(), Failure>) {
        let started = Instant::now();
        let mut report = Report::default();
        if let Err(failure) = carry_out(&run, &mut report) {
            report.fault(format!("not carried out to the end: {failure}"));
        }
        let (seed, rounds) = (run.seed, run.rounds);
        if !report.is_clean() {
            println!("{part}: everything is kept in {}", run.keep().display());
        }
        self.0.push(Line { part, seed, rounds, took: started.elapsed(), report });
    }

    /// Success only when nothing at all was wrong.
    pub fn print(&self) -> ExitCode {
        println!();
        for line in &self.0 {
            let mark = if line.report.is_clean() { "ok   " } else { "WRONG" };
            println!(
                "{mark} {:<10} seed {:<7} {:>4} rounds {:>6.1} s  {}",
                line.part,
                line.seed,
                line.rounds,
                line.took.as_secs_f64(),
                line.report.numbers()
            );
            for fault in &line.report.faults {
                println!("      {fault}");
            }
            if line.report.faults_unshown > 0 {
                println!("      and {} more", line.report.faults_unshown);
            }
        }
        if self.0.iter().all(|line| line.report.is_clean()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
