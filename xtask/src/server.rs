//! One fresh `annals serve`: its own data folder, a free port, a random key. Stopping it is part of the test.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::failure::{Doing, Failure};
use crate::process;
use crate::workspace::Workspace;

const READY_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const READY_LINE: &str = "listening on ";
/// Lines of the server's log that are shown when something went wrong.
const LOG_LINES_SHOWN: usize = 40;

pub struct Server {
    child: Child,
    folder: PathBuf,
    pub url: String,
    pub key: String,
}

impl Server {
    pub fn start(workspace: &Workspace, binary: &Path, name: &str) -> Result<Self, Failure> {
        let folder = workspace.fresh(name)?;
        let key = random_key()?;
        Self::start_in(folder, binary, key)
    }

    /// The same with so many days of events, received before the start.
    pub fn start_with_history(workspace: &Workspace, binary: &Path, name: &str, days: u32) -> Result<Self, Failure> {
        let folder = workspace.fresh(name)?;
        let mut command = annals(binary);
        command.args([
            "bench",
            "fill",
            "--events",
            "6000",
            "--batch",
            "100",
            "--organizations",
            "12",
            "--days",
            &days.to_string(),
            "--data",
        ]);
        command.arg(folder.join("data")).stderr(Stdio::null());
        let filled = process::run_for_output(command)?;
        let key = filled.split('"').skip_while(|text| *text != "api_key").nth(2);
        let key = key.ok_or_else(|| Failure::new(format!("no key in what `annals bench fill` printed:\n{filled}")))?.to_owned();
        Self::start_in(folder, binary, key)
    }

    fn start_in(folder: PathBuf, binary: &Path, key: String) -> Result<Self, Failure> {
        let log = File::create(folder.join("server.log")).doing("cannot make the log of the server")?;
        let mut command = annals(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .env("ANNALS_API_KEY", &key)
            // Records leave the tail while a client is at work, so that its pages come from the tail, from the lake and from both.
            .env("ANNALS_FLUSH_SECONDS", "1")
            .env("ANNALS_FLUSH_EVENTS", "25")
            // What sends wrong keys on purpose counts on an answer to each.
            .env("ANNALS_REFUSED_KEYS_PER_MINUTE", "1000000")
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.spawn().doing("cannot start the server")?;
        let stdout = child.stdout.take();
        // From here on the child is owned: whatever fails next, dropping the server ends it.
        let mut server = Self { child, folder, url: String::new(), key };
        match stdout
            .ok_or_else(|| Failure::new("the server has no output"))
            .and_then(ready_line)
            .and_then(|url| ready(&url).map(|()| url))
        {
            Ok(url) => {
                server.url = url;
                Ok(server)
            }
            Err(failure) => Err(server.with_log(&failure)),
        }
    }

    pub fn lake(&self) -> PathBuf {
        self.data().join("lake")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// SIGTERM drains and exits 0. The data folder of a server that was well is removed.
    pub fn stop(mut self) -> Result<(), Failure> {
        // The standard library can only kill; the shell's own `kill` is there on every machine.
        let mut signal = Command::new("sh");
        signal.args(["-c", "kill -TERM \"$1\"", "sh", &self.child.id().to_string()]);
        process::run(signal)?;
        match process::wait(&mut self.child, STOP_LIMIT).doing("cannot wait for the server")? {
            Some(status) if status.success() => {
                std::fs::remove_dir_all(&self.folder).doing(format!("cannot remove {}", self.folder.display()))
            }
            Some(status) => Err(self.with_log(&Failure::new(format!("the server ended with {status} after SIGTERM")))),
            None => Err(self.with_log(&Failure::new(format!("the server still ran {} s after SIGTERM", STOP_LIMIT.as_secs())))),
        }
    }

    /// Adds the end of the server's log to a failure.
    pub fn with_log(&self, failure: &Failure) -> Failure {
        let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        Failure::new(format!("{failure}\n--- end of the server's log ({})\n{}", self.folder.display(), end.join("\n")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone after a good stop; otherwise the run has failed and only the process must not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Without the developer's own settings, which must not reach this server.
fn annals(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ANNALS_")) {
        command.env_remove(name);
    }
    command
}

/// Waits for the line that names the address, then goes on emptying the pipe so that the server never blocks on it.
fn ready_line(stdout: ChildStdout) -> Result<String, Failure> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix(READY_LINE) {
                let _ = sender.send(url.trim().to_owned());
            }
        }
    });
    receiver.recv_timeout(READY_LIMIT).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Failure::new(format!("no `{READY_LINE}…` line within {} s", READY_LIMIT.as_secs())),
        mpsc::RecvTimeoutError::Disconnected => Failure::new(format!("the server ended before its `{READY_LINE}…` line")),
    })
}

/// `GET /ready` answers 200.
fn ready(url: &str) -> Result<(), Failure> {
    let address = url.strip_prefix("http://").ok_or_else(|| Failure::new(format!("not an http address: {url}")))?;
    let mut stream = TcpStream::connect(address).doing(format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(READY_LIMIT)).doing("cannot set a timeout")?;
    write!(stream, "GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").doing("cannot ask for /ready")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).doing("no answer from /ready")?;
    let answer = String::from_utf8_lossy(&answer);
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(Failure::new(format!("/ready answered\n{answer}"))) }
}

fn random_key() -> Result<String, Failure> {
    let mut bytes = [0u8; 24];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).doing("cannot read random bytes")?;
    Ok(bytes.iter().fold("sk_".to_owned(), |key, byte| format!("{key}{byte:02x}")))
}
