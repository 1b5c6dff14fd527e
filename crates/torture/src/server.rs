//! An `annals serve` of its own process: started on a data folder, waited for, killed, stopped.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rand::RngExt;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::failure::{Doing, Failure};
use crate::run::Run;

pub const KEY: &str = "sk_test_0123456789abcdefghijklmnopqrstuv";
const READY_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);
const READY_LINE: &str = "listening on ";
/// Below the ports that systems give to outgoing connections: no client can sit on the port while the server restarts.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Lines of the server's log that are shown when something went wrong.
const LOG_LINES_SHOWN: usize = 25;

/// How a server is started. The same plan again is a restart: same folder, same address.
#[derive(Debug, Clone)]
pub struct Plan {
    program: PathBuf,
    data: PathBuf,
    log: PathBuf,
    address: String,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
}

/// A running server that has said that it is ready. Dropping it kills it.
pub struct Server {
    child: Child,
    log: PathBuf,
    pub url: String,
}

/// What a start came to that may be refused, or die on the way.
pub enum Start {
    Ready(Box<Server>),
    /// It ended first. With the end of what it said on standard error.
    Ended(ExitStatus, String),
}

impl Plan {
    /// On the folder `name` of this run, on a port that is free now.
    pub fn new(run: &Run, name: &str) -> Result<Self, Failure> {
        let port = free_port(run, name)?;
        Ok(Self {
            program: run.annals.clone(),
            data: run.path(name),
            log: run.path(&format!("{name}.log")),
            address: format!("127.0.0.1:{port}"),
            flags: Vec::new(),
            variables: Vec::new(),
        })
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// On another folder than the one that it was made with.
    pub fn on(mut self, data: &Path) -> Self {
        data.clone_into(&mut self.data);
        self
    }

    /// What it says on standard error goes there.
    pub fn log(mut self, log: PathBuf) -> Self {
        self.log = log;
        self
    }

    /// A flag of `annals serve` with its value, such as `--flush-events`.
    pub fn flag(mut self, name: &str, value: impl ToString) -> Self {
        self.flags.extend([name.to_owned(), value.to_string()]);
        self
    }

    /// A variable of the server's environment.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Starts and waits for the ready line.
    pub async fn start(&self) -> Result<Server, Failure> {
        match self.try_start().await? {
            Start::Ready(server) => Ok(*server),
            Start::Ended(status, log) => Err(Failure::new(format!("the server ended with {status} before it was ready\n{log}"))),
        }
    }

    pub async fn try_start(&self) -> Result<Start, Failure> {
        let mut child = self.command()?.spawn().doing(format!("cannot start {}", self.program.display()))?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::new("the server has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(url) = line.strip_prefix(READY_LINE) {
                    return Some(url.trim().to_owned());
                }
            }
            None
        };
        match timeout(READY_LIMIT, ready).await {
            Ok(Some(url)) => {
                // Nobody reads further output, and the pipe must not fill up.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                Ok(Start::Ready(Box::new(Server { child, log: self.log.clone(), url })))
            }
            Ok(None) => {
                let status = child.wait().await.doing("cannot wait for the server")?;
                Ok(Start::Ended(status, log_end(&self.log)))
            }
            Err(_) => {
                Err(Failure::new(format!("no `{READY_LINE}…` line within {} s\n{}", READY_LIMIT.as_secs(), log_end(&self.log))))
            }
        }
    }

    /// Kills it in the middle of its start, or soon after.
    pub async fn start_and_kill(&self, after: Duration) -> Result<(), Failure> {
        let mut child = self.command()?.spawn().doing(format!("cannot start {}", self.program.display()))?;
        tokio::time::sleep(after).await;
        child.kill().await.doing("cannot kill the server")
    }

    fn command(&self) -> Result<Command, Failure> {
        let log = File::options().create(true).append(true).open(&self.log).doing("cannot open the server's log")?;
        let mut command = Command::new(&self.program);
        // The developer's own settings must not reach this server.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ANNALS_")) {
            command.env_remove(name);
        }
        command
            .args(["serve", "--listen", &self.address, "--data"])
            .arg(&self.data)
            .args(&self.flags)
            .env("ANNALS_API_KEY", KEY)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        Ok(command)
    }
}

impl Server {
    /// kill -9. Returns when the process is gone.
    pub async fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().await.doing("cannot kill the server")
    }

    /// SIGTERM, which must end it well.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let id = self.child.id().map(|id| id.to_string()).unwrap_or_default();
        // The standard library can only kill; the shell's own `kill` is there on every machine.
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]).status().await.doing("cannot run sh")?;
        if !sent.success() {
            return Err(Failure::new(format!("the server had ended before SIGTERM\n{}", self.log_end())));
        }
        let status = self.ended(STOP_LIMIT).await?;
        if status.success() { Ok(()) } else { Err(Failure::new(format!("SIGTERM ended it with {status}\n{}", self.log_end()))) }
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self, limit: Duration) -> Result<ExitStatus, Failure> {
        let waited = timeout(limit, self.child.wait()).await;
        let waited =
            waited.map_err(|_| Failure::new(format!("the server still runs after {limit:?}\n{}", log_end(&self.log))))?;
        waited.doing("cannot wait for the server")
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Memory that it holds now, where the system tells.
    pub fn memory_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    pub fn log_end(&self) -> String {
        log_end(&self.log)
    }

    /// Everything that all servers of this plan have said on standard error.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Both binaries are built together.
pub fn beside_this_program() -> Result<PathBuf, Failure> {
    let here = std::env::current_exe().doing("cannot find this program")?;
    let annals = here.with_file_name("annals");
    if annals.is_file() {
        Ok(annals)
    } else {
        Err(Failure::new(format!("{} is not built; name it with --annals", annals.display())))
    }
}

fn free_port(run: &Run, name: &str) -> Result<u16, Failure> {
    // From the process too: two runs with one seed may go on side by side.
    let mut random = run.random(&format!("port of {name} in {}", std::process::id()));
    let drawn = (0..200).map(|_| random.random_range(PORTS)).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    drawn.ok_or_else(|| Failure::new("no free port"))
}

fn log_end(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    format!("--- end of the server's log\n{}", lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n"))
}
