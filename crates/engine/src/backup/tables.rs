//! The files of the lake that belong to a copy of the database.

use std::sync::Arc;

use annals_core::event::CommittedEvent;
use annals_core::ids::{CommitNumber, ExportId, ShardId};
use annals_core::record::{ApiRequest, FeedEvent};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::error::BackupError;
use crate::lake::{EXPORTS, LakeError, LakeView, Row, TableView, log};

/// A file of the lake on its way into a backup.
pub struct LakeFile {
    /// Below the lake's folder.
    pub path: String,
    pub store: Arc<dyn ObjectStore>,
    /// In the store.
    pub location: Path,
    pub bytes: u64,
    /// Its name is never used again for other bytes.
    pub is_forever: bool,
}

/// All that belongs to each other: of each table data files first, and what names them.
pub async fn files(view: &LakeView, shard: ShardId, last: CommitNumber) -> Result<Vec<LakeFile>, LakeError> {
    let (audit_events, feed_events, api_requests) = tables(view, shard, last).await?;
    let mut files = of_table(&feed_events).await?;
    files.extend(of_table(&api_requests).await?);
    files.extend(of_table(&audit_events).await?);
    Ok(files)
}

type Tables = (TableView<CommittedEvent>, TableView<FeedEvent>, TableView<ApiRequest>);

/// `audit_events` is looked at first, because a flush writes it last: whatever it says that the others have, they have by then. One that
/// was looked at later could be ahead of them, and no server would start on that.
async fn tables(view: &LakeView, shard: ShardId, last: CommitNumber) -> Result<Tables, LakeError> {
    let audit_events = view.table_through(shard, last).await?;
    Ok((audit_events, view.table_through(shard, last).await?, view.table_through(shard, last).await?))
}

async fn of_table<R: Row>(table: &TableView<R>) -> Result<Vec<LakeFile>, LakeError> {
    let store = table.files();
    let data = table.snapshot()?;
    let mut files: Vec<_> = data.files().iter().map(|file| lake_file::<R>(&store, file.path.clone(), file.bytes, true)).collect();
    for meta in log::needed_at(store.as_ref(), table.version()).await? {
        files.push(lake_file::<R>(&store, meta.location.to_string(), meta.size, false));
    }
    Ok(files)
}

fn lake_file<R: Row>(store: &Arc<dyn ObjectStore>, path: String, bytes: u64, is_forever: bool) -> LakeFile {
    let location = Path::from(path.as_str());
    LakeFile { path: format!("{}/{path}", R::TABLE), store: Arc::clone(store), location, bytes, is_forever }
}

/// The files of exports that are ready. One that is gone has expired meanwhile.
pub async fn exports(view: &LakeView, ready: &[ExportId]) -> Result<Vec<LakeFile>, BackupError> {
    let store = view.files(EXPORTS);
    let mut files = Vec::new();
    for id in ready {
        let location = Path::from(format!("{id}.csv"));
        match store.head(&location).await {
            Ok(meta) => files.push(LakeFile {
                path: format!("{EXPORTS}/{location}"),
                store: Arc::clone(&store),
                location,
                bytes: meta.size,
                is_forever: false,
            }),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(LakeError::from(error).into()),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::testing::{Sequencer, commit, environment, event, feed_event_of, organization, shard, url};
    use crate::lake::{Lake, LakeSettings};

    /// Everything that is flushed was in the log already when the database was copied.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tables_that_are_flushed_meanwhile_belong_to_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::open(&url(folder.path()), LakeSettings::default()).await.expect("a lake");
        let flushing = tokio::spawn(async move {
            let mut sequencer = Sequencer::default();
            for number in 0..200 {
                let fed = sequencer.feed(1000, vec![(environment(1), feed_event_of(number))]);
                let events = sequencer.commit(1000, vec![(organization(1), event(number))]);
                let through = events[0].place().commit();
                lake.feed_events.append(shard(), through, fed).await.expect("a flush");
                lake.audit_events.append_last(shard(), through, events, &[FeedEvent::TABLE]).await.expect("a flush");
            }
        });
        let view = LakeView::open(&url(folder.path())).expect("a lake");
        while !flushing.is_finished() {
            let (audit_events, feed_events, _) = tables(&view, shard(), commit(1_000_000)).await.expect("the lake");
            let noted = audit_events.noted_of(shard(), FeedEvent::TABLE).await.expect("the log");
            let has = feed_events.flushed_through(shard()).await.expect("the log");
            assert!(has >= noted, "the feed ends at commit {has}, and once had commit {noted}");
        }
        flushing.await.expect("every flush");
    }
}
