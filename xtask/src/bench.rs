//! The measurements beside peers: builds both programs, brings the peers, and leaves the rest to `annals-bench`.

use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::tools;
use crate::workspace::Workspace;

/// `arguments` are those of `annals-bench`.
pub fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    tools::postgres()?;
    let pins = workspace.root().join("crates/bench/requirements.txt");
    let python = tools::python_environment(workspace, "python-bench", &pins)?.join("python");
    let annals = workspace.build_release("annals")?;
    let mut command = Command::new(workspace.build_release("annals-bench")?);
    command.arg("--annals").arg(annals).arg("--python").arg(python);
    command.arg("--folder").arg(workspace.bench()).arg("--source").arg(workspace.root());
    command.args(arguments).current_dir(workspace.root());
    process::run(command)
}
