//! One thing that is wrong, in words for whoever must do something about it.

use std::fmt;

use serde::Serialize;

/// What is looked at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Database,
    CommitLog,
    Keys,
    TableLogs,
    DataFiles,
    Exports,
    Sequences,
    /// Not of an installation.
    Backups,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::CommitLog => "commit log",
            Self::Keys => "idempotency keys",
            Self::TableLogs => "logs of the tables",
            Self::DataFiles => "data files",
            Self::Exports => "export files",
            Self::Sequences => "sequences",
            Self::Backups => "backups",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub part: Part,
    /// A file, a row, an organization.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
    /// What follows from that.
    pub meaning: &'static str,
    /// What to do.
    pub advice: &'static str,
}

pub const RESTORE: &str = "keep a copy of the folder as it is, then bring up the newest healthy backup with `annals restore`";
