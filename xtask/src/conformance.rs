//! The official clients and the property-based tester, each against a server of its own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process;
use crate::server::Server;
use crate::tools;
use crate::workspace::Workspace;

const JOURNEY_LIMIT: Duration = Duration::from_secs(300);
const SCHEMATHESIS_LIMIT: Duration = Duration::from_secs(240);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Client {
    Node,
    Python,
    Go,
    Rust,
    Schemathesis,
}

/// What `set_up` leaves: the program to start and the arguments that never change.
pub struct Program {
    path: PathBuf,
    arguments: Vec<PathBuf>,
    folder: PathBuf,
}

impl Client {
    pub const ALL: [Self; 5] = [Self::Node, Self::Python, Self::Go, Self::Rust, Self::Schemathesis];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|client| client.to_string() == name)
    }

    pub fn set_up(self, workspace: &Workspace) -> Result<Program, Failure> {
        let sources = workspace.root().join("conformance").join(self.to_string());
        match self {
            Self::Node => {
                let node = tools::node_folder(workspace)?;
                let folder = tools::npm_project(workspace, &node, &sources)?;
                Ok(Program { path: node.join("node"), arguments: vec!["journey.mjs".into()], folder })
            }
            Self::Python => {
                let bin = tools::python_environment(workspace, "python", &sources.join("requirements.txt"))?;
                // -B: no byte code beside the sources.
                Ok(Program { path: bin.join("python"), arguments: vec!["-B".into(), "journey.py".into()], folder: sources })
            }
            Self::Go => {
                let path = tools::go_program(workspace, &sources)?;
                Ok(Program { path, arguments: vec![], folder: sources })
            }
            Self::Rust => {
                let path = workspace.build("annals-conformance")?;
                Ok(Program { path, arguments: vec![], folder: sources })
            }
            Self::Schemathesis => {
                let bin = tools::python_environment(workspace, "schemathesis", &sources.join("requirements.txt"))?;
                let settings = vec!["--config-file".into(), sources.join("schemathesis.toml"), "run".into()];
                // It writes what it learned into the folder it runs in.
                Ok(Program { path: bin.join("schemathesis"), arguments: settings, folder: workspace.kept("schemathesis")? })
            }
        }
    }

    /// A fresh server, the program to its end, and a stop that must be clean too.
    pub fn run(self, workspace: &Workspace, server: &Path, program: &Program) -> Result<(), Failure> {
        let server = Server::start(workspace, server, &self.to_string())?;
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .current_dir(&program.folder)
            .env("ANNALS_URL", &server.url)
            .env("ANNALS_API_KEY", &server.key)
            // A proxy of this machine cannot reach a server on the loopback address.
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1");
        let limit = if self == Self::Schemathesis {
            command.arg(format!("{}/openapi.json", server.url));
            SCHEMATHESIS_LIMIT
        } else {
            JOURNEY_LIMIT
        };
        process::run_within(command, limit).map_err(|failure| server.with_log(&failure))?;
        server.stop()
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Schemathesis => "schemathesis",
        })
    }
}
