//! `annals emit`.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use annals_client::Client;
use annals_client::wire::{Actor, AuditEvent, BatchItem, BatchResult, Moment, Target};
use serde::Serialize;
use tokio::sync::mpsc;

use super::Failed;
use super::output::{Output, Row};
use super::text::{Party, metadata_value, moment, pair};

pub const EXAMPLES: &str = "\
Examples:
  annals emit --org org_… --action user.signed_in --actor user:u1:Support --target team:t1 --location 203.0.113.7
  annals emit event.json                             {\"organization_id\": \"org_…\", \"event\": {…}}
  my-app --audit | annals emit -                     the same, one on each line";

/// Events of one request.
const BATCH_ITEMS: usize = 1000;
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// One event in a file.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, clap::Args)]
pub struct EmitArgs {
    /// A file with one event as JSON, or with one on each line; `-` is standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["org", "action", "actor"], required_unless_present_all = ["org", "action", "actor"])]
    file: Option<PathBuf>,
    /// Organization
    #[arg(long, value_name = "ORG_ID")]
    org: Option<String>,
    /// What happened
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Who did it
    #[arg(long, value_name = "TYPE:ID[:NAME]")]
    actor: Option<Party>,
    /// What it was done to; can be repeated
    #[arg(long = "target", value_name = "TYPE:ID[:NAME]")]
    targets: Vec<Party>,
    /// From where
    #[arg(long, value_name = "LOCATION", default_value = "")]
    location: String,
    /// With what
    #[arg(long, value_name = "USER_AGENT")]
    user_agent: Option<String>,
    /// Metadata; numbers, true and false are kept as such
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// When [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    occurred_at: Option<Moment>,
    /// Version of the action's schema [default: 1]
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// The same event with the same key is recorded once within 24 hours
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// What became of an event.
#[derive(Serialize)]
struct Emitted {
    /// 1 is the first.
    line: usize,
    #[serde(flatten)]
    result: BatchResult,
}

impl Row for Emitted {
    const COLUMNS: &'static [&'static str] = &["line", "status", "id", "message"];

    fn cells(&self) -> Vec<String> {
        let (status, id, message) = match &self.result {
            BatchResult::Stored { id } => ("stored", id.to_string(), String::new()),
            BatchResult::Replayed => ("replayed", String::new(), String::new()),
            BatchResult::NotStored => ("not_stored", String::new(), String::new()),
            BatchResult::Refused(refused) => {
                let errors: Vec<_> = refused.errors.iter().filter_map(|error| serde_json::to_string(error).ok()).collect();
                ("refused", String::new(), format!("{} {}", refused.message, errors.join(" ")).trim().to_owned())
            }
        };
        vec![self.line.to_string(), status.to_owned(), id, message]
    }
}

pub async fn run((client, mut output, args): (Client, Output, EmitArgs)) -> Result<(), Failed> {
    let Some(file) = &args.file else {
        let item = serde_json::to_string(&args.item()).map_err(Failed::other)?;
        return Emitting::new(&client, &mut output).send(&[(1, item)]).await?.finish();
    };
    let mut emitting = Emitting::new(&client, &mut output);
    let mut lines = Waiting { lines: read(lines(file)?), next: None };
    while let Some(batch) = lines.batch().await? {
        emitting = emitting.send(&batch).await?;
    }
    emitting.finish()
}

type Line = Result<(usize, String), Failed>;

/// Lines that were read and are not sent yet.
struct Waiting {
    lines: mpsc::Receiver<Line>,
    /// It did not go into the batch before.
    next: Option<Line>,
}

impl Waiting {
    /// What is there now, as soon as there is something: a program that writes slowly does not wait for its own next events.
    async fn batch(&mut self) -> Result<Option<Vec<(usize, String)>>, Failed> {
        let first = match self.next.take() {
            Some(next) => Some(next),
            None => self.lines.recv().await,
        };
        let Some(first) = first else { return Ok(None) };
        let mut batch = vec![first?];
        let mut bytes = batch[0].1.len();
        while batch.len() < BATCH_ITEMS
            && let Ok(line) = self.lines.try_recv()
        {
            match line {
                Ok(line) if bytes + line.1.len() <= BATCH_BYTES => {
                    bytes += line.1.len();
                    batch.push(line);
                }
                // The lines before one that cannot be read are sent.
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        Ok(Some(batch))
    }
}

/// Reads ahead on a thread of its own.
fn read(lines: Numbered) -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(BATCH_ITEMS);
    tokio::task::spawn_blocking(move || {
        for line in lines {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

impl EmitArgs {
    fn item(&self) -> BatchItem {
        let actor = self
            .actor
            .clone()
            .map_or_else(|| Actor::new("", ""), |Party { kind, id, name }| Actor { name, ..Actor::new(kind, id) });
        let at = self.occurred_at.unwrap_or_else(annals_client::now);
        let mut event = AuditEvent::new(self.action.clone().unwrap_or_default(), at, actor).location(&self.location);
        for Party { kind, id, name } in self.targets.clone() {
            event = event.target(Target { name, ..Target::new(kind, id) });
        }
        for (key, value) in &self.metadata {
            event = event.metadata(key, metadata_value(value));
        }
        event.context.user_agent.clone_from(&self.user_agent);
        event.version = self.version;
        let created = event.of(self.org.clone().unwrap_or_default());
        BatchItem { idempotency_key: self.idempotency_key.clone(), ..created.into() }
    }
}

/// Batches on their way, and what became of them so far.
struct Emitting<'a> {
    client: &'a Client,
    rows: super::output::Rows<'a>,
    refused: usize,
}

impl<'a> Emitting<'a> {
    fn new(client: &'a Client, output: &'a mut Output) -> Self {
        Self { client, rows: output.rows(), refused: 0 }
    }

    async fn send(mut self, items: &[(usize, String)]) -> Result<Self, Failed> {
        let lines: String = items.iter().flat_map(|(_, item)| [item.as_str(), "\n"]).collect();
        let answer = self.client.audit_events().batch_lines(lines.into()).await?;
        if answer.results.len() != items.len() {
            return Err(Failed::other("the server did not answer for each event"));
        }
        for ((line, _), result) in items.iter().zip(answer.results) {
            self.refused += usize::from(matches!(result, BatchResult::Refused(_)));
            self.rows.push(&Emitted { line: *line, result })?;
        }
        self.rows.flush::<Emitted>()?;
        Ok(self)
    }

    fn finish(self) -> Result<(), Failed> {
        match self.refused {
            0 => Ok(()),
            1 => Err(Failed::refused("one event was refused")),
            refused => Err(Failed::refused(format!("{refused} events were refused"))),
        }
    }
}

/// Lines with their numbers, from 1.
type Numbered = Box<dyn Iterator<Item = Line> + Send>;

/// The lines of a file that have something, with their numbers. A file that is one JSON value over several lines is one line.
fn lines(path: &Path) -> Result<Numbered, Failed> {
    let named = |error: std::io::Error| Failed::usage(format!("{}: {error}", path.display()));
    let mut reader: Box<dyn BufRead + Send> = match path.to_str() {
        Some("-") => Box::new(BufReader::new(std::io::stdin())),
        _ => Box::new(BufReader::new(std::fs::File::open(path).map_err(named)?)),
    };
    let first = line(&mut *reader)?;
    if let Some(first) = first.as_ref().filter(|first| is_open(first)) {
        let mut whole = first.clone();
        reader.take(LINE_BYTES_MAX).read_to_string(&mut whole).map_err(named)?;
        let value: serde_json::Value =
            serde_json::from_str(&whole).map_err(|error| Failed::usage(format!("{}: {error}", path.display())))?;
        return Ok(Box::new(std::iter::once(Ok((1, value.to_string())))));
    }
    let rest = std::iter::from_fn(move || line(&mut *reader).transpose());
    let numbered = first.into_iter().map(Ok).chain(rest).enumerate();
    Ok(Box::new(numbered.filter_map(|(index, line)| match line {
        Ok(line) if line.trim().is_empty() => None,
        line => Some(line.map(|line| (index + 1, line.trim().to_owned()))),
    })))
}

/// The beginning of a value that goes on on the next line.
fn is_open(line: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof()) && !line.trim().is_empty()
}

fn line(reader: &mut dyn BufRead) -> Result<Option<String>, Failed> {
    let mut text = String::new();
    let read = reader.take(LINE_BYTES_MAX + 1).read_line(&mut text)?;
    if read as u64 > LINE_BYTES_MAX {
        return Err(Failed::usage(format!("a line has more than {LINE_BYTES_MAX} bytes")));
    }
    Ok((read > 0).then_some(text))
}
