//! `annals doctor`: what the engine finds wrong with an installation, in sentences or as JSON lines.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_engine::doctor::{self, Examined, Finding, Part, Watch};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::Failed;
use super::place::PlaceArgs;
use super::text::printable;

pub const EXAMPLES: &str = "\
Examples:
  annals doctor --data /var/lib/annals           also while the server runs: nothing is changed
  annals doctor --json | jq .advice

Ends with 0 when all is well, with 7 when something is damaged, and with 1 when it cannot look.";

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON, one object for each thing that is wrong and one at the end
    #[arg(long)]
    json: bool,
}

pub async fn run(args: DoctorArgs) -> Result<(), Failed> {
    let watch = Screen { bar: ProgressBar::new(0), json: args.json, deaf: AtomicBool::new(false) };
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}%") {
        watch.bar.set_style(style);
    }
    let examined = doctor::examine(&args.place.place(), &watch).await;
    watch.bar.finish_and_clear();
    let examined =
        examined.map_err(|error| if error.is_wrong_url() { Failed::usage(error.to_string()) } else { Failed::other(error) })?;
    watch.line(&if args.json {
        json!({"healthy": examined.findings == 0, "examined": examined}).to_string()
    } else {
        told(&examined)
    });
    match examined.findings {
        0 => Ok(()),
        1 => Err(Failed::damaged("1 thing is damaged")),
        findings => Err(Failed::damaged(format!("{findings} things are damaged"))),
    }
}

fn told(examined: &Examined) -> String {
    let Examined { commits, files, records, runs, .. } = examined;
    let ending = if examined.findings == 0 { "all is well" } else { "not all is well" };
    format!("looked at {commits} commits in the log, {runs} runs of keys, {files} data files with {records} records: {ending}")
}

/// Findings go to standard output as they come, the bar to standard error when that is a terminal.
struct Screen {
    bar: ProgressBar,
    json: bool,
    /// Whoever read our output has gone; the exit code still counts.
    deaf: AtomicBool,
}

impl Screen {
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
