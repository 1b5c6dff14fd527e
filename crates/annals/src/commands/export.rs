//! `annals export`. A file gets its name when it is complete: until then it ends in `.part`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use annals_client::wire::{CreateExport, Moment};
use annals_client::{AuditEventQuery, Client, Order, Paging};
use annals_core::time::Micros;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};

use super::Failed;
use super::filter::FilterArgs;
use super::output::Output;

pub const EXAMPLES: &str = "\
Examples:
  annals export --org org_… -o acme.csv                    as the export API makes it
  annals export --org org_… --format ndjson -o acme.ndjson with everything that `annals import` takes back
  annals export --format ndjson --from 2026-01-01 | zstd > year.ndjson.zst

The CSV needs an organization, and knows the filters --action, --actor, --actor-name, --target-type, --from and --to.";

/// How long an export job may take.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
const PAGE_EVENTS: u32 = 1000;

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Made by the server
    Csv,
    /// One event a line, oldest first, with all that is kept of it
    Ndjson,
}

pub async fn run((client, _, args): (Client, Output, ExportArgs)) -> Result<(), Failed> {
    let mut destination = Destination::open(args.output.as_deref())?;
    match args.format {
        Format::Csv => csv(&client, &args.filter, &mut destination).await?,
        Format::Ndjson => ndjson(&client, &args.filter, &mut destination).await?,
    }
    destination.finish()
}

async fn csv(client: &Client, filter: &FilterArgs, destination: &mut Destination) -> Result<(), Failed> {
    let export = client.exports().create(&new_export(filter)?).await?;
    destination.progress.set_message("the server writes the file");
    let export = client.exports().wait_until_ready(&export.id, PATIENCE).await?;
    let mut pieces = std::pin::pin!(client.exports().download(&export).await?);
    while let Some(piece) = pieces.next().await {
        destination.write(&piece?)?;
    }
    Ok(())
}

fn new_export(filter: &FilterArgs) -> Result<CreateExport, Failed> {
    let Some(organization_id) = filter.org.clone() else {
        return Err(Failed::usage("a CSV is of one organization: name it with --org, or use --format ndjson"));
    };
    let known = FilterArgs {
        actor_types: Vec::new(),
        target_ids: Vec::new(),
        locations: Vec::new(),
        metadata: Vec::new(),
        search: None,
        received_from: None,
        received_to: None,
        ..filter.clone()
    };
    if known.filter() != filter.filter() {
        return Err(Failed::usage("a CSV cannot be filtered like that: use --format ndjson"));
    }
    // Everything: also what happened before computers counted, or was dated ahead by a clock that is wrong.
    let (first, last) = (Moment(Micros::saturating(i64::MIN)), Moment(Micros::saturating(i64::MAX)));
    let mut new = CreateExport::new(organization_id, first, last);
    new.range_start = filter.from.unwrap_or(new.range_start);
    new.range_end = filter.to.unwrap_or(new.range_end);
    new.actions.clone_from(&filter.actions);
    new.actor_ids.clone_from(&filter.actor_ids);
    new.actor_names.clone_from(&filter.actor_names);
    new.targets.clone_from(&filter.target_types);
    Ok(new)
}

async fn ndjson(client: &Client, filter: &FilterArgs, destination: &mut Destination) -> Result<(), Failed> {
    let paging = Paging { limit: Some(PAGE_EVENTS), order: Some(Order::Asc), ..Paging::default() };
    let query = AuditEventQuery { filter: filter.filter(), paging };
    let mut events = std::pin::pin!(client.audit_events().list_all(query));
    let mut line = Vec::new();
    while let Some(event) = events.next().await {
        line.clear();
        serde_json::to_writer(&mut line, &event?).map_err(Failed::other)?;
        line.push(b'\n');
        destination.write(&line)?;
    }
    Ok(())
}

/// Standard output, or a file that is not there before it is whole.
struct Destination {
    out: Box<dyn Write + Send>,
    file: Option<Part>,
    progress: ProgressBar,
}

/// Removed unless it was finished.
struct Part {
    path: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Destination {
    fn open(path: Option<&Path>) -> Result<Self, Failed> {
        let Some(target) = path else {
            let out = Box::new(std::io::BufWriter::new(std::io::stdout()));
            return Ok(Self { out, file: None, progress: ProgressBar::hidden() });
        };
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let unwritable = |error| Failed::usage(format!("{}: {error}", path.display()));
        let file = std::fs::File::create(&path).map_err(unwritable)?;
        // Draws nothing when standard error is no terminal.
        let progress = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bytes} {bytes_per_sec} {msg}") {
            progress.set_style(style);
        }
        progress.enable_steady_tick(Duration::from_millis(100));
        let part = Part { path, target: target.to_owned(), finished: false };
        Ok(Self { out: Box::new(std::io::BufWriter::new(file)), file: Some(part), progress })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        self.out.write_all(bytes)?;
        self.progress.inc(bytes.len() as u64);
        Ok(())
    }

    fn finish(mut self) -> Result<(), Failed> {
        self.out.flush()?;
        self.progress.finish_and_clear();
        let Some(mut part) = self.file.take() else { return Ok(()) };
        drop(self.out);
        std::fs::File::open(&part.path)?.sync_all()?;
        std::fs::rename(&part.path, &part.target)?;
        part.finished = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed still says by its name that it is not whole.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
