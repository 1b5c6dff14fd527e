//! `cargo test` of the whole workspace, its output passed on and its result lines added up.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::failure::{Doing, Failure};
use crate::report::Counts;
use crate::workspace::Workspace;

pub fn run(workspace: &Workspace) -> Result<(Counts, Result<(), Failure>), Failure> {
    let mut cargo = workspace.cargo();
    // Every test binary runs, so that one report names everything that is broken.
    cargo.args(["test", "--workspace", "--no-fail-fast"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = cargo.spawn().doing("cannot start cargo test")?;
    let stdout = child.stdout.take().ok_or_else(|| Failure::new("cargo test has no output"))?;
    let mut counts = Counts::default();
    for line in BufReader::new(stdout).lines() {
        let line = line.doing("cannot read the output of cargo test")?;
        println!("{line}");
        if let Some(counted) = parse(&line) {
            counts += counted;
        }
    }
    let status = child.wait().doing("cannot wait for cargo test")?;
    let outcome = if status.success() { Ok(()) } else { Err(Failure::new(format!("cargo test ended with {status}"))) };
    Ok((counts, outcome))
}

fn parse(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for part in numbers.split("; ") {
        let Some((number, what)) = part.split_once(' ') else { continue };
        let number = number.parse().ok();
        match what {
            "passed" => counts.passed = number?,
            "failed" => counts.failed = number?,
            "ignored" => counts.ignored = number?,
            "measured" => counts.measured = number?,
            "filtered out" => counts.filtered_out = number?,
            _ => {}
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_read_and_everything_else_is_not() {
        let ok = "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 1 filtered out; finished in 0.01s";
        assert_eq!(parse(ok), Some(Counts { passed: 12, ignored: 3, filtered_out: 1, ..Counts::default() }));
        let failed = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.99s";
        assert_eq!(parse(failed), Some(Counts { passed: 1, failed: 2, ..Counts::default() }));
        for other in ["test result", "test a ... ok", "running 3 tests", ""] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }
}
