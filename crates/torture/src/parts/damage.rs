//! Bytes flip and files are cut short at random places of a data folder. Whatever is told afterwards is what was recorded: an error is an
//! answer, a wrong or a shorter list is none. The doctor finds it, or everything is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use annals_client::event_names::EVERY_NAME;
use annals_client::{ApiRequestQuery, Client, Error, EventQuery};
use annals_core::wire::CreateOrganization;
use futures::{Stream, StreamExt};
use rand::RngExt;
use rand::rngs::StdRng;
use serde::Serialize;

use crate::client::{client, create_schemas, http, wait_until_ready};
use crate::events;
use crate::failure::{Doing, Failure};
use crate::keeping::{Told, copy_folder, doctor, files, told};
use crate::load::exports::of_all_times;

use crate::report::Report;
use crate::run::Run;
use crate::server::{Plan, Start};

const ORGANIZATIONS: usize = 4;
const EVENTS: usize = 240;
/// Longer than a look of the flush, so that the lake gets several files.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(260);

/// Stand for lists beside the ids of organizations.
const FEED: &str = "the feed";
const REQUESTS: &str = "the API-request log";
/// Log entries from one checkpoint of a table to the next.
const ENTRIES: usize = 100;
/// So many rounds are worth the time that a checkpoint takes.
const ROUNDS_FOR_A_CHECKPOINT: u32 = 20;
const EXPORT_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// What each list tells, as JSON.
type Recorded = BTreeMap<String, Vec<String>>;

/// What a list tells now, and why it stopped before its end.
#[derive(Default)]
struct Listed {
    rows: Vec<String>,
    error: Option<String>,
}

async fn list(client: &Client, what: &str) -> Listed {
    match what {
        FEED => all(client.events().list_all(EventQuery::of([EVERY_NAME]))).await,
        REQUESTS => all(client.api_requests().list_all(ApiRequestQuery::default())).await,
        organization => {
            let Told { events, error } = told(client, organization).await;
            Listed { rows: events.iter().map(json).collect(), error }
        }
    }
}

async fn all<T: Serialize>(rows: impl Stream<Item = Result<T, Error>>) -> Listed {
    let (mut rows, mut listed) = (std::pin::pin!(rows), Listed::default());
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => listed.rows.push(json(&row)),
            Err(error) => {
                listed.error = Some(error.to_string());
                break;
            }
        }
    }
    listed
}

fn json(row: &impl Serialize) -> String {
    serde_json::to_string(row).unwrap_or_default()
}

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    let good = Plan::new(run, "good")?.flag("--flush-events", if run.rounds >= ROUNDS_FOR_A_CHECKPOINT { 1 } else { 40 });
    let recorded = record(run, &good).await?;
    let said = doctor(run, good.data()).await?;
    report.check(said.code == Some(0), || format!("before any damage the doctor says {said:?}"));
    for what in ["harmless", "refused starts", "lists refused", "lists whole"] {
        report.count(what, 0);
    }
    let mut random = run.random("damage");
    for target in ALWAYS {
        if target.0 == CHECKPOINT && run.rounds < ROUNDS_FOR_A_CHECKPOINT {
            continue;
        }
        round(run, &good, &recorded, report, |data| damage(&mut random, data, Some(*target))).await?;
    }
    for _ in 0..run.rounds {
        round(run, &good, &recorded, report, |data| damage(&mut random, data, None)).await?;
    }
    Ok(())
}

/// Events in the lake, in the commit log, and in SQLite's own log: the server is killed.
async fn record(run: &Run, plan: &Plan) -> Result<Recorded, Failure> {
    let server = plan.start().await?;
    let client = client(&server.url)?;
    create_schemas(&client).await?;
    let mut organizations = Vec::new();
    for n in 0..ORGANIZATIONS {
        let new = CreateOrganization { name: format!("Organization {n}"), ..CreateOrganization::default() };
        organizations.push(client.organizations().create(&new).await.doing("cannot make an organization")?.id);
    }
    let mut random = run.random("events");
    for n in 0..EVENTS {
        // The last one has a file that the others do not need.
        let of = if n < EVENTS / 2 { n % (ORGANIZATIONS - 1) } else { n % ORGANIZATIONS };
        let event = events::event(&mut random, &organizations[of], &format!("m{n}"));
        client.audit_events().create(&event).await.doing("cannot record an event")?;
        if n % 50 == 49 {
            tokio::time::sleep(PAUSE).await;
        }
    }
    if run.rounds >= ROUNDS_FOR_A_CHECKPOINT {
        for n in 0..ENTRIES {
            let event = events::event(&mut random, &organizations[0], &format!("c{n}"));
            client.audit_events().create(&event).await.doing("cannot record an event")?;
            tokio::time::sleep(PAUSE).await;
        }
    }
    let export = client.exports().create(&of_all_times(&organizations[0])).await.doing("cannot begin an export")?;
    client.exports().wait_until_ready(&export.id, EXPORT_PATIENCE).await.doing("the export is not finished")?;
    let mut recorded = Recorded::new();
    for what in organizations.iter().map(String::as_str).chain([FEED, REQUESTS]) {
        let Listed { rows, error } = list(&client, what).await;
        if let Some(error) = error {
            return Err(Failure::new(format!("cannot read {what}: {error}")));
        }
        recorded.insert(what.to_owned(), rows);
    }
    server.kill().await?;
    Ok(recorded)
}

const CHECKPOINT: &str = ".checkpoint.parquet";

