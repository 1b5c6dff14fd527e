//! `annals doctor`: what the engine finds wrong with an installation, in sentences or as JSON lines.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_engine::backup::{self, Verified};
use annals_engine::doctor::{self, Examined, Finding, Part, Watch};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::place::PlaceArgs;
use super::text::printable;
use super::{Failed, restore};

pub const EXAMPLES: &str = "\
Examples:
  annals doctor --data /var/lib/annals           also while the server runs: nothing is changed
  annals doctor --json | jq .advice
  annals doctor --backups /mnt/backups           whether every backup there can be restored

Ends with 0 when all is well, with 7 when something is damaged, and with 1 when it cannot look.";

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Look at all backups in this folder or s3://bucket/prefix instead of at the data
    #[arg(long, value_name = "FOLDER|URL")]
    backups: Option<String>,
    /// Print JSON, one object for each thing that is wrong and one at the end
    #[arg(long)]
    json: bool,
}

pub async fn run(args: DoctorArgs) -> Result<(), Failed> {
    let watch = Screen { bar: ProgressBar::new(0), json: args.json, deaf: AtomicBool::new(false) };
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}%") {
        watch.bar.set_style(style);
    }
    let findings = match args.backups {
        None => look_at_data(args.place, &watch).await?,
        Some(place) => look_at_backups(&place, &watch).await?,
    };
    match findings {
        0 => Ok(()),
        1 => Err(Failed::damaged("1 thing is damaged")),
        findings => Err(Failed::damaged(format!("{findings} things are damaged"))),
    }
}

/// How many things are wrong.
async fn look_at_data(place: PlaceArgs, watch: &Screen) -> Result<u64, Failed> {
    let examined = doctor::examine(&place.place(), watch).await;
    watch.bar.finish_and_clear();
    let examined =
        examined.map_err(|error| if error.is_wrong_url() { Failed::usage(error.to_string()) } else { Failed::other(error) })?;
    let Examined { findings, commits, files, records, runs, .. } = examined;
    let looked_at = format!("{commits} commits in the log, {runs} runs of keys, {files} data files with {records} records");
    watch.end(findings, &looked_at, &json!(examined));
    Ok(findings)
}

/// The same of backups.
async fn look_at_backups(place: &str, watch: &Screen) -> Result<u64, Failed> {
    let verified = backup::verify(place, watch).await;
    watch.bar.finish_and_clear();
    let verified = verified.map_err(restore::failed)?;
    let Verified { findings, backups, damaged, files, bytes } = &verified;
    let mut looked_at = format!("{backups} backups with {files} files, {}", HumanBytes(*bytes));
    if !damaged.is_empty() {
        looked_at = format!("{looked_at}, of which these cannot be restored: {}", damaged.join(", "));
    }
    watch.end(*findings, &looked_at, &json!(verified));
    Ok(*findings)
}

/// Findings go to standard output as they come, the bar to standard error when that is a terminal.
struct Screen {
    bar: ProgressBar,
    json: bool,
    /// Whoever read our output has gone; the exit code still counts.
    deaf: AtomicBool,
}

impl Screen {
    fn end(&self, findings: u64, looked_at: &str, examined: &Value) {
        let ending = if findings == 0 { "all is well" } else { "not all is well" };
        self.line(&match self.json {
            true => json!({"healthy": findings == 0, "examined": examined}).to_string(),
            false => format!("looked at {looked_at}: {ending}"),
        });
    }

    fn line(&self, text: &str) {
        if !self.deaf.load(Ordering::Relaxed) && writeln!(std::io::stdout(), "{text}").is_err() {
            self.deaf.store(true, Ordering::Relaxed);
        }
    }
}

impl Watch for Screen {
    fn begin(&self, part: Part, total: u64) {
        self.bar.reset();
        self.bar.set_length(total.max(1));
        self.bar.set_message(part.to_string());
    }

    fn advance(&self, by: u64) {
        self.bar.inc(by);
    }

    fn found(&self, finding: &Finding) {
        let text = if self.json {
            json!(finding).to_string()
        } else {
            let Finding { part, place, problem, meaning, advice } = finding;
            format!("{part}: {}: {}\n  What it means: {meaning}.\n  What to do: {advice}.", printable(place), printable(problem))
        };
        self.bar.suspend(|| self.line(&text));
    }
}
