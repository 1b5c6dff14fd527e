//! What the log says after a start, and after a commit whose outcome is not known.

use std::path::{Path, PathBuf};
use std::pin::pin;

use annals_core::ids::{CommitNumber, ShardId};
use futures::{Stream, TryStreamExt, stream};

use super::blob::{self, BlobError, Decoder};
use super::keys::{KeyIndex, KeyIndexError};
use super::mark;
use super::state::{LogState, seconds};
use super::tail::{Tail, TailCommit};
use super::{LakePosition, LogSettings};
use crate::clock::Clock;
use crate::store::{Fence, Store, StoreError, StoredCommit};

/// Rows read at a time.
const ROWS_PER_READ: u32 = 256;
/// Reads whose rows are unpacked at the same time, while the ones before them are applied.
const READS_MAX: usize = 4;

#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the commit log cannot be read: {0}")]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Keys(#[from] KeyIndexError),
    #[error("commit {expected} is neither in the commit log nor in the lake: is this the right lake?")]
    Hole { expected: CommitNumber },
    /// The rest is not served: what comes next would take the places of what is missing.
    #[error(
        "the database ends at commit {last}, and commit {noted} was acknowledged: its write-ahead log was cut short, or it is an older copy. \
         Restore it; only if those commits are lost for good, remove {mark}", mark = mark.display()
    )]
    Cut { last: CommitNumber, noted: CommitNumber, mark: PathBuf },
    #[error("the file {path} cannot be used: {source}", path = path.display())]
    Mark { path: PathBuf, source: std::io::Error },
    #[error("cannot start the committer: {0}")]
    Thread(#[source] std::io::Error),
}

