//! Reads everything that backups consist of. They share their files and a new one writes no file that is there: one that was changed since
//! would be in all later ones too.

use std::collections::{HashMap, HashSet};

use futures::TryFutureExt;
use serde::Serialize;

use super::content::{self, Digest};
use super::error::{RestoreError, ShelfError};
use super::manifest::{FORMAT, Manifest, Unreadable};
use super::shelf::Shelf;
use crate::doctor::{Finding, Part, Watch};

/// What was looked at, and how much of it is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub findings: u64,
    pub backups: u64,
    /// Those that cannot be restored, oldest first.
    pub damaged: Vec<String>,
    /// A file that several backups share is one.
    pub files: u64,
    pub bytes: u64,
}

/// Holds every file against its digest, also beside a backup that is being taken. Changes nothing.
///
/// # Errors
/// There is no backup, one is of a newer version, or their place cannot be read.
pub async fn verify(from: &str, watch: &dyn Watch) -> Result<Verified, RestoreError> {
    let shelf = Shelf::look(from)?;
    let names = shelf.backups().await?;
    if names.is_empty() {
        return Err(RestoreError::NoBackup(shelf.shown().to_owned()));
    }
    let mut verified = Verified { backups: names.len() as u64, ..Verified::default() };
    let mut found = |finding: &Finding| {
        verified.findings += 1;
        watch.found(finding);
    };
    let (mut files, mut unreadable) = (HashMap::new(), HashSet::new());
    for name in &names {
        match list(&shelf, name).await? {
            Ok(manifest) => files.extend(manifest.files.into_iter().map(|entry| (entry.sha256, entry.bytes))),
            Err(problem) => {
                found(&of_list(name, problem));
                unreadable.insert(name.as_str());
            }
        }
    }
    watch.begin(Part::Backups, files.values().sum());
    let mut changed = HashSet::new();
    for (digest, bytes) in &files {
        if let Some(problem) = fault(&shelf, digest, *bytes).await? {
            found(&of_file(digest, problem));
            changed.insert(digest);
        }
        watch.advance(*bytes);
    }
    for name in &names {
        // Read again rather than kept: lists of many backups are larger than all that they name.
        let is_damaged = unreadable.contains(name.as_str())
            || list(&shelf, name).await?.is_ok_and(|list| list.files.iter().any(|entry| changed.contains(&entry.sha256)));
        if is_damaged {
            verified.damaged.push(name.clone());
        }
    }
    (verified.files, verified.bytes) = (files.len() as u64, files.values().sum());
    Ok(verified)
}

/// `Err`: what is wrong with it.
async fn list(shelf: &Shelf, name: &str) -> Result<Result<Manifest, String>, RestoreError> {
    match Manifest::read(name, &shelf.list_of(name).await?) {
        Ok(manifest) => Ok(Ok(manifest)),
        Err(Unreadable::Damaged(problem)) => Ok(Err(problem)),
        Err(Unreadable::Newer(found)) => Err(RestoreError::Newer { name: name.to_owned(), found, known: FORMAT }),
    }
}

/// What is wrong with a file.
async fn fault(shelf: &Shelf, digest: &Digest, bytes: u64) -> Result<Option<&'static str>, ShelfError> {
    let path = digest.path();
    let measured = content::of_object(shelf.store(), &path).and_then(|pieces| content::measure(pieces, &Unheard));
    match measured.await {
        Ok(measured) => Ok((measured != (bytes, digest.clone())).then_some("its bytes are not those that were copied")),
        Err(object_store::Error::NotFound { .. }) => Ok(Some("it is missing")),
        Err(error) => Err(error.into()),
    }
}

struct Unheard;

impl super::Watch for Unheard {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

fn of_list(name: &str, problem: String) -> Finding {
    Finding {
        part: Part::Backups,
        place: format!("backups/{}", super::manifest::file_name(name)),
        problem,
        meaning: "this backup cannot be restored; others are not concerned",
        advice: "take a new backup",
    }
}

fn of_file(digest: &Digest, problem: &str) -> Finding {
    Finding {
        part: Part::Backups,
        place: digest.path().to_string(),
        problem: problem.to_owned(),
        meaning: "the backups that share it cannot be restored, and later ones would share it too",
        advice: "remove the file if it is there and take a new backup, which writes it anew when the data still has it",
    }
}
