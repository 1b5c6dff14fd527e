//! Servers under measurement: started, watched from outside, killed.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::load::http::{Connection, get};

/// How long a start may take before it is given up.
const START_LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(2);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub key: String,
}

impl Server {
    /// `annals serve` on a folder. Returns when it listens.
    pub fn start(annals: &Path, data: &Path, key: &str, more: &[&str]) -> Fallible<Self> {
        let mut command = Command::new(annals);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data"]).arg(data).args(more);
        Self::spawn(command, key)
    }

    /// The handler that only parses, and answers constants.
    pub fn handler(annals: &Path) -> Fallible<Self> {
        let mut command = Command::new(annals);
        command.args(["bench", "parse-only"]);
        Self::spawn(command, "")
    }

    fn spawn(mut command: Command, key: &str) -> Fallible<Self> {
        // The developer's own settings must not reach this server.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ANNALS_")) {
            command.env_remove(name);
        }
        if !key.is_empty() {
            command.env("ANNALS_API_KEY", key);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take();
        // From here on dropping it ends the process, whatever fails next.
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), key: key.to_owned() };
        let mut lines = BufReader::new(stdout.ok_or("no output")?);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Err("the server ended before it listened".into());
            }
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                server.address = address.parse()?;
                // Nobody reads more; the pipe must not fill up.
                std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
                return Ok(server);
            }
        }
    }

    /// Until `GET /ready` answers 200.
    pub async fn ready(&self) -> Fallible<()> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok(answer) = connection.send(&get("/ready", "")).await
                && answer.status == 200
            {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err("the server is not ready after two minutes".into())
    }

    /// Resident memory now and the most since the last reset, in bytes.
    pub fn memory(&self) -> Fallible<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line in the status of a process")?;
            let kilobytes: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?;
            Fallible::Ok(kilobytes * 1024)
        };
        Ok(Memory { resident: field("VmRSS")?, most: field("VmHWM")? })
    }

    /// The most is counted from now on.
    pub fn reset_most_memory(&self) -> Fallible<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    /// kill -9.
    pub fn kill(mut self) -> Fallible<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and until it has ended.
    pub fn stop(mut self) -> Fallible<()> {
        signal(self.child.id(), "TERM")?;
        self.child.wait()?;
        Ok(())
    }
}

#[derive(Clone, Copy)]
pub struct Memory {
    pub resident: u64,
    pub most: u64,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The standard library only kills.
pub fn signal(process: u32, name: &str) -> Fallible<()> {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status()?;
    if sent.success() { Ok(()) } else { Err(format!("process {process} takes no signal").into()) }
}

/// What a program prints.
pub fn output(program: &str, arguments: &[&str]) -> Fallible<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
