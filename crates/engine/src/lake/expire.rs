//! Removal of files whose rows are all too old.
//!
//! 1. One log entry takes them out of the table. Dying before it is durable, nothing happened; after it, only the answer is lost.
//! 2. The new snapshot is published. Readers that took the one before still read the files, until a vacuum removes them.

use annals_core::time::Micros;
use deltalake_core::protocol::DeltaOperation;

use super::row::Row;
use super::table::Table;
use super::{LakeError, LakeFile, LakeSnapshot};

impl<R: Row> Table<R> {
    /// Takes out the files of which every row was received before `end`, as of `now`. The newest file stays, however
    /// old it is: ids must not fall behind those that were given once. How many files went.
    ///
    /// # Errors
    /// It is not known whether they went. Trying again is safe.
    pub async fn remove_received_before(&self, end: Micros, now: Micros) -> Result<usize, LakeError> {
        let current = self.snapshot();
        let paths: Vec<_> = expired(&current, end).map(|file| file.path.clone()).collect();
        if paths.is_empty() {
            return Ok(0);
        }
        let all_there = self.replace(&paths, None, DeltaOperation::Delete { predicate: None }, now).await?;
        // Otherwise another look is needed, which the published snapshot answers.
        let removed = if all_there { paths.len() } else { 0 };
        Ok(removed)
    }
}

fn expired<R: Row>(snapshot: &LakeSnapshot<R>, end: Micros) -> impl Iterator<Item = &LakeFile<R>> {
    let newest = snapshot.files().iter().map(|file| file.stats.ids.greatest).max();
    snapshot.files().iter().filter(move |file| file.received().greatest < end && Some(file.stats.ids.greatest) != newest)
}
