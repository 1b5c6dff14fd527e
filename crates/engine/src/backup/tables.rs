//! The files of the lake that belong to a copy of the database.

use std::sync::Arc;

use annals_core::event::CommittedEvent;
use annals_core::ids::{CommitNumber, ExportId, ShardId};
use annals_core::record::{ApiRequest, FeedEvent};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::error::BackupError;
use crate::lake::{EXPORTS, LakeError, LakeView, Row, log};

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

/// All of one moment: data files first, and what names them.
pub async fn files(view: &LakeView, shard: ShardId, last: CommitNumber) -> Result<Vec<LakeFile>, LakeError> {
    let mut files = of_table::<FeedEvent>(view, shard, last).await?;
    files.extend(of_table::<ApiRequest>(view, shard, last).await?);
    files.extend(of_table::<CommittedEvent>(view, shard, last).await?);
    Ok(files)
}

async fn of_table<R: Row>(view: &LakeView, shard: ShardId, last: CommitNumber) -> Result<Vec<LakeFile>, LakeError> {
    let table = view.table_through::<R>(shard, last).await?;
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
