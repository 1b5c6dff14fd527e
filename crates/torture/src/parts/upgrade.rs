//! A data folder of the first format opens and goes on; one of a newer format is refused in a line that says so.
//!
//! `fixtures/database-1` was written by a binary of before data files had checksums, with a database that took only the first
//! migration: 20 events in the lake, 10 in the commit log.

use std::path::Path;

use annals_core::wire::CreateAuditEvent;

use crate::client::{client, http, wait_until_ready};
use crate::events;
use crate::failure::{Doing, Failure};
use crate::keeping::{all_told, annals, copy_folder, doctor, files};
use crate::report::Report;
use crate::run::Run;
use crate::server::{Plan, Start};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/database-1");
const EVENTS: u64 = 30;

pub async fn run(run: &Run, report: &mut Report) -> Result<(), Failure> {
    opens(run, report).await?;
    for newer in NEWER {
        refused(run, newer, report).await?;
    }
    Ok(())
}

async fn opens(run: &Run, report: &mut Report) -> Result<(), Failure> {
    let plan = Plan::new(run, "old")?;
    copy_folder(Path::new(FIXTURE), plan.data())?;
    healthy(run, plan.data(), report).await?;
    let server = plan.start().await?;
    wait_until_ready(&http()?, &server.url).await?;
    let client = client(&server.url)?;
    let organizations: Vec<String> = client
        .organizations()
        .list(&Default::default())
        .await
        .doing("cannot list organizations")?
        .items
        .into_iter()
        .map(|one| one.id)
        .collect();
    let before = all_told(&client, &organizations).await?;
    report.check(before.values().map(Vec::len).sum::<usize>() as u64 == EVENTS, || format!("the old folder has {before:?}"));
    crate::client::create_schemas(&client).await?;
    let mut random = run.random("new events");
    for organization in &organizations {
        let new: CreateAuditEvent = events::event(&mut random, organization, "new");
        client.audit_events().create(&new).await.doing("cannot record into an old folder")?;
    }
    let after = all_told(&client, &organizations).await?;
    for (organization, events) in &after {
        let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
        report.check(seqs == (0..seqs.len() as u64).collect::<Vec<_>>(), || format!("{organization} has {seqs:?}"));
        report.check(events[..events.len() - 1] == before[organization][..], || format!("old events of {organization} changed"));
    }
    // Beside the running server, and then somewhere else.
    let (shelf, there) = (run.path("shelf").display().to_string(), run.path("there"));
    let taken = annals(run, &["backup", &shelf, "--data", &plan.data().display().to_string()]).await?;
    report.check(taken.code == Some(0), || format!("no backup: {taken:?}"));
    server.stop().await?;
    healthy(run, plan.data(), report).await?;
    let restored = annals(run, &["restore", &shelf, "--data", &there.display().to_string()]).await?;
    report.check(restored.code == Some(0), || format!("not restored: {restored:?}"));
    healthy(run, &there, report).await?;
    let server = plan.clone().on(&there).start().await?;
    wait_until_ready(&http()?, &server.url).await?;
    let again = all_told(&client, &organizations).await?;
    report.check(again == after, || "the restored copy has other events".to_owned());
    server.stop().await
}

async fn healthy(run: &Run, data: &Path, report: &mut Report) -> Result<(), Failure> {
    let said = doctor(run, data).await?;
    report.check(said.code == Some(0), || format!("the doctor says {said:?}"));
    Ok(())
}

/// Something that a newer version would have written.
struct Newer {
    what: &'static str,
    /// The file's name ends so.
    file: &'static str,
    change: fn(&mut Vec<u8>) -> Option<()>,
}

const NEWER: &[Newer] = &[
    Newer {
        what: "database",
        file: "annals.db",
        // `user_version` in SQLite's header.
        change: |bytes| {
            bytes.get_mut(60..64)?.copy_from_slice(&99_u32.to_be_bytes());
            Some(())
        },
    },
    Newer { what: "commit", file: "annals.db", change: |bytes| replace(bytes, b"AL\x01", b"AL\x09") },
    Newer {
        what: "run of idempotency keys",
        file: ".keys",
        change: |bytes| {
            let version = bytes.len().checked_sub(56)?;
            *bytes.get_mut(version)? = 9;
            Some(())
        },
    },
    Newer {
        what: "audit_events",
        file: "audit_events/_delta_log/00000000000000000000.json",
        change: |bytes| replace(bytes, b"\"minReaderVersion\":1", b"\"minReaderVersion\":9"),
    },
];

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) -> Option<()> {
    // All of them: pages that are no longer used have some too.
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    places.iter().for_each(|at| bytes[*at..at + to.len()].copy_from_slice(to));
    (!places.is_empty()).then_some(())
}

async fn refused(run: &Run, newer: &Newer, report: &mut Report) -> Result<(), Failure> {
    let plan = Plan::new(run, &format!("newer {}", newer.what))?;
    copy_folder(Path::new(FIXTURE), plan.data())?;
    let file = files(plan.data())?.into_iter().find(|path| path.display().to_string().ends_with(newer.file));
    let file = file.ok_or_else(|| Failure::new(format!("the fixture has no {}", newer.file)))?;
    let mut bytes = std::fs::read(&file).doing("cannot read the fixture")?;
    (newer.change)(&mut bytes).ok_or_else(|| Failure::new(format!("{} is not where it was", newer.what)))?;
    std::fs::write(&file, bytes).doing("cannot change the copy")?;
    match plan.try_start().await? {
        Start::Ready(server) => {
            report.fault(format!("a newer {} is opened", newer.what));
            server.kill().await?;
        }
        Start::Ended(_, log) => {
            let line = log.lines().find(|line| line.starts_with("annals: ")).unwrap_or_default();
            let is_clear = line.contains(newer.what) && line.contains("made by a newer annals") && line.contains("run that one");
            report.check(is_clear, || format!("a newer {} is refused with {log}", newer.what));
        }
    }
    let said = doctor(run, plan.data()).await?;
    report.check(said.code != Some(0) && !said.panicked(), || format!("of a newer {} the doctor says {said:?}", newer.what));
    report.count("newer formats", 1);
    Ok(())
}
