//! `annals import`: every line of a file becomes one event, once, however often it is interrupted and begun again.

mod batch;
mod legacy;
mod lines;
mod organizations;
mod progress;
mod read_back;
mod shape;

use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Stdin};
use std::path::{Path, PathBuf};
use std::time::Duration;

use annals_client::Client;
use annals_client::wire::{BatchResult, Moment};
use annals_core::time::Micros;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Failed;
use super::output::Output;
use super::state_file::beside;
use batch::{Batch, Item, Refused};
use lines::Lines;
use organizations::{OrganizationArgs, Organizations};
use progress::{Counts, Journal};

pub const EXAMPLES: &str = "\
Examples:
  annals import acme.ndjson                                  as `annals export --format ndjson` wrote it
  annals import trail.ndjson --create-organizations          groups become organizations
  annals import old.ndjson --map org_old=org_… --map foo.com=org_…
  zstdcat year.ndjson.zst | annals import - --org org_…

One event a line: from `annals export`, {\"organization_id\": …, \"event\": {…}}, an event alone (with --org), or an event of the older
Audit Trail API. FILE.annals-import keeps how far it came: the same command again goes on from there. FILE.refused.ndjson has the
lines that were refused, each with the reason; it can be imported again, with other options too.

Imported events need no schema; they count as recorded now, and the time when they happened stays. What a server exported and imports
again it records a second time.";

#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// Files with one event a line; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    organizations: OrganizationArgs,
    /// Where the events come from, which is kept with them [default: annals or workos, by their shape]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// File for the lines that are refused [default: FILE.refused.ndjson]
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
}

/// What became of one file.
#[derive(Serialize)]
struct Imported<'a> {
    file: String,
    #[serde(flatten)]
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_lines: Option<&'a Path>,
}

pub async fn run((client, mut output, args): (Client, Output, ImportArgs)) -> Result<(), Failed> {
    if args.files.len() > 1 && args.refused.is_some() {
        return Err(Failed::usage("--refused is for one file"));
    }
    let options = args.organizations.text();
    let mut organizations = args.organizations.open(&client).await?;
    let mut refused = 0;
    for file in &args.files {
        let refused_path = args.refused.clone().unwrap_or_else(|| match file.to_str() {
            Some("-") => PathBuf::from("stdin.refused.ndjson"),
            _ => beside(file, ".refused.ndjson"),
        });
        let (input, progress) = open(file)?;
        let mut lines = Lines::new(input);
        let journal = Journal::open(file, refused_path, (client.base_url(), &options), &mut lines)?;
        let mut importing = Importing { client: &client, source: args.source.as_deref(), journal, progress, nothing_new: true };
        importing.all(lines, &mut organizations).await?;
        refused += importing.tell(file, &mut output)?;
    }
    match refused {
        0 => Ok(()),
        1 => Err(Failed::refused("one line was refused")),
        refused => Err(Failed::refused(format!("{refused} lines were refused"))),
    }
}

type Input = Box<dyn BufRead + Send>;

/// The input, and a bar as long as it. Nothing is drawn when standard error is no terminal.
fn open(path: &Path) -> Result<(Input, ProgressBar), Failed> {
    let styled = |bar: ProgressBar, template: &str| match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    };
    if path == Path::new("-") {
        let bar = styled(ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec}");
        return Ok((Box::new(BufReader::<Stdin>::new(std::io::stdin())), bar));
    }
    let named = |problem: String| Failed::usage(format!("{}: {problem}", path.display()));
    let file = File::open(path).map_err(|error| named(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| named(error.to_string()))?;
    if !metadata.is_file() {
        return Err(named("is no file; a stream comes through standard input, as -".to_owned()));
    }
    // Two that import one file would count its lines twice. Where files cannot be locked, nobody watches.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(named("is being imported already".to_owned()));
    }
    let bar = styled(ProgressBar::new(metadata.len()), "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    Ok((Box::new(BufReader::new(file)), bar))
}

struct Importing<'a> {
    client: &'a Client,
    source: Option<&'a str>,
    journal: Journal,
    progress: ProgressBar,
    /// Everything that is in the file was dealt with before.
    nothing_new: bool,
}

impl Importing<'_> {
    async fn all(&mut self, mut lines: Lines<Input>, organizations: &mut Organizations<'_>) -> Result<(), Failed> {
        self.progress.set_position(self.journal.bytes());
        self.progress.enable_steady_tick(Duration::from_millis(200));
        let mut in_doubt = self.journal.progress.sending_bytes;
        if in_doubt.is_none() {
            self.journal.progress.since = read_back::newest(self.client).await?;
        }
        while let Some(mut batch) = Batch::read(&mut lines, in_doubt, self.source, organizations).await? {
            self.nothing_new = false;
            let mut counts = Counts::default();
            if in_doubt.take().is_some() {
                let here = read_back::here(self.client, &batch.items, self.journal.progress.since).await?;
                counts.repeated += batch.without(&here);
            }
            self.journal.sending(&lines)?;
            let mut refused = std::mem::take(&mut batch.refused);
            self.send(&batch.items, &mut counts, &mut refused).await?;
            refused.sort_by_key(|refused| refused.line);
            self.journal.done(&lines, counts, &refused)?;
            self.progress.set_position(self.journal.bytes());
        }
        self.journal.save()?;
        self.progress.finish_and_clear();
        Ok(())
    }

    async fn send(&mut self, items: &[Item], counts: &mut Counts, refused: &mut Vec<Refused>) -> Result<(), Failed> {
        if items.is_empty() {
            return Ok(());
        }
        let body: String = items.iter().flat_map(|item| [item.json.as_str(), "\n"]).collect();
        let answer = self.client.audit_events().batch_lines(body.into()).await?;
        if answer.results.len() != items.len() {
            return Err(Failed::other("the server did not answer for each event"));
        }
        for (item, result) in items.iter().zip(answer.results) {
            match result {
                BatchResult::Stored { id } => {
                    counts.stored += 1;
                    let received = i64::try_from(id.millis()).unwrap_or_default().saturating_mul(1000);
                    self.journal.progress.since = Some(Moment(Micros::saturating(received)));
                }
                BatchResult::Replayed => counts.repeated += 1,
                // What the key may not do is no matter of the line.
                BatchResult::Refused(why) if matches!(why.http_status, 401 | 403) => {
                    return Err(Failed::not_allowed(why.message));
                }
                BatchResult::Refused(why) => refused.push(Refused::by_server(item, why)),
                BatchResult::NotStored => return Err(Failed::other("the server left out an event")),
            }
        }
        Ok(())
    }

    /// How many lines were refused.
    fn tell(&self, file: &Path, output: &mut Output) -> Result<u64, Failed> {
        let counts = self.journal.progress.counts;
        let Counts { stored, repeated, refused } = counts;
        let refused_lines = (refused > 0).then(|| self.journal.refused_path());
        let before = if self.nothing_new && self.journal.bytes() > 0 { "nothing new; before: " } else { "" };
        let mut sentence = format!("{}: {before}{stored} imported", file.display());
        if repeated > 0 {
            sentence = format!("{sentence}, {repeated} were here already");
        }
        if let Some(path) = refused_lines {
            sentence = format!("{sentence}, {refused} refused, see {}", path.display());
        }
        output.told(&sentence, &Imported { file: file.display().to_string(), counts, refused_lines })?;
        Ok(refused)
    }
}
