//! The database file: by SQLite's own checks, then what the later parts need to know of it.

use std::path::Path;

use super::finding::RESTORE;
use super::sequences::Sequences;
use super::{CannotLook, Exam, Finding, Known, Part, commits};
use crate::store::{DatabaseView, StoreError};

const MEANING: &str = "the server refuses requests that meet the damage, or does not start";

pub(super) async fn examine(exam: &mut Exam<'_>, mut view: DatabaseView, sequences: &mut Sequences) -> Result<Known, CannotLook> {
    exam.watch.begin(Part::Database, 2);
    exam.examined.database_version = view.version;
    match view.faults().await {
        Ok(faults) => faults.iter().for_each(|fault| exam.found(&file(fault.clone()))),
        Err(StoreError::Damaged { what }) => exam.found(&unreadable(&what)),
        Err(error) => return Err(error.into()),
    }
    exam.watch.advance(1);
    let mut known = Known::default();
    match read(&mut view, &mut known).await {
        Ok(()) => exam.watch.advance(1),
        Err(StoreError::Damaged { what }) => exam.found(&unreadable(&what)),
        Err(error) => return Err(error.into()),
    }
    for row in known.shards.clone() {
        commits::examine(exam, &mut view, row, sequences).await?;
    }
    view.close().await;
    Ok(known)
}

async fn read(view: &mut DatabaseView, known: &mut Known) -> Result<(), StoreError> {
    known.shard = view.shard().await?;
    known.shards = view.shards().await?;
    if let Some(shard) = known.shard
        && !known.shards.is_empty()
        && known.shards.iter().all(|row| row.shard != shard)
    {
        return Err(StoreError::Damaged { what: format!("column shard of the row of installation ({shard})") });
    }
    for row in &known.shards {
        let heads = view.heads(row.shard).await?;
        known.heads.extend(heads.into_iter().map(|(organization, next)| (row.shard, organization, next)));
    }
    known.ready_exports = view.ready_exports().await?;
    known.organizations = view.organizations().await?.into_iter().collect();
    Ok(())
}

fn file(problem: String) -> Finding {
    Finding { part: Part::Database, place: "annals.db".to_owned(), problem, meaning: MEANING, advice: RESTORE }
}

pub(super) fn unreadable(what: &str) -> Finding {
    file(format!("{what} is damaged"))
}

pub(super) fn empty(path: &Path) -> Finding {
    Finding {
        part: Part::Database,
        place: path.display().to_string(),
        problem: "it is empty".to_owned(),
        meaning: "the server takes it for a new installation; everything that was in it is lost, unless no server ever ran here",
        advice: RESTORE,
    }
}

pub(super) fn not_a_database(path: &Path) -> Finding {
    Finding {
        part: Part::Database,
        place: path.display().to_string(),
        problem: "it is no database of annals".to_owned(),
        meaning: "the server does not start; without the database nobody can say what the lake must hold",
        advice: RESTORE,
    }
}
