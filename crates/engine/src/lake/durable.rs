//! A local folder as an object store that keeps what it has acknowledged through a power cut.
//!
//! `LocalFileSystem` of object_store 0.13 never calls fsync: a file that it has put may be empty or missing after a crash,
//! and a log entry of the lake may be there while its data file is not. Here every write takes five steps:
//!
//! 1. the bytes go to a staged file in the same folder, whose name begins with [`STAGED`];
//! 2. the staged file is synced;
//! 3. it gets its name, in one step, by a hard link (create) or a rename (overwrite);
//! 4. its folder and the folders above it, up to the lake, are synced;
//! 5. only then the caller hears of success.
//!
//! So a name never stands for half a file. Staged files of a dead process are swept when the lake is opened.
//! Deletions are not synced: a file that comes back after a power cut is deleted again by whoever wanted it gone.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, RenameTargetMode, Result, UploadPart,
};

use crate::crash_point;

/// Readers of Delta tables skip names that begin with an underscore.
pub(super) const STAGED: &str = "_staged_";
const STORE: &str = "durable local files";

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct DurableFiles {
    files: Arc<LocalFileSystem>,
    /// Folders are synced up to this one.
    base: Arc<PathBuf>,
    /// Whether the folders directly below `base` are made: from then on a missing one means that the disk is gone.
    complete: Arc<AtomicBool>,
}

impl fmt::Display for DurableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{STORE} in {}", self.base.display())
    }
}

impl DurableFiles {
    /// Paths are absolute; only those below `base` should be written. Creates `base`, and removes what dead writers left in
    /// it: nobody else may be writing.
    ///
    /// # Errors
    /// The folder cannot be created, read or synced.
    pub fn open(base: PathBuf) -> io::Result<Self> {
        let missing: Vec<_> = base.ancestors().take_while(|folder| !folder.exists()).map(FilePath::to_owned).collect();
        std::fs::create_dir_all(&base)?;
        for parent in missing.iter().filter_map(|folder| folder.parent()) {
            sync(parent)?;
        }
        sweep(&base)?;
        Ok(Self { files: Arc::new(LocalFileSystem::new()), base: Arc::new(base), complete: Arc::default() })
    }

    /// Call it when every folder directly below the lake's is made. What goes into another one, or is not found in it, is an error that
    /// passes by itself: an unmounted disk leaves an empty folder behind, and what is written there is lost when the disk is back.
    pub fn complete(&self) {
        self.complete.store(true, Ordering::Relaxed);
    }

    async fn check_there(&self, location: &Path) -> Result<()> {
        if !self.complete.load(Ordering::Relaxed) {
            return Ok(());
        }
        let file = self.files.path_to_filesystem(location)?;
        let inside = file.strip_prefix(&*self.base).ok().and_then(|inside| inside.components().next());
        let Some(folder) = inside.map(|first| self.base.join(first)) else { return Ok(()) };
        blocking(move || match std::fs::metadata(&folder) {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(io::Error::new(error.kind(), format!("{} is gone: is its disk mounted? ({error})", folder.display())))
            }
        })
        .await
    }

    /// The same answer, unless something was not found because all of it is gone.
    async fn or_gone<T>(&self, location: &Path, answer: Result<T>) -> Result<T> {
        if matches!(answer, Err(Error::NotFound { .. })) {
            self.check_there(location).await?;
        }
        answer
    }

    /// A fresh name in the folder of `location`.
    fn staged(location: &Path) -> Result<Path> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| failed(io::Error::other(error)))?;
        let mut parts: Vec<_> = location.parts().collect();
        parts.pop();
        Ok(parts.into_iter().chain([format!("{STAGED}{}", hex::encode(random)).into()]).collect())
    }

    /// Steps 2 to 4.
    async fn publish(&self, staged: &Path, location: &Path, mode: RenameTargetMode) -> Result<()> {
        let file = self.files.path_to_filesystem(staged)?;
        blocking(move || sync(&file)).await?;
        crash_point::pass("lake.staged");
        self.files.rename_opts(staged, location, RenameOptions::new().with_target_mode(mode)).await?;
        crash_point::pass("lake.named");
        self.sync_folders(location).await?;
        crash_point::pass("lake.put");
        Ok(())
    }

    async fn sync_folders(&self, location: &Path) -> Result<()> {
        let file = self.files.path_to_filesystem(location)?;
        let base = Arc::clone(&self.base);
        let sync_all = move || file.ancestors().skip(1).take_while(|folder| folder.starts_with(&*base)).try_for_each(sync);
        blocking(sync_all).await
    }
}

fn sync(path: &FilePath) -> io::Result<()> {
    // Other systems cannot open a folder, and make names durable by themselves.
    if cfg!(unix) || path.is_file() { std::fs::File::open(path)?.sync_all() } else { Ok(()) }
}

fn sweep(folder: &FilePath) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        // Not ours: the `lost+found` of a disk.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sweep(&entry.path())?;
        } else if entry.file_name().to_string_lossy().starts_with(STAGED) {
            match std::fs::remove_file(entry.path()) {
                // A lake that cannot be written can be read.
                Err(error) if !cannot_be_written(&error) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn cannot_be_written(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|done| done).map_err(failed)
}

fn failed(error: io::Error) -> Error {
    Error::Generic { store: STORE, source: Box::new(error) }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for DurableFiles {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let mode = match opts.mode {
            PutMode::Create => RenameTargetMode::Create,
            PutMode::Overwrite => RenameTargetMode::Overwrite,
            // Refused by the files below, with their own message.
            PutMode::Update(_) => return self.files.put_opts(location, payload, opts).await,
        };
        self.check_there(location).await?;
        let staged = Self::staged(location)?;
        let put = self.files.put_opts(&staged, payload, PutOptions { mode: PutMode::Overwrite, ..opts }).await?;
        match self.publish(&staged, location, mode).await {
            Ok(()) => Ok(put),
            Err(error) => {
                // Gone already when the failure came after its renaming.
                let _ = self.files.delete(&staged).await;
                Err(error)
            }
        }
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.check_there(location).await?;
        let staged = Self::staged(location)?;
        let parts = self.files.put_multipart_opts(&staged, opts).await?;
        Ok(Box::new(DurableUpload { store: self.clone(), parts, staged, location: location.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let answer = self.files.get_opts(location, options).await;
        self.or_gone(location, answer).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let answer = self.files.get_ranges(location, ranges).await;
        self.or_gone(location, answer).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let locations = locations.inspect(|_| crash_point::pass("lake.deleting")).boxed();
        self.files.delete_stream(locations).inspect(|_| crash_point::pass("lake.deleted")).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await?;
        self.sync_folders(to).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.files.rename_opts(from, to, options).await?;
        self.sync_folders(to).await
    }
}

/// Parts go to a staged file, which gets its name when it is complete. Dropped before that, it leaves nothing.
#[derive(Debug)]
struct DurableUpload {
    store: DurableFiles,
    parts: Box<dyn MultipartUpload>,
    staged: Path,
    location: Path,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let put = self.parts.complete().await?;
        match self.store.publish(&self.staged, &self.location, RenameTargetMode::Overwrite).await {
            Ok(()) => Ok(put),
            Err(error) => {
                let _ = self.store.files.delete(&self.staged).await;
                Err(error)
            }
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.abort().await
    }
}

#[cfg(test)]
#[path = "durable_tests.rs"]
mod tests;
