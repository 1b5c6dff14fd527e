//! A vacuum deletes what nobody needs any more: files that were taken out of the table, files of flushes and merges that died, and
//! staged files.
//!
//! 1. The folder is listed. *Nothing happened.*
//! 2. Under the table's lock its log is read. A flush of this process is before its files' log entry or after it, and a merge never runs
//!    at the same time, so a listed file that is not named now never will be.
//! 3. The rest is deleted, one by one. *Dying here leaves some for the next time.*
//!
//! What stays, however old it is: files of the table, files that a snapshot lists which somebody still holds, and files that left the
//! table only a while ago, because other readers of the lake hold snapshots that we do not know of.

use std::collections::HashSet;
use std::time::Duration;

use annals_core::time::Micros;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt};

use super::durable::STAGED;
use super::row::Row;
use super::table::Table;
use super::{LakeError, LakeSnapshot};

/// Delta looks after its log itself.
const LOG: &str = "_delta_log";

/// What a vacuum deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vacuumed {
    pub files: u64,
    pub bytes: u64,
}

impl<R: Row> Table<R> {
    /// Deletes what has been out of the table for longer than `kept`, as of `now`.
    ///
    /// # Errors
    /// Some files stay for now. Trying again is safe.
    pub async fn vacuum(&self, now: Micros, kept: Duration) -> Result<Vacuumed, LakeError> {
        let inner = &self.inner;
        let end = now.saturating_sub(kept).get() / 1000;
        // Step 1.
        let old = |file: &ObjectMeta| file.last_modified.timestamp_millis() < end && !is_of_log(&file.location);
        let listed: Vec<_> = inner.files.list(None).try_filter(|file| std::future::ready(old(file))).try_collect().await?;
        // Step 2.
        let needed = self.needed(end).await?;
        // Step 3.
        let mut vacuumed = Vacuumed::default();
        for file in listed.into_iter().filter(|file| !needed.contains(file.location.as_ref())) {
            match inner.files.delete(&file.location).await {
                Ok(()) => {
                    vacuumed.files += 1;
                    vacuumed.bytes += file.size;
                }
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(LakeError::unavailable(error)),
            }
        }
        Ok(vacuumed)
    }

    /// Files of the table, those that were taken out after `end` in milliseconds, and those that a reader of ours may still open.
    async fn needed(&self, end: i64) -> Result<HashSet<String>, LakeError> {
        let inner = &self.inner;
        let mut table = inner.table.lock().await;
        let state = inner.latest(table.take()).await?;
        let current = LakeSnapshot::<R>::of_state(&state)?;
        let removed: Vec<_> = state.all_tombstones(inner.log.as_ref()).try_collect().await?;
        *table = Some(state);
        drop(table);
        let recent = removed.iter().filter(|removed| removed.deletion_timestamp().is_none_or(|millis| millis >= end));
        let mut needed: HashSet<_> = recent.map(|removed| removed.path().into_owned()).collect();
        needed.extend(current.files().iter().map(|file| file.path.clone()));
        for snapshot in inner.held() {
            needed.extend(snapshot.files().iter().map(|file| file.path.clone()));
        }
        Ok(needed)
    }
}

/// Staged files of the log are ours.
fn is_of_log(location: &Path) -> bool {
    let staged = location.filename().is_some_and(|name| name.starts_with(STAGED));
    location.as_ref().starts_with(LOG) && !staged
}
