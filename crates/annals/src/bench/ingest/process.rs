//! A server under measurement: this program again, in a process of its own.

use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

pub struct Child {
    process: std::process::Child,
    pub address: SocketAddr,
}

impl Child {
    /// Waits until it prints where it listens.
    pub fn start(arguments: &[&str], key: &str) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.args(arguments).env("ANNALS_API_KEY", key).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Err(format!("annals {} ended before it listened", arguments[0]).into());
            }
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                let address = address.parse()?;
                // Nobody reads more; the pipe must not fill up.
                std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
                return Ok(Self { process, address });
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails when it has ended, which is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
