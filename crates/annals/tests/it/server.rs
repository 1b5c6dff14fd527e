//! A running `annals serve` of a test.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub const KEY: &str = "sk_test_0123456789abcdefghijklmnopqrstuv";

pub struct Server {
    child: Child,
    pub url: String,
    /// Everything printed on standard output until it was ready.
    pub greeting: String,
}

pub fn annals(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_annals"));
    command.args(arguments).env("ANNALS_API_KEY", KEY).env("ANNALS_LOG_LEVEL", "warn");
    command
}

/// Runs to the end; standard error and the exit code.
pub fn fails(command: &mut Command) -> (String, Option<i32>) {
    let output = command.stdin(Stdio::null()).output().expect("annals runs");
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

impl Server {
    pub fn start(data: &Path, more: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", data, more)
    }

    pub fn start_at(address: &str, data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().expect("a readable path");
        let mut arguments = vec!["serve", "--listen", address, "--data", data];
        arguments.extend_from_slice(more);
        Self::spawn(&mut annals(&arguments))
    }

    pub fn spawn(command: &mut Command) -> Self {
        // Dropping the server ends the process, also when an assertion below fails.
        let child = command.stdout(Stdio::piped()).spawn().expect("annals starts");
        let mut server = Self { child, url: String::new(), greeting: String::new() };
        let mut lines = BufReader::new(server.child.stdout.take().expect("piped"));
        while server.url.is_empty() {
            let mut line = String::new();
            let read = lines.read_line(&mut line).expect("readable output");
            assert!(read > 0, "annals ended before it was ready:\n{}", server.greeting);
            server.greeting.push_str(&line);
            if let Some(url) = line.strip_prefix("listening on ") {
                url.trim().clone_into(&mut server.url);
            }
        }
        // Nobody reads further output; the pipe must not fill up.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        server
    }

    /// SIGTERM, and the exit status.
    pub fn stop(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waitable") {
                return status;
            }
            assert!(started.elapsed() < Duration::from_secs(40), "annals does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().expect("killable");
        self.child.wait().expect("waitable");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
