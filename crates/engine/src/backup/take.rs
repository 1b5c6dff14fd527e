//! Takes a backup. See the steps in the module above.

use std::collections::{HashMap, HashSet};
use std::path::Path as FilePath;

use annals_core::ids::CommitNumber;

use super::content::{self, Digest, Pieces};
use super::error::{BackupError, ShelfError};
use super::manifest::{Entry, FORMAT, Manifest};
use super::runs::Runs;
use super::shelf::Shelf;
use super::tables::{self, LakeFile};
use super::{Watch, apart};
use crate::clock::Clock;
use crate::lake::LakeView;
use crate::place::Place;
use crate::store;

/// How often it begins again when files go away while they are copied.
const ATTEMPTS_MAX: u32 = 10;

/// A finished backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub name: String,
    /// What was recorded up to this commit is in it.
    pub last_commit: CommitNumber,
    pub files: u64,
    pub bytes: u64,
    /// Bytes that were not there from earlier backups.
    pub new_bytes: u64,
}

/// Copies an installation, also a running one, to a folder or to `s3://bucket/prefix`.
///
/// # Errors
/// There is no new backup; those that were there still are.
pub async fn take(place: &Place, to: &str, clock: &dyn Clock, watch: &dyn Watch) -> Result<Taken, BackupError> {
    apart::check(place, to)?;
    let shelf = Shelf::open(to)?;
    let (kept, known) = (shelf.kept().await?, known_files(&shelf).await?);
    let mut copying = Copying { kept, known, missing: HashSet::new(), shelf: &shelf, watch, new_bytes: 0 };
    for _ in 0..ATTEMPTS_MAX {
        match copying.attempt(place, clock).await {
            Err(Stopped::Moved) => {}
            Err(Stopped::Failed(error)) => return Err(error),
            Ok(taken) => return Ok(taken),
        }
    }
    Err(BackupError::KeptChanging)
}

/// Files whose names are never used again, with what is known of them from earlier backups.
async fn known_files(shelf: &Shelf) -> Result<HashMap<String, Entry>, ShelfError> {
    let Some(newest) = shelf.backups().await?.pop() else { return Ok(HashMap::new()) };
    // A list that cannot be read saves no work, and does no harm.
    let Ok(manifest) = Manifest::read(&newest, &shelf.list_of(&newest).await?) else { return Ok(HashMap::new()) };
    Ok(manifest.files.into_iter().map(|entry| (entry.path.clone(), entry)).collect())
}

enum Stopped {
    /// A file went away: begin again.
    Moved,
    Failed(BackupError),
}

impl<E: Into<BackupError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

struct Copying<'s> {
    shelf: &'s Shelf,
    watch: &'s dyn Watch,
    kept: HashMap<Digest, u64>,
    known: HashMap<String, Entry>,
    /// Data files that a table named and that were not there.
    missing: HashSet<String>,
    new_bytes: u64,
}

impl Copying<'_> {
    async fn attempt(&mut self, place: &Place, clock: &dyn Clock) -> Result<Taken, Stopped> {
        let taken_at = clock.now();
        // Step 1.
        let mut runs = Runs::open(&place.keys())?;
        // Step 2.
        let scratch = self.shelf.scratch()?;
        let database = scratch.folder().join("annals.db");
        self.watch.begin("the database", 0);
        store::copy(&place.database(), &database).await.map_err(BackupError::from)?;
        let mut copy = store::look(&format!("sqlite:{}", database.display())).await.map_err(BackupError::from)?;
        let shard = copy.shard().await?.ok_or(BackupError::Nothing)?;
        let shards = copy.shards().await?;
        let last_commit = shards.iter().find(|row| row.shard == shard).map_or(CommitNumber::ZERO, |row| row.last);
        let ready = copy.ready_exports().await?;
        let database_version = copy.version;
        copy.close().await;
        // Step 3.
        runs.add_through(last_commit)?.map_err(|_| Stopped::Moved)?;
        // Steps 4 and 5.
        let view = LakeView::open(&place.lake().map_err(BackupError::from)?)?;
        let mut lake = tables::files(&view, shard, last_commit).await?;
        lake.extend(tables::exports(&view, &ready).await?);
        self.watch.begin("the lake", lake.iter().map(|file| file.bytes).sum());
        let mut files = Vec::with_capacity(lake.len() + 2);
        for file in lake {
            files.push(self.lake_file(file).await?);
        }
        let runs = runs.into_open();
        self.watch.begin("idempotency keys", runs.iter().map(|run| run.bytes).sum());
        for run in runs {
            let path = FilePath::new(&run.name).to_owned();
            let pieces = || content::of_file(&run.file).map_err(|source| BackupError::File { path: path.clone(), source });
            files.push(self.file(format!("keys/{}", run.name), pieces()?, pieces()?).await?);
        }
        let unreadable = |source| BackupError::File { path: database.clone(), source };
        let copy = std::fs::File::open(&database).map_err(unreadable)?;
        self.watch.begin("the database", copy.metadata().map_err(unreadable)?.len());
        let pieces = || content::of_file(&copy).map_err(unreadable);
        files.push(self.file("annals.db".to_owned(), pieces()?, pieces()?).await?);
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let manifest = Manifest {
            format: FORMAT,
            annals: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at: taken_at.wire(),
            shard,
            last_commit,
            database_version,
            files,
        };
        let text = manifest.text();
        let name = manifest.name(&text, taken_at);
        // From here on it is one.
        self.shelf.put_list(&name, text).await?;
        let (files, bytes) = (manifest.files.len() as u64, manifest.files.iter().map(|entry| entry.bytes).sum());
        Ok(Taken { name, last_commit, files, bytes, new_bytes: self.new_bytes })
    }

    async fn lake_file(&mut self, file: LakeFile) -> Result<Entry, Stopped> {
        let path = format!("lake/{}", file.path);
        if let Some(entry) = self.known.get(&path)
            && file.is_forever
            && entry.bytes == file.bytes
            && self.kept.get(&entry.sha256) == Some(&entry.bytes)
        {
            self.watch.advance(file.bytes);
            return Ok(entry.clone());
        }
        let pieces = || content::of_object(file.store.as_ref(), &file.location);
        let (measured, copied) = match futures::try_join!(pieces(), pieces()) {
            Ok(pieces) => pieces,
            // A table that was looked at anew does not name what was taken away before.
            Err(error @ object_store::Error::NotFound { .. }) => {
                let is_first = !file.is_forever || self.missing.insert(path);
                return Err(if is_first { Stopped::Moved } else { Stopped::Failed(BackupError::Lake(error.into())) });
            }
            Err(error) => return Err(Stopped::Failed(BackupError::Lake(error.into()))),
        };
        let entry = self.file(path, measured, copied).await?;
        if file.is_forever {
            self.known.insert(entry.path.clone(), entry.clone());
        }
        Ok(entry)
    }

    /// The bytes are read once for their digest, and once more when they are not kept already.
    async fn file(&mut self, path: String, measured: Pieces, copied: Pieces) -> Result<Entry, Stopped> {
        let (bytes, sha256) = content::measure(measured, self.watch).await.map_err(ShelfError::from)?;
        if self.kept.get(&sha256) != Some(&bytes) {
            if !content::keep(self.shelf.store(), bytes, &sha256, copied).await.map_err(ShelfError::from)? {
                return Err(Stopped::Moved);
            }
            self.kept.insert(sha256.clone(), bytes);
            self.new_bytes += bytes;
        }
        Ok(Entry { path, bytes, sha256 })
    }
}
