//! `annals backup`: a consistent copy of an installation, also of a running one.

use annals_engine::SystemClock;
use annals_engine::backup::{self, BackupError, Taken};
use indicatif::HumanBytes;
use serde_json::json;

use super::Failed;
use super::copying::Bar;
use super::place::PlaceArgs;

pub const EXAMPLES: &str = "\
Examples:
  annals backup /mnt/backups --data /var/lib/annals    also while the server runs
  annals backup s3://bucket/annals                     with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for other servers
                                                       than Amazon's AWS_ENDPOINT_URL

Each backup is whole by itself, and takes only the space of what no earlier one has. The data files of the lake are read only once.";

#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// Folder, or s3://bucket/prefix
    #[arg(value_name = "FOLDER|URL")]
    to: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(args: BackupArgs) -> Result<(), Failed> {
    let bar = Bar::new();
    let taken = backup::take(&args.place.place(), &args.to, &SystemClock, &bar).await;
    bar.end();
    let Taken { name, last_commit, files, bytes, new_bytes } = taken.map_err(failed)?;
    if args.json {
        println!(
            "{}",
            json!({"backup": name, "last_commit": last_commit, "files": files, "bytes": bytes, "new_bytes": new_bytes})
        );
    } else {
        println!(
            "{name}: {files} files, {}, of which {} are new; up to commit {last_commit}",
            HumanBytes(bytes),
            HumanBytes(new_bytes)
        );
    }
    Ok(())
}

fn failed(error: BackupError) -> Failed {
    match error {
        error if error.is_damage() => Failed::damaged(format!("{error}; `annals doctor` says more")),
        error if error.is_passing() => Failed::unavailable(error),
        error if error.is_absence() => Failed::not_found(error.to_string()),
        error if error.is_wrong_usage() => Failed::usage(error.to_string()),
        error => Failed::other(error),
    }
}
