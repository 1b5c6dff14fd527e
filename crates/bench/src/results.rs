//! What a workload left behind, kept as JSON until the next run of the same workload.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Fallible;
use crate::figure::{Comparison, Finding};
use crate::machine::Machine;
use crate::workloads::Workload;
use crate::world::World;

#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub workload: String,
    pub title: String,
    pub date: String,
    pub commit: String,
    pub machine: Machine,
    pub rounds: u32,
    pub seconds: f64,
    pub failure: Option<String>,
    /// Also those that were found before a failure.
    pub findings: Vec<Finding>,
    /// What a reader must know to judge them.
    pub notes: Vec<String>,
}

impl Outcome {
    pub fn new(world: &World, workload: &Workload) -> Self {
        Self {
            workload: workload.name.to_owned(),
            title: workload.title.to_owned(),
            date: world.date.clone(),
            commit: world.commit.clone(),
            machine: world.machine.clone(),
            rounds: world.sizes.rounds,
            seconds: 0.0,
            failure: None,
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn find(&mut self, finding: Finding) {
        print_finding(&finding);
        self.findings.push(finding);
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub fn save(&self, folder: &Path) -> Fallible<()> {
        std::fs::create_dir_all(folder)?;
        // The old results stay until the new ones are complete.
        let (new, path) = (folder.join(format!("{}.new", self.workload)), folder.join(format!("{}.json", self.workload)));
        serde_json::to_writer_pretty(File::create(&new)?, self)?;
        Ok(std::fs::rename(new, path)?)
    }

    pub fn load(folder: &Path, workload: &str) -> Fallible<Option<Self>> {
        let path = folder.join(format!("{workload}.json"));
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_reader(BufReader::new(File::open(path)?))?))
    }

    pub fn print(&self) {
        let failed = self.failure.as_ref().map(|failure| format!(", FAILED: {failure}")).unwrap_or_default();
        println!("{}: {} findings in {:.0} s{failed}", self.workload, self.findings.len(), self.seconds);
    }
}

fn print_finding(finding: &Finding) {
    println!("  {:<58} {}", finding.name, shown(finding.ours.median, &finding.ours.unit));
    for (name, figure) in &finding.beside {
        println!("      {name:<54} {}", shown(figure.median, &figure.unit));
    }
    for Comparison { what, value, unit, must, aim } in &finding.comparisons {
        let bound =
            |name, bound: &Option<crate::figure::Bound>| bound.map(|b| format!("  {name} {}", b.value())).unwrap_or_default();
        println!("    → {:<22} {what}{}{}", shown(*value, unit), bound("must", must), bound("aim", aim));
    }
}

/// A number with three digits that say something, and its unit.
pub fn shown(value: f64, unit: &str) -> String {
    let number = match value.abs() {
        size if size >= 1000.0 => thousands(value.round() as i64),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    format!("{number} {unit}").trim_end().to_owned()
}

/// A number of things.
pub fn counted(number: u64) -> String {
    thousands(i64::try_from(number).unwrap_or(i64::MAX))
}

fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(0.123, "0.12 ×"), (12.34, "12.3 ×"), (123.4, "123 ×"), (1_234_567.8, "1,234,568 ×"), (1000.0, "1,000 ×")]
        {
            assert_eq!(shown(value, "×"), text);
        }
    }
}
