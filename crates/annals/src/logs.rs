//! Logs go to standard error: lines for people, or one JSON object a line for machines.

use tracing_subscriber::EnvFilter;

/// What we say, and only warnings of the libraries.
pub const LEVEL_DEFAULT: &str = "warn,annals=info,annals_server=info,annals_engine=info";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Human,
    Json,
}

/// # Errors
/// `level` is not a filter such as `info` or `annals_engine=debug,warn`.
pub fn start(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| format!("the log level {level:?} is not a filter: {error}"))?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Human => logs.with_target(false).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    Ok(())
}
