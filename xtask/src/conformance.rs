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

/// More than an organization may keep its events at the least.
const HISTORY_DAYS: u32 = 45;
const JOURNEY_LIMIT: Duration = Duration::from_secs(300);
const SCHEMATHESIS_LIMIT: Duration = Duration::from_secs(240);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Client {
    Node,
    /// The versions of the Node SDK that have the older Audit Trail.
    NodeOlder,
    Python,
    /// The last Python SDK with strict models.
    Python5,
    /// The last Python SDK that has the older Audit Trail.
    Python1,
    Go,
    GoAudittrail,
    GoNirvana,
    Rust,
    /// Other readers of the Delta tables.
    Lake,
    Schemathesis,
}

/// What `set_up` leaves: the program to start and the arguments that never change.
pub struct Program {
    path: PathBuf,
    arguments: Vec<PathBuf>,
    folder: PathBuf,
}

impl Client {
    pub const ALL: [Self; 11] = [
        Self::Node,
        Self::NodeOlder,
        Self::Python,
        Self::Python5,
        Self::Python1,
        Self::Go,
        Self::GoAudittrail,
        Self::GoNirvana,
        Self::Rust,
        Self::Lake,
        Self::Schemathesis,
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|client| client.to_string() == name)
    }

    pub fn set_up(self, workspace: &Workspace) -> Result<Program, Failure> {
        let sources = |folder| workspace.root().join("conformance").join(folder);
        match self {
            Self::Node => Program::node(workspace, &sources("node"), "journey.mjs"),
            Self::NodeOlder => Program::node(workspace, &sources("node"), "older.mjs"),
            Self::Python => Program::python(workspace, "python", sources("python"), "requirements.txt", "journey.py"),
            Self::Python5 => Program::python(workspace, "python-5", sources("python"), "requirements-5.txt", "journey_5.py"),
            Self::Python1 => Program::python(workspace, "python-1", sources("python"), "requirements-1.txt", "journey_1.py"),
            Self::Go => Program::go(workspace, "go", sources("go"), "."),
            Self::GoAudittrail => Program::go(workspace, "go-audittrail", sources("go"), "./audittrail"),
            Self::GoNirvana => Program::go(workspace, "go-nirvana", sources("go-nirvana"), "."),
            Self::Rust => {
                let path = workspace.build("annals-conformance")?;
                Ok(Program { path, arguments: vec![], folder: sources("rust") })
            }
            Self::Lake => Program::python(workspace, "lake", sources("lake"), "requirements.txt", "journey.py"),
            Self::Schemathesis => {
                let sources = sources("schemathesis");
                let bin = tools::python_environment(workspace, "schemathesis", &sources.join("requirements.txt"))?;
                let settings = vec!["--config-file".into(), sources.join("schemathesis.toml"), "run".into()];
                // It writes what it learned into the folder it runs in.
                Ok(Program { path: bin.join("schemathesis"), arguments: settings, folder: workspace.kept("schemathesis")? })
            }
        }
    }

    /// A fresh server, the program to its end, and a stop that must be clean too.
    pub fn run(self, workspace: &Workspace, server: &Path, program: &Program) -> Result<(), Failure> {
        let server = match self {
            Self::Lake => Server::start_with_history(workspace, server, &self.to_string(), HISTORY_DAYS)?,
            _ => Server::start(workspace, server, &self.to_string())?,
        };
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .current_dir(&program.folder)
            .env("ANNALS_URL", &server.url)
            .env("ANNALS_API_KEY", &server.key)
            .env("ANNALS_LAKE", server.lake())
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

impl Program {
    fn node(workspace: &Workspace, sources: &Path, journey: &str) -> Result<Self, Failure> {
        let node = tools::node_folder(workspace)?;
        let folder = tools::npm_project(workspace, &node, sources)?;
        Ok(Self { path: node.join("node"), arguments: vec![journey.into()], folder })
    }

    fn python(workspace: &Workspace, name: &str, sources: PathBuf, pins: &str, journey: &str) -> Result<Self, Failure> {
        let bin = tools::python_environment(workspace, name, &sources.join(pins))?;
        // -B: no byte code beside the sources.
        Ok(Self { path: bin.join("python"), arguments: vec!["-B".into(), journey.into()], folder: sources })
    }

    fn go(workspace: &Workspace, name: &str, sources: PathBuf, package: &str) -> Result<Self, Failure> {
        let path = tools::go_program(workspace, name, &sources, package)?;
        Ok(Self { path, arguments: vec![], folder: sources })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::NodeOlder => "node-older",
            Self::Python => "python",
            Self::Python5 => "python-5",
            Self::Python1 => "python-1",
            Self::Go => "go",
            Self::GoAudittrail => "go-audittrail",
            Self::GoNirvana => "go-nirvana",
            Self::Rust => "rust",
            Self::Lake => "lake",
            Self::Schemathesis => "schemathesis",
        })
    }
}
