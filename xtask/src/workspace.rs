//! Where things are. Everything that a run leaves behind is below cargo's target directory, so `cargo clean` removes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Doing, Failure};
use crate::process;

pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    pub fn find() -> Result<Self, Failure> {
        let root = root();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        // Children run in other folders, so a relative target directory must not travel as it is.
        let target = std::path::absolute(&target).doing("cannot resolve the target directory")?;
        Ok(Self { root, target })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder that is kept from run to run; made when it does not exist.
    pub fn kept(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.target.join("conformance").join(name);
        std::fs::create_dir_all(&folder).doing(format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// The folder of the measurements, which keep their results there.
    pub fn bench(&self) -> PathBuf {
        self.target.join("bench")
    }

    /// A folder that did not exist before.
    pub fn fresh(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.kept("data")?.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir(&folder).doing(format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// A command that starts in the root of the workspace and shares this target directory.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        // `cargo run` describes xtask to its children. A build script that reads the description (ring's does) would take every
        // switch between `cargo build` and `cargo xtask` for a change, and build again.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// The cargo that runs this program.
    pub fn cargo(&self) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Builds what is shipped, or what is measured beside it.
    pub fn build_release(&self, package: &str) -> Result<PathBuf, Failure> {
        let mut cargo = self.cargo();
        cargo.args(["build", "--release", "--package", package]);
        process::run(cargo)?;
        Ok(self.target.join("release").join(package))
    }

    /// Builds a binary in the dev profile; a package's binary is called like the package.
    pub fn build(&self, package: &str) -> Result<PathBuf, Failure> {
        let mut cargo = self.cargo();
        // The whole workspace, as the tests were built: one package alone may select other features of what it depends on, and then
        // DataFusion is compiled a second time.
        cargo.args(["build", "--workspace", "--bin", package]);
        process::run(cargo)?;
        Ok(self.target.join("debug").join(package))
    }
}

/// The folder that holds `xtask`.
pub fn root() -> PathBuf {
    // As cargo says it now, not as it was when this was compiled: two clones may share a target directory, and then this program.
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    let xtask = now.as_deref().map_or(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new);
    xtask.parent().unwrap_or(xtask).to_owned()
}
