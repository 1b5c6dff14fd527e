//! Bytes flip and files are cut short at random places of a data folder. Whatever is told afterwards is what was recorded: an error is an
//! answer, a wrong or a shorter list is none. The doctor finds it, or everything is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use annals_core::wire::{AuditLogEvent, CreateOrganization};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::client::{client, create_schemas, http, wait_until_ready};
use crate::events;
use crate::failure::{Doing, Failure};
use crate::keeping::{Told, all_told, copy_folder, doctor, files, told};
use crate::report::Report;
use crate::run::Run;
use crate::server::{Plan, Start};

const ORGANIZATIONS: usize = 4;
const EVENTS: usize = 240;
/// Longer than a look of the flush, so that the lake gets several files.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(260);

type Recorded = BTreeMap<String, Vec<AuditLogEvent>>;

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    let good = Plan::new(run, "good")?.flag("--flush-events", 40);
    let recorded = record(run, &good).await?;
    let said = doctor(run, good.data()).await?;
    report.check(said.code == Some(0), || format!("before any damage the doctor says {said:?}"));
    for what in ["harmless", "refused starts", "lists refused", "lists whole", "torn ends"] {
        report.count(what, 0);
    }
    let mut random = run.random("damage");
    for target in TARGETS {
        round(run, &good, &recorded, report, |data| damage(&mut random, data, Some(target))).await?;
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
    let recorded = all_told(&client, &organizations).await?;
    server.kill().await?;
    Ok(recorded)
}

/// Kinds of files that are hit for certain.
const TARGETS: &[&str] = &[".parquet", "_delta_log/", "annals.db-wal", "annals.db", ".keys"];

/// What was done to which file.
struct Damage {
    what: String,
    /// An end of SQLite's own log that is gone looks like one that was never written.
    may_be_torn: bool,
}

fn damage(random: &mut StdRng, data: &Path, target: Option<&str>) -> Result<Damage, Failure> {
    let all: Vec<(PathBuf, u64)> = files(data)?
        .into_iter()
        .filter(|path| target.is_none_or(|target| path.display().to_string().contains(target)))
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
    let mut bytes = fs::read(path).doing("cannot read a file")?;
    let what = if random.random_ratio(1, 6) {
        let end = random.random_range(0..*length);
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
    let name = path.strip_prefix(data).unwrap_or(path).display().to_string();
    Ok(Damage { what: format!("{name} {what}"), may_be_torn: name.ends_with("-wal") })
}

async fn round(
    run: &Run,
    good: &Plan,
    recorded: &Recorded,
    report: &mut Report,
    damage: impl FnOnce(&Path) -> Result<Damage, Failure>,
) -> Result<(), Failure> {
    let data = run.path("damaged");
    copy_folder(good.data(), &data)?;
    let Damage { what, may_be_torn } = damage(&data)?;
    let said = doctor(run, &data).await?;
    report.check(!said.panicked() && matches!(said.code, Some(0 | 1 | 7)), || format!("{what}: the doctor ended with {said:?}"));
    let is_healthy = said.code == Some(0);
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
                let told = told(&client, organization).await;
                wrong = wrong.or_else(|| told.error.clone());
                check(&what, may_be_torn, organization, events, &told, report);
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
fn check(what: &str, may_be_torn: bool, organization: &str, recorded: &[AuditLogEvent], told: &Told, report: &mut Report) {
    let is_prefix = told.events.len() <= recorded.len() && told.events[..] == recorded[..told.events.len()];
    report.check(is_prefix, || format!("{what}: {organization} is told other events than were recorded"));
    if told.error.is_some() {
        report.count("lists refused", 1);
    } else if may_be_torn && told.events.len() < recorded.len() {
        report.count("torn ends", 1);
    } else {
        report.count("lists whole", 1);
        report.check(told.events.len() == recorded.len(), || {
            format!("{what}: {organization} is told {} events of {} without a word", told.events.len(), recorded.len())
        });
    }
}
