//! Removal of files whose rows are all too old.
//!
//! 1. One log entry takes them out of the table. Dying before it is durable, nothing happened; after it, only the answer is lost.
//! 2. The new snapshot is published. Readers that took the one before still read the files.
//! 3. When such readers have ended, the files are deleted. Which ones, the log knows: it remembers removed files for a week.
//!    Dying anywhere here, the next look finds the rest. Files that nobody came to delete in that week stay, and harm nobody.

use std::collections::HashSet;

use annals_core::time::Micros;
use deltalake_core::kernel::Action;
use deltalake_core::protocol::DeltaOperation;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

use super::row::Row;
use super::table::Table;
use super::{LakeError, LakeFile, LakeSnapshot};

impl<R: Row> Table<R> {
    /// Steps 1 and 2: takes out the files of which every row was received before `end`, as of `now`. The newest file stays, however
    /// old it is: ids must not fall behind those that were given once. How many files went.
    ///
    /// # Errors
    /// It is not known whether they went. Trying again is safe.
    pub async fn remove_received_before(&self, end: Micros, now: Micros) -> Result<usize, LakeError> {
        if expired(&self.snapshot(), end).next().is_none() {
            return Ok(0);
        }
        let inner = &self.inner;
        let mut table = inner.table.lock().await;
        let mut state = inner.latest(table.take()).await?;
        let current = LakeSnapshot::<R>::of_state(&state)?;
        let paths: HashSet<_> = expired(&current, end).map(|file| file.path.as_str()).collect();
        let mut actions = Vec::with_capacity(paths.len());
        for file in state.snapshot().try_log_data()?.iter().filter(|file| paths.contains(&*file.path())) {
            let mut remove = file.remove_action(true);
            remove.deletion_timestamp = Some(now.get() / 1000);
            actions.push(Action::Remove(remove));
        }
        let removed = actions.len();
        if removed > 0 {
            state = inner.commit(&state, Vec::new(), actions, DeltaOperation::Delete { predicate: None }).await?;
        }
        inner.publish(&state)?;
        *table = Some(state);
        Ok(removed)
    }

    /// Step 3: deletes the files that were taken out before `end`. `deleted` are those that are known to be gone, and is added to.
    ///
    /// # Errors
    /// Some files stay for now. Trying again is safe.
    pub async fn delete_removed_before(&self, end: Micros, deleted: &mut HashSet<String>) -> Result<usize, LakeError> {
        let inner = &self.inner;
        let mut table = inner.table.lock().await;
        let state = inner.latest(table.take()).await?;
        let tombstones: Vec<_> = state.all_tombstones(inner.log.as_ref()).try_collect().await?;
        *table = Some(state);
        drop(table);
        let is_due = |at: Option<i64>| at.is_some_and(|millis| millis < end.get() / 1000);
        let due = tombstones.iter().filter(|tombstone| is_due(tombstone.deletion_timestamp()));
        let due: HashSet<_> = due.map(|tombstone| tombstone.path().into_owned()).collect();
        // What is no longer remembered need not be known either.
        deleted.retain(|path| due.contains(path));
        let mut count = 0;
        for path in due {
            if deleted.contains(&path) {
                continue;
            }
            match inner.files.delete(&Path::from(path.as_str())).await {
                Ok(()) => count += 1,
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(LakeError::unavailable(error)),
            }
            deleted.insert(path);
        }
        Ok(count)
    }
}

fn expired<R: Row>(snapshot: &LakeSnapshot<R>, end: Micros) -> impl Iterator<Item = &LakeFile<R>> {
    let newest = snapshot.files().iter().map(|file| file.stats.ids.greatest).max();
    snapshot.files().iter().filter(move |file| file.received().greatest < end && Some(file.stats.ids.greatest) != newest)
}
