//! `annals restore`: brings up an installation out of a backup.

use std::path::PathBuf;

use annals_engine::backup::{self, RestoreError, Restored};
use indicatif::HumanBytes;
use serde_json::json;

use super::Failed;
use super::copying::Bar;

pub const EXAMPLES: &str = "\
Examples:
  annals restore /mnt/backups --data /var/lib/annals    the newest backup
  annals restore s3://bucket/annals --data ./there --backup 20261120T153000.123Z-4711-…

The folder must be empty. Every file is checked before any of them counts; `annals serve --data FOLDER` goes on from there.";

#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// Folder, or s3://bucket/prefix
    #[arg(value_name = "FOLDER|URL")]
    from: String,
    /// Data folder to make
    #[arg(long, env = "ANNALS_DATA", value_name = "FOLDER", default_value = "annals-data")]
    data: PathBuf,
    /// Which backup [default: the newest]
    #[arg(long, value_name = "NAME")]
    backup: Option<String>,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(args: RestoreArgs) -> Result<(), Failed> {
    let bar = Bar::new();
    let restored = backup::restore(&args.from, args.backup.as_deref(), &args.data, &bar).await;
    bar.end();
    let Restored { name, taken_at, last_commit, files, bytes } = restored.map_err(failed)?;
    if args.json {
        println!("{}", json!({"backup": name, "taken_at": taken_at, "last_commit": last_commit, "files": files, "bytes": bytes}));
    } else {
        let data = args.data.display();
        println!("{name}: {files} files, {}, up to commit {last_commit}, taken at {taken_at}, are in {data}", HumanBytes(bytes));
    }
    Ok(())
}

pub fn failed(error: RestoreError) -> Failed {
    match error {
        RestoreError::Damaged { .. } => Failed::damaged(error.to_string()),
        RestoreError::NotEmpty { .. } => Failed::usage(error.to_string()),
        RestoreError::NoBackup(_) | RestoreError::NotFound { .. } => Failed::not_found(error.to_string()),
        RestoreError::Shelf(error) if error.is_passing() => Failed::unavailable(error),
        RestoreError::Shelf(error) if error.is_absence() => Failed::not_found(error.to_string()),
        RestoreError::Shelf(error) if error.is_wrong_url() => Failed::usage(error.to_string()),
        error => Failed::other(error),
    }
}
