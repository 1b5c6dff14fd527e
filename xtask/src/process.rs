//! Running other programs. None of them may run for ever.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure};

/// Runs to the end with the terminal of this program.
pub fn run(mut command: Command) -> Result<(), Failure> {
    let name = describe(&command);
    let status = command.stdin(Stdio::null()).status().doing(format!("cannot start `{name}`"))?;
    accept(&name, status)
}

/// Runs to the end, but not longer than `limit`.
pub fn run_within(mut command: Command, limit: Duration) -> Result<(), Failure> {
    let name = describe(&command);
    let mut child = command.stdin(Stdio::null()).spawn().doing(format!("cannot start `{name}`"))?;
    match wait(&mut child, limit).doing(format!("cannot wait for `{name}`"))? {
        Some(status) => accept(&name, status),
        None => {
            // It is being given up: an error of the killing says nothing new.
            let _ = child.kill();
            let _ = child.wait();
            Err(Failure::new(format!("`{name}` did not end within {} s", limit.as_secs())))
        }
    }
}

/// Runs to the end and gives back what it printed.
pub fn run_for_output(mut command: Command) -> Result<String, Failure> {
    let name = describe(&command);
    let output = command.stdin(Stdio::null()).output().doing(format!("cannot start `{name}`"))?;
    accept(&name, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end and gives back what it printed; `None` when there is no such program or it refused.
pub fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `None` when the time is up.
pub fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > end {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn accept(name: &str, status: ExitStatus) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{name}` ended with {status}"))) }
}

/// The program and its first words: enough to know it, without the keys that may stand further on.
fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = command.get_args().take(3);
    std::iter::once(program).chain(words).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
