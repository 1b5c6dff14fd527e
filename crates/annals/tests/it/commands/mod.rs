//! The commands that speak to a server, and those that keep an installation, as a shell runs them.

mod export;
mod help;
mod import;
mod import_resumed;
mod keep;
mod manage;
mod mirror;
mod read;
mod refusals;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::server::{Server, annals};

/// A server, and a folder for files.
pub struct World {
    folder: tempfile::TempDir,
    pub server: Server,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("temp folder");
        let server = Server::start(&folder.path().join("data"), &[]);
        Self { folder, server }
    }

    /// With the action `user.signed_in`, whose target is a team, and an organization, whose id comes back.
    pub fn furnished() -> (Self, String) {
        let world = Self::new();
        world.ok(&["schemas", "create", "user.signed_in", "--target", "team"]);
        let organization = world.ok(&["orgs", "create", "Acme"]).trim().to_owned();
        (world, organization)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = client(arguments);
        command.env("ANNALS_URL", &self.server.url).current_dir(self.folder.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// Standard output of a command that succeeds.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}: {ran:?}");
        ran.out
    }

    /// JSON lines of a command that succeeds.
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        lines(&self.ok(&[arguments, &["--json"]].concat()))
    }

    /// With something on standard input.
    pub fn fed(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.spawn(arguments);
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
        ran(&child.wait_with_output().expect("annals runs"))
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("annals starts")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// Without settings of the machine that runs the test.
pub fn client(arguments: &[&str]) -> Command {
    let mut command = annals(arguments);
    for variable in ["ANNALS_URL", "ANNALS_BASE_URL", "WORKOS_BASE_URL", "WORKOS_API_KEY", "ANNALS_API_KEY_FILE"] {
        command.env_remove(variable);
    }
    command
}

pub fn run(command: &mut Command) -> Ran {
    ran(&command.stdin(Stdio::null()).output().expect("annals runs"))
}

pub fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Ran { out: text(&output.stdout), err: text(&output.stderr), code: output.status.code().unwrap_or(-1) }
}

pub fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// kill -TERM
pub fn terminate(child: &Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs").success());
}
