//! Brings up an installation out of a backup.
//!
//! 1. The folder is locked, so no server starts there meanwhile, and it must be empty.
//! 2. Everything is fetched into `restoring/` inside it, and each file must have its digest. A server refuses a folder that has this one.
//! 3. The files are durable, then they move to their places. `restoring/` goes last: killed anywhere, the folder is refused, and a
//!    restore into it begins anew.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use annals_core::ids::CommitNumber;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use sha2::{Digest as _, Sha256};

use super::Watch;
use super::content::Digest;
use super::error::{RestoreError, ShelfError};
use super::manifest::{Entry, FORMAT, Manifest, Unreadable};
use super::shelf::Shelf;
use crate::data_folder::{DataFolder, LOCK, RESTORING};

/// What was brought up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub name: String,
    pub taken_at: String,
    pub last_commit: CommitNumber,
    pub files: u64,
    pub bytes: u64,
}

/// Restores a backup, the newest when none is named, into an empty folder.
///
/// # Errors
/// The folder is as it was.
pub async fn restore(from: &str, name: Option<&str>, data: &Path, watch: &dyn Watch) -> Result<Restored, RestoreError> {
    let shelf = Shelf::look(from)?;
    let name = chosen(&shelf, name).await?;
    let manifest = Manifest::read(&name, &shelf.list_of(&name).await?).map_err(|unreadable| match unreadable {
        Unreadable::Newer(found) => RestoreError::Newer { name: name.clone(), found, known: FORMAT },
        Unreadable::Damaged(what) => RestoreError::Damaged { name: name.clone(), what },
    })?;
    let target = Target::prepare(data)?;
    watch.begin("files", manifest.files.iter().map(|entry| entry.bytes).sum());
    for entry in &manifest.files {
        fetch(&shelf, &name, entry, &target.staged.join(&entry.path), watch).await?;
    }
    let bytes = manifest.files.iter().map(|entry| entry.bytes).sum();
    tokio::task::spawn_blocking(move || target.finish()).await??;
    let files = manifest.files.len() as u64;
    Ok(Restored { name, taken_at: manifest.taken_at, last_commit: manifest.last_commit, files, bytes })
}

async fn chosen(shelf: &Shelf, name: Option<&str>) -> Result<String, RestoreError> {
    let mut names = shelf.backups().await?;
    match name {
        None => names.pop().ok_or_else(|| RestoreError::NoBackup(shelf.shown().to_owned())),
        Some(name) => names
            .into_iter()
            .find(|found| found == name)
            .ok_or_else(|| RestoreError::NotFound { shelf: shelf.shown().to_owned(), name: name.to_owned() }),
    }
}

/// Step 2 for one file.
async fn fetch(shelf: &Shelf, name: &str, entry: &Entry, to: &Path, watch: &dyn Watch) -> Result<(), RestoreError> {
    let damaged = |what: &str| RestoreError::Damaged { name: name.to_owned(), what: format!("its file {} {what}", entry.path) };
    let unwritable = |source| RestoreError::File { path: to.to_owned(), source };
    let mut pieces = match shelf.store().get(&entry.sha256.path()).await {
        Err(object_store::Error::NotFound { .. }) => return Err(damaged("is missing")),
        found => found.map_err(ShelfError::from)?.into_stream(),
    };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
    let mut file = options.open(to).map_err(unwritable)?;
    let mut hash = Sha256::new();
    while let Some(piece) = pieces.try_next().await.map_err(ShelfError::from)? {
        hash.update(&piece);
        watch.advance(piece.len() as u64);
        file = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file)).await?.map_err(unwritable)?;
    }
    if Digest::end(hash) != entry.sha256 {
        return Err(damaged("is not what was copied"));
    }
    tokio::task::spawn_blocking(move || file.sync_all()).await?.map_err(unwritable)
}

/// A folder in which nothing is but a restore. Unless it is finished, it is left as it was found.
struct Target {
    folder: Option<DataFolder>,
    path: PathBuf,
    staged: PathBuf,
    was_there: bool,
}

impl Target {
    /// Step 1.
    fn prepare(data: &Path) -> Result<Self, RestoreError> {
        let unwritable = |source| RestoreError::File { path: data.to_owned(), source };
        let not_empty = || RestoreError::NotEmpty { path: data.to_owned() };
        let was_there = data.exists();
        // No process of ours works in a folder without a lock, and a folder of something else must get none.
        if was_there && !data.join(LOCK).exists() && !is_empty(data).map_err(unwritable)? {
            return Err(not_empty());
        }
        let folder = DataFolder::lock_to_restore(data)?;
        let path = folder.path().to_owned();
        // Before the lock, a server that was just starting could have put something there after the look.
        if !is_empty(&path).map_err(unwritable)? {
            return Err(not_empty());
        }
        clear(&path).map_err(unwritable)?;
        let staged = path.join(RESTORING);
        fs::create_dir(&staged).map_err(unwritable)?;
        sync(&path).map_err(unwritable)?;
        Ok(Self { folder: Some(folder), path, staged, was_there })
    }

    /// Step 3.
    fn finish(mut self) -> Result<(), RestoreError> {
        let unwritable = |source| RestoreError::File { path: self.path.clone(), source };
        sync_all(&self.staged).map_err(unwritable)?;
        for entry in fs::read_dir(&self.staged).map_err(unwritable)? {
            let entry = entry.map_err(unwritable)?;
            fs::rename(entry.path(), self.path.join(entry.file_name())).map_err(unwritable)?;
        }
        sync(&self.path).map_err(unwritable)?;
        fs::remove_dir(&self.staged).map_err(unwritable)?;
        sync(&self.path).map_err(unwritable)?;
        self.folder = None;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.folder.is_some() {
            // What cannot be removed is refused by a server, and cleared by the next restore.
            let _ = clear(&self.path);
            if !self.was_there {
                let _ = fs::remove_file(self.path.join(LOCK)).and_then(|()| fs::remove_dir(&self.path));
            }
        }
    }
}

/// What a restore makes, and leaves when it is killed: nothing else is ever deleted.
const OWN: [&str; 4] = ["annals.db", "keys", "lake", RESTORING];

/// Whether nothing is there, or only what a restore has left that was killed.
fn is_empty(folder: &Path) -> io::Result<bool> {
    let was_killed = folder.join(RESTORING).is_dir();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let is_own = was_killed && OWN.iter().any(|own| name == *own);
        if name != LOCK && !is_own {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `restoring` goes last: until then it says whose the rest is.
fn clear(folder: &Path) -> io::Result<()> {
    for path in OWN.iter().map(|name| folder.join(name)) {
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The folders: their files are synced one by one.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        }
    }
    sync(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