/// What is done for certain, beside what is drawn.
const ALWAYS: &[(&str, Done)] = &[
    (".parquet", Done::Anything),
    ("_delta_log/", Done::Anything),
    (CHECKPOINT, Done::Anything),
    ("lake/events/", Done::Anything),
    ("lake/api_requests/", Done::Anything),
    ("annals.db-wal", Done::Anything),
    ("annals.db-wal", Done::Cut),
    ("annals.db", Done::Anything),
    (".keys", Done::Anything),
    (".keys", Done::Removed),
    ("keys.list", Done::Anything),
    ("last-commit", Done::Anything),
    ("lake/exports/", Done::Anything),
    ("lake/exports/", Done::Removed),
];

const REMOVED: &str = "was removed";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// A few bits flip, or the file is cut short.
    Anything,
    /// Somewhere near its end.
    Cut,
    Removed,
}

fn damage(random: &mut StdRng, data: &Path, target: Option<(&str, Done)>) -> Result<String, Failure> {
    let all: Vec<(PathBuf, u64)> = files(data)?
        .into_iter()
        .filter(|path| target.is_none_or(|(target, _)| path.display().to_string().contains(target)))
        .map(|path| (path.clone(), fs::metadata(&path).map_or(0, |meta| meta.len())))
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    let total: u64 = all.iter().map(|(_, bytes)| bytes).sum();
    if total == 0 {
        return Err(Failure::new(format!("there is no file {target:?}")));
    }
    let mut at = random.random_range(0..total);
    // By bytes half of the time, by files otherwise: small files count too.
    let by_file = random.random_bool(0.5).then(|| random.random_range(0..all.len()));
    let mut chosen = &all[0];
    for (number, file) in all.iter().enumerate() {
        if by_file.map_or(at < file.1, |wanted| wanted == number) {
            chosen = file;
            break;
        }
        at = at.saturating_sub(file.1);
    }
    let (path, length) = chosen;
    let name = path.strip_prefix(data).unwrap_or(path).display().to_string();
    let done = target.map_or(Done::Anything, |(_, done)| done);
    if done == Done::Removed {
        fs::remove_file(path).doing("cannot remove a file")?;
        return Ok(format!("{name} {REMOVED}"));
    }
    let mut bytes = fs::read(path).doing("cannot read a file")?;
    let what = if done == Done::Cut || random.random_ratio(1, 6) {
        let end = random.random_range(if done == Done::Cut { length - length.min(&8192) } else { 0 }..*length);
        bytes.truncate(usize::try_from(end).unwrap_or_default());
        format!("cut at {end} of {length}")
    } else {
        let flips: Vec<(usize, u8)> = (0..random.random_range(1..=3))
            .map(|_| (random.random_range(0..bytes.len()), 1 << random.random_range(0..8)))
            .collect();
        flips.iter().for_each(|(at, bit)| bytes[*at] ^= bit);
        format!("flipped {flips:?} of {length}")
    };
    fs::write(path, bytes).doing("cannot damage a file")?;
    Ok(format!("{name} {what}"))
}

async fn round(
    run: &Run,
    good: &Plan,
    recorded: &Recorded,
    report: &mut Report,
    damage: impl FnOnce(&Path) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let data = run.path("damaged");
    copy_folder(good.data(), &data)?;
    let what = damage(&data)?;
    let said = doctor(run, &data).await?;
    report.check(!said.panicked() && matches!(said.code, Some(0 | 1 | 7)), || format!("{what}: the doctor ended with {said:?}"));
    let is_healthy = said.code == Some(0);
    report.check(!is_healthy || !what.ends_with(REMOVED), || format!("{what}, and the doctor says that all is well"));
    // A log of its own: only what this server says counts.
    let plan = good.clone().on(&data).log(run.path("damaged.log"));
    let _ = fs::remove_file(run.path("damaged.log"));
    let wrong = match plan.try_start().await? {
        Start::Ended(_, log) => {
            report.count("refused starts", 1);
            report.check(!log.contains("panicked at"), || format!("{what}: the start ended with {log}"));
            Some(format!("it does not start: {}", log.lines().last().unwrap_or_default()))
        }
        Start::Ready(server) => {
            wait_until_ready(&http()?, &server.url).await.ok();
            let client = client(&server.url)?;
            let mut wrong = None;
            for (organization, events) in recorded {
                let listed = list(&client, organization).await;
                wrong = wrong.or_else(|| listed.error.clone());
                check(&what, organization, events, &listed, report);
            }
            let log = server.log_text();
            server.kill().await?;
            report.check(!log.contains("panicked at"), || format!("{what}: a thread panicked: {log}"));
            wrong
        }
    };
    match wrong {
        Some(wrong) => report.check(!is_healthy, || format!("{what}: {wrong}, and the doctor says that all is well")),
        None if is_healthy => report.count("harmless", 1),
        None => {}
    }
    Ok(())
}

/// Everything that was told is what was recorded, and nothing was left out without an error.
fn check(what: &str, list: &str, recorded: &[String], told: &Listed, report: &mut Report) {
    let is_prefix = told.rows.len() <= recorded.len() && told.rows[..] == recorded[..told.rows.len()];
    report.check(is_prefix, || format!("{what}: {list} tells something else than was recorded"));
    if told.error.is_some() {
        report.count("lists refused", 1);
    } else {
        report.count("lists whole", 1);
        report.check(told.rows.len() == recorded.len(), || {
            format!("{what}: {list} tells {} of {} without a word", told.rows.len(), recorded.len())
        });
    }
}