/// Before the database is opened: SQLite deletes the write-ahead log beside an empty one, and an installation would be founded where
/// there was one.
///
/// # Errors
/// Commits were acknowledged, and the database is gone.
pub fn check_there(database: &Path, mark: &Path) -> Result<(), RecoverError> {
    let noted = noted(mark)?.filter(|(_, noted)| *noted > CommitNumber::ZERO);
    match noted {
        Some((_, noted)) if !std::fs::metadata(database).is_ok_and(|file| file.len() > 0) => {
            Err(RecoverError::Cut { last: CommitNumber::ZERO, noted, mark: mark.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Before an installation is founded in a database that may have lost one.
///
/// # Errors
/// A commit was acknowledged that is not in the store.
pub async fn check_end(store: &dyn Store, mark: &Path) -> Result<(), RecoverError> {
    let Some((shard, noted)) = noted(mark)? else { return Ok(()) };
    let last = store.last_commit(shard).await?;
    if noted > last { Err(RecoverError::Cut { last, noted, mark: mark.to_owned() }) } else { Ok(()) }
}

fn noted(mark: &Path) -> Result<Option<(ShardId, CommitNumber)>, RecoverError> {
    mark::read(mark).map_err(|source| RecoverError::Mark { path: mark.to_owned(), source })
}

/// Takes over the shard and reads every row that is left in the log.
pub(super) async fn replay(
    store: &dyn Store,
    clock: &dyn Clock,
    settings: &LogSettings,
    lake: LakePosition,
    tail: &Tail,
) -> Result<(Fence, LogState), RecoverError> {
    // The claim comes first: a commit that an earlier process still has on its way can no longer land behind our reads.
    let fence = store.claim_shard(settings.shard).await?;
    let keys = KeyIndex::open(&settings.keys_folder, seconds(clock.now()))?;
    let last = store.last_commit(settings.shard).await?;
    check_end(store, &settings.mark).await?;
    // Runs that know later commits than the store belong to another history, as after a restore: then every key is read again. So it is
    // when a run is missing whose keys the log may still have.
    let is_ours = |sealed: &u64| *sealed <= last.get() && keys.missing().is_empty();
    let sealed_through = keys.sealed_through().filter(is_ours).unwrap_or(0);
    let heads = store.heads(settings.shard).await?;
    let received_at = lake.received_at.unwrap_or_else(|| annals_core::time::Micros::saturating(0));
    let mut state = LogState::new(settings.shard, received_at, heads, keys);
    let mut after = CommitNumber::ZERO;
    let mut reads = pin!(unpacked_rows(store, settings.shard));
    while let Some(rows) = reads.try_next().await? {
        for (number, body) in rows {
            // The first row may stand for a commit that the lake holds already, but none between the two may be missing: then the
            // lake is an older one, or not ours.
            let (expected, follows) = match after {
                CommitNumber::ZERO => (lake.flushed_through.next(), Some(number) <= lake.flushed_through.next()),
                _ => (after.next(), Some(number) == after.next()),
            };
            if !follows {
                return Err(RecoverError::Hole { expected: expected.unwrap_or(after) });
            }
            after = number;
            let body = body?;
            state.apply_replayed(&body, sealed_through);
            // A row that the lake already holds stays out of the tail: the flush released nothing before it was killed.
            if number > lake.flushed_through {
                tail.push(TailCommit::new(body));
            }
        }
    }
    let behind_lake = lake.flushed_through > last;
    if (after != CommitNumber::ZERO && after != last) || behind_lake {
        return Err(RecoverError::Hole { expected: last.max(lake.flushed_through) });
    }
    let first_expected = lake.flushed_through.next().unwrap_or(last);
    if after == CommitNumber::ZERO && last > lake.flushed_through {
        return Err(RecoverError::Hole { expected: first_expected });
    }
    state.last = last;
    Ok((fence, state))
}

/// A row of the log, unpacked or damaged.
type Unpacked = (CommitNumber, Result<blob::Body, BlobError>);

/// Every row, in order. Unpacking takes longer than reading and applying, so it is done on other threads.
fn unpacked_rows(store: &dyn Store, shard: ShardId) -> impl Stream<Item = Result<Vec<Unpacked>, StoreError>> {
    let reads = stream::try_unfold(CommitNumber::ZERO, move |after| async move {
        let rows = store.commits_after(shard, after, ROWS_PER_READ).await?;
        let next = rows.last().map(|last| last.number);
        Ok(next.map(|next| (rows, next)))
    });
    let unpack_all = move |rows: Vec<StoredCommit>| async move {
        let unpacking = tokio::task::spawn_blocking(move || unpack(shard, rows)).await;
        let unpacked = unpacking.map_err(|panicked| StoreError::Unavailable(Box::new(panicked)))?;
        unpacked.map_err(|error| StoreError::Unavailable(Box::new(error)))
    };
    reads.map_ok(unpack_all).try_buffered(READS_MAX)
}

fn unpack(shard: ShardId, rows: Vec<StoredCommit>) -> std::io::Result<Vec<Unpacked>> {
    let mut decoder = Decoder::new()?;
    Ok(rows.into_iter().map(|row| (row.number, decoder.decode(shard, row.number, &row.blob))).collect())
}

/// Whether a commit whose outcome is not known was stored, and the fence to go on with.
pub(super) async fn settle(store: &dyn Store, state: &LogState, commit: &StoredCommit) -> Result<(Fence, bool), StoreError> {
    // A new epoch: should the lost write still be on its way, it will be refused when it arrives.
    let fence = store.claim_shard(state.shard).await?;
    let last = store.last_commit(state.shard).await?;
    if last == state.last {
        return Ok((fence, false));
    }
    let found = store.commits_after(state.shard, state.last, 1).await?;
    if found.first() == Some(commit) {
        return Ok((fence, true));
    }
    Err(StoreError::Damaged { what: format!("commit {}", commit.number) })
}

impl LogState {
    /// Like [`LogState::apply`], without inserting keys that a run already holds.
    fn apply_replayed(&mut self, body: &blob::Body, sealed_through: u64) {
        if body.number.get() > sealed_through {
            return self.apply(body);
        }
        let mut without_keys = body.clone();
        without_keys.records.iter_mut().for_each(blob::Record::forget_key);
        self.apply(&without_keys);
    }
}
