//! One table of the lake at one version, and whether the tables and the commit log go on from each other.

use annals_core::event::CommittedEvent;
use annals_core::ids::{CommitNumber, ShardId};
use annals_core::record::{ApiRequest, FeedEvent};
use url::Url;

use super::finding::RESTORE;
use super::{CannotLook, Exam, Finding, Part, files, tables};
use crate::lake::{LakeError, LakeView, Row, TableView};
use crate::place::Place;
use crate::store::{self, ShardRow};

pub(super) struct TableCheck<R: Row> {
    table: TableView<R>,
    view: LakeView,
}

impl<R: Row> TableCheck<R> {
    /// `None`: its log cannot be used, which was told. `limit`: the last commit of the installation's own shard, when the database
    /// says it.
    pub async fn of(
        exam: &mut Exam<'_>,
        view: &LakeView,
        limit: Option<(ShardId, CommitNumber)>,
    ) -> Result<Option<Self>, CannotLook> {
        tables::examine(exam, R::TABLE, view.files(R::TABLE).as_ref()).await?;
        match at(view, limit).await {
            Ok(table) => Ok(Some(Self { table, view: view.clone() })),
            Err(LakeError::Damaged(cause)) => {
                exam.found(&tables::finding(format!("{}/_delta_log", R::TABLE), cause.to_string()));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub async fn flushed_through(&self, shard: ShardId) -> Result<CommitNumber, LakeError> {
        self.table.flushed_through(shard).await
    }

    /// Every data file, and every row of it to `row`. Whether all could be read.
    pub async fn files(self, exam: &mut Exam<'_>, row: &mut (dyn FnMut(&R) + Send)) -> Result<bool, CannotLook> {
        let snapshot = match self.table.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => {
                exam.found(&tables::finding(format!("{}/_delta_log", R::TABLE), error.to_string()));
                return Ok(false);
            }
        };
        exam.watch.begin(Part::DataFiles, snapshot.files().iter().map(|file| file.bytes).sum());
        let mut whole = true;
        for file in snapshot.files() {
            if let Some(problem) = files::examine(&self.table, file, row).await? {
                // What took its place has its rows, and is not looked at.
                whole = false;
                if self.is_gone(&file.path).await? {
                    continue;
                }
                exam.found(&problem.finding(format!("{}/{}", R::TABLE, file.path)));
            }
            exam.examined.files += 1;
            exam.examined.records += file.stats.rows;
            exam.watch.advance(file.bytes);
        }
        Ok(whole)
    }

    /// A running server may have merged the file with others, or deleted it for its age.
    async fn is_gone(&self, path: &str) -> Result<bool, LakeError> {
        let now = self.view.table::<R>().await?;
        if now.version() == self.table.version() {
            return Ok(false);
        }
        Ok(now.snapshot()?.files().iter().all(|file| file.path != path))
    }
}

async fn at<R: Row>(view: &LakeView, limit: Option<(ShardId, CommitNumber)>) -> Result<TableView<R>, LakeError> {
    match limit {
        Some((shard, last)) => view.table_through(shard, last).await,
        None => view.table().await,
    }
}

/// Nothing is missing between the tables, nor between them and the commit log.
pub(super) async fn compare(
    exam: &mut Exam<'_>,
    row: &ShardRow,
    audit_events: Option<&TableCheck<CommittedEvent>>,
    feed_events: Option<&TableCheck<FeedEvent>>,
    api_requests: Option<&TableCheck<ApiRequest>>,
) -> Result<(), CannotLook> {
    let Some(audit_events) = audit_events else { return Ok(()) };
    let flushed = audit_events.flushed_through(row.shard).await?;
    if flushed < row.released {
        exam.found(&behind(CommittedEvent::TABLE, flushed, row.released));
    }
    let mut noted = Vec::new();
    if let Some(table) = feed_events {
        noted.push((FeedEvent::TABLE, table.flushed_through(row.shard).await?));
    }
    if let Some(table) = api_requests {
        noted.push((ApiRequest::TABLE, table.flushed_through(row.shard).await?));
    }
    for (table, has) in noted {
        let once = audit_events.table.noted_of(row.shard, table).await?;
        if has < once {
            exam.found(&behind(table, has, once));
        }
    }
    Ok(())
}

/// A running server may have flushed commits that came after the look at the database; then the database has them too by now.
pub(super) async fn ahead(exam: &mut Exam<'_>, view: &LakeView, place: &Place, row: &ShardRow) -> Result<(), CannotLook> {
    let Ok(newest) = view.table::<CommittedEvent>().await else { return Ok(()) };
    let flushed = newest.flushed_through(row.shard).await?;
    if flushed <= row.last {
        return Ok(());
    }
    let mut database = store::look(&place.database()).await?;
    let now = database.shards().await?.into_iter().find(|now| now.shard == row.shard).map_or(CommitNumber::ZERO, |now| now.last);
    database.close().await;
    if now < flushed {
        exam.found(&Finding {
            part: Part::CommitLog,
            place: "annals.db".to_owned(),
            problem: format!("it ends at commit {now}, and the lake has commit {flushed}: the newest commits are missing"),
            meaning: "this is an older copy of the database, or its write-ahead log was cut short; the server refuses to start",
            advice: RESTORE,
        });
    }
    Ok(())
}

fn behind(table: &str, has: CommitNumber, must: CommitNumber) -> Finding {
    Finding {
        part: Part::TableLogs,
        place: table.to_owned(),
        problem: format!("it ends at commit {has}, and once had commit {must}: the newest entries of its log are missing"),
        meaning: "this is an older copy of the table, or not the one that belongs to this database; the server refuses to start",
        advice: "find the lake that belongs to this database; if there is none any more, bring up a backup with `annals restore`",
    }
}

pub(super) fn absent(url: &Url, error: &LakeError) -> Finding {
    Finding {
        part: Part::TableLogs,
        place: url.to_string(),
        problem: error.to_string(),
        meaning: "all records that have left the commit log are in the lake",
        advice: RESTORE,
    }
}
