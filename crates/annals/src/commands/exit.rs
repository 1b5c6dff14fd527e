//! How a command ends, for scripts: the exit codes are an interface.

use std::fmt::Display;
use std::process::ExitCode;

use annals_client::{Error, ExportFailed};

/// Shown in the help of the program and in its man page.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    something else failed
  2    wrong usage
  3    the server refused it as it is (status 400, 409, 413, 422), or refused some of many
  4    the API key is missing, wrong, expired, or may not do this
  5    there is no such thing, or this API key cannot see it
  6    the server, or the place of backups, cannot be reached or is not available: try again later
  7    something is damaged: a data folder, or a backup
  130  interrupted";

/// What went wrong, in one line, and the exit code.
#[derive(Debug)]
pub struct Failed {
    code: u8,
    message: String,
    /// Whoever read our output has gone: that is no failure.
    broken_pipe: bool,
}

impl Failed {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), broken_pipe: false }
    }
    pub fn other(cause: impl Display) -> Self {
        Self::new(1, cause.to_string())
    }
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(2, message)
    }
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(3, message)
    }
    pub fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(4, message)
    }
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(5, message)
    }
    pub fn unavailable(cause: impl Display) -> Self {
        Self::new(6, cause.to_string())
    }
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::new(7, message)
    }
    /// `whom` the error is of, where there is more than one server.
    pub fn of(whom: &str, error: Error) -> Self {
        let failed = Self::from(error);
        Self { message: format!("{whom}: {}", failed.message), ..failed }
    }
    pub fn interrupted() -> Self {
        Self::new(130, "interrupted")
    }
    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Refused(_) | Error::Unsendable(_) => 3,
            Error::Unauthorized(_) => 4,
            Error::NotFound(_) => 5,
            Error::Unavailable { .. } | Error::Transport { .. } => 6,
            _ => 1,
        };
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(deeper) = cause {
            let text = deeper.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = deeper.source();
        }
        Self::new(code, message)
    }
}

impl From<ExportFailed> for Failed {
    fn from(error: ExportFailed) -> Self {
        match error {
            ExportFailed::Request(error) => error.into(),
            other => Self::other(other),
        }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        let broken_pipe = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { broken_pipe, ..Self::other(error) }
    }
}

pub fn without_broken_pipe(outcome: Result<(), Failed>) -> Result<(), Failed> {
    outcome.or_else(|failed| if failed.broken_pipe { Ok(()) } else { Err(failed) })
}
