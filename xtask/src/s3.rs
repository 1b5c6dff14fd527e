//! Backups on a server that speaks S3: a running installation is copied there, brought up elsewhere, and looked at.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure};
use crate::process;
use crate::server::Server;
use crate::tools;
use crate::workspace::Workspace;

const START_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_LIMIT: Duration = Duration::from_secs(120);
const BUCKET: &str = "annals-backups";

/// Dropping it ends it.
struct Bucket {
    child: Child,
    address: String,
}

pub fn check(workspace: &Workspace) -> Result<(), Failure> {
    let annals = workspace.build("annals")?;
    let requirements = workspace.root().join("conformance/s3/requirements.txt");
    let bin = tools::python_environment(workspace, "s3", &requirements)?;
    let bucket = Bucket::start(&bin)?;
    let server = Server::start(workspace, &annals, "s3")?;
    bucket.round_trip(workspace, &annals, "running", &server.data())?;
    server.stop()?;
    // One that holds something: events in the lake and in the log, and keys.
    bucket.round_trip(workspace, &annals, "stopped", &workspace.root().join("crates/torture/fixtures/database-1"))
}

impl Bucket {
    fn start(bin: &Path) -> Result<Self, Failure> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).doing("no free port")?;
        let mut command = Command::new(bin.join("moto_server"));
        command
            .args(["-H", "127.0.0.1", "-p", &free.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let bucket = Self { child: command.spawn().doing("cannot start moto_server")?, address: free.to_string() };
        let end = Instant::now() + START_LIMIT;
        while let Err(failure) = bucket.create() {
            if Instant::now() > end {
                return Err(failure);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(bucket)
    }

    fn create(&self) -> Result<(), Failure> {
        let mut stream = TcpStream::connect(&self.address).doing("cannot connect to moto_server")?;
        let host = &self.address;
        write!(stream, "PUT /{BUCKET} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .doing("cannot make a bucket")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).doing("no answer from moto_server")?;
        if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(Failure::new(format!("moto_server answered {answer}"))) }
    }

    /// Twice there, so that the second copy shares all with the first, and back.
    fn round_trip(&self, workspace: &Workspace, annals: &Path, name: &str, data: &Path) -> Result<(), Failure> {
        let url = format!("s3://{BUCKET}/annals/{name}");
        let there = workspace.fresh(&format!("s3-{name}"))?;
        let (from, to) = (data.display().to_string(), there.display().to_string());
        self.run(annals, &["backup", &url, "--data", &from])?;
        self.run(annals, &["backup", &url, "--data", &from])?;
        self.run(annals, &["restore", &url, "--data", &to])?;
        self.run(annals, &["doctor", "--data", &to])?;
        std::fs::remove_dir_all(there).doing("cannot remove what was restored")
    }

    fn run(&self, annals: &Path, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = Command::new(annals);
        command
            .args(arguments)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("NO_PROXY", "127.0.0.1");
        process::run_within(command, COMMAND_LIMIT)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
