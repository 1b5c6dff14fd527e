//! Looks at an installation from end to end and says what is wrong with it. Changes nothing, also beside a running server.
//!
//! The database is read first, as of one moment. Of the lake the newest version counts that is not ahead of that moment: everything
//! that the database had released by then is in it. Files that a running server takes away meanwhile are not missed.

mod commits;
mod database;
mod exports;
mod files;
mod finding;
mod keys;
mod lake;
mod sequences;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use annals_core::event::CommittedEvent;
use annals_core::ids::{CommitNumber, ExportId, OrganizationId, ShardId};
use annals_core::record::{ApiRequest, FeedEvent};
use serde::Serialize;

pub use finding::{Finding, Part};

use crate::commit_log::mark;
use crate::lake::{LakeError, LakeView};
use crate::place::{LakeUrlError, Place};
use crate::store::{self, ConnectError, ShardRow, StoreError};
use lake::TableCheck;
use sequences::Sequences;

/// Hears of everything while it happens.
pub trait Watch: Send + Sync {
    /// A part begins; so much there is to do, in whatever unit.
    fn begin(&self, part: Part, total: u64);
    fn advance(&self, by: u64);
    fn found(&self, finding: &Finding);
}

/// What was looked at, and how much of it is wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Examined {
    pub findings: u64,
    /// Of the database's format.
    pub database_version: u32,
    /// Rows of the commit log.
    pub commits: u64,
    /// Data files of the lake.
    pub files: u64,
    /// Records in them.
    pub records: u64,
    /// Runs of idempotency keys.
    pub runs: u64,
}

/// Nothing can be said: there is no installation, it is a newer one, or the storage does not answer.
#[derive(Debug, thiserror::Error)]
pub enum CannotLook {
    #[error(transparent)]
    Database(#[from] ConnectError),
    #[error("the database cannot be read: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    LakeUrl(#[from] LakeUrlError),
    #[error("the lake cannot be read: {0}")]
    Lake(#[from] LakeError),
    #[error("{0} cannot be read: {1}")]
    File(String, #[source] std::io::Error),
    #[error("the examination broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl CannotLook {
    /// A URL is of a kind that this program does not know.
    #[must_use]
    pub fn is_wrong_url(&self) -> bool {
        matches!(self, Self::Database(ConnectError::Url(_)) | Self::LakeUrl(_))
    }
}

/// What an examination has found so far.
struct Exam<'w> {
    watch: &'w dyn Watch,
    examined: Examined,
}

/// What the database said, for the parts that come after it.
#[derive(Default)]
struct Known {
    /// The one that this installation writes.
    shard: Option<ShardId>,
    shards: Vec<ShardRow>,
    heads: Vec<(ShardId, OrganizationId, u64)>,
    ready_exports: Vec<ExportId>,
    /// Those that were not deleted.
    organizations: BTreeSet<OrganizationId>,
}

impl Exam<'_> {
    fn found(&mut self, finding: &Finding) {
        self.examined.findings += 1;
        self.watch.found(finding);
    }
}

/// # Errors
/// It cannot be said whether anything is wrong. What was found until then was told to `watch`.
pub async fn examine(place: &Place, watch: &dyn Watch) -> Result<Examined, CannotLook> {
    let mut exam = Exam { watch, examined: Examined::default() };
    let mut sequences = Sequences::default();
    let lake_url = place.lake()?;
    // Before the database: a running server goes on meanwhile.
    let noted = mark::read(&place.mark()).map_err(|error| CannotLook::File(place.mark().display().to_string(), error))?;
    let known = match store::look(&place.database()).await {
        Ok(view) => database::examine(&mut exam, view, &mut sequences).await?,
        Err(ConnectError::Foreign { path }) => {
            exam.found(&database::not_a_database(&path));
            Known::default()
        }
        Err(ConnectError::Empty { path }) => {
            exam.found(&database::empty(&path));
            Known::default()
        }
        Err(ConnectError::Store(StoreError::Damaged { what })) => {
            exam.found(&database::unreadable(&what));
            Known::default()
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(row) = known.shards.iter().find(|row| noted.is_some_and(|(shard, last)| row.shard == shard && row.last < last)) {
        exam.found(&commits::cut(row, noted.map_or(row.last, |(_, last)| last)));
    }
    keys::examine(&mut exam, place.keys()).await?;
    let view = match LakeView::open(&lake_url) {
        Ok(view) => view,
        Err(error) => {
            exam.found(&lake::absent(&lake_url, &error));
            return Ok(exam.examined);
        }
    };
    // A moment's worth of commits that no shard has is no limit: without a database everything in the lake is looked at.
    let last = |shard| known.shards.iter().find(|row| row.shard == shard).map_or(CommitNumber::ZERO, |row| row.last);
    let limit = known.shard.map(|shard| (shard, last(shard)));
    let audit_events = TableCheck::<CommittedEvent>::of(&mut exam, &view, limit).await?;
    let feed_events = TableCheck::<FeedEvent>::of(&mut exam, &view, limit).await?;
    let api_requests = TableCheck::<ApiRequest>::of(&mut exam, &view, limit).await?;
    if let Some(row) = known.shards.iter().find(|row| Some(row.shard) == known.shard) {
        lake::ahead(&mut exam, &view, place, row).await?;
        lake::compare(&mut exam, row, audit_events.as_ref(), feed_events.as_ref(), api_requests.as_ref()).await?;
        if let Some(flushed) = audit_events.as_ref() {
            sequences.drop_logged_through(row.shard, flushed.flushed_through(row.shard).await?);
        }
    }
    let mut whole = audit_events.is_some();
    if let Some(table) = audit_events {
        whole &= table.files(&mut exam, &mut |event| sequences.in_lake(event)).await?;
    }
    if let Some(table) = feed_events {
        table.files(&mut exam, &mut |_| ()).await?;
    }
    if let Some(table) = api_requests {
        table.files(&mut exam, &mut |_| ()).await?;
    }
    exports::examine(&mut exam, &view, &known.ready_exports).await?;
    // Of what cannot be read it is known already that it is missing.
    if whole {
        sequences.examine(&mut exam, &known);
    }
    Ok(exam.examined)
}
