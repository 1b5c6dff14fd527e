//! The server under torture: `annals-torture`, beside the server that it tortures.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process;
use crate::report::Report;
use crate::tools;
use crate::workspace::Workspace;

/// For one part in its short version.
const PART_LIMIT: Duration = Duration::from_secs(180);

struct Torture(PathBuf);

/// `arguments` are those of `annals-torture`.
pub fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new(Torture::build(workspace)?.0);
    command.args(arguments);
    process::run(command)
}

/// The short version of every part: one check each.
pub fn short(workspace: &Workspace, report: &mut Report) {
    let Some((torture, parts)) = report.prepare("build the torture", || {
        let torture = Torture::build(workspace)?;
        let parts = torture.parts()?;
        Ok((torture, parts))
    }) else {
        return;
    };
    for part in parts {
        report.check(&format!("torture {part}"), || {
            let mut command = Command::new(&torture.0);
            command.args(["--short", &part]);
            process::run_within(command, PART_LIMIT)
        });
    }
}

impl Torture {
    fn build(workspace: &Workspace) -> Result<Self, Failure> {
        tools::need("faketime", &["--version"], &["faketime"])?;
        workspace.build("annals")?;
        workspace.build("annals-torture").map(Self)
    }

    fn parts(&self) -> Result<Vec<String>, Failure> {
        let listed = process::output(&self.0.to_string_lossy(), &["--list"]);
        let listed = listed.ok_or_else(|| Failure::new("annals-torture does not list its parts"))?;
        Ok(listed.lines().map(str::to_owned).collect())
    }
}
