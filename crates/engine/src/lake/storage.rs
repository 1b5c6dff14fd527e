//! Where the lake is: from a URL to object stores. Local folders get [`DurableFiles`]; any other scheme must have a factory
//! in deltalake's registries, which is how `s3://` is added.

use std::sync::Arc;

use deltalake_core::logstore::{LogStoreRef, StorageConfig, logstore_with, object_store_factories};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use url::Url;

use super::LakeError;
use super::durable::DurableFiles;

/// The folder of export files.
pub const EXPORTS: &str = "exports";

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct LakeStorage {
    /// The root of the file system or bucket, not of the lake: Delta wants it so.
    root: Arc<dyn ObjectStore>,
    /// Ends in a slash.
    url: Url,
    /// The URL's path.
    folder: Path,
    /// Set for a local folder.
    files: Option<DurableFiles>,
}

impl LakeStorage {
    /// # Errors
    /// The URL has no folder, its scheme is unknown, or the folder cannot be used.
    pub fn open(url: &Url) -> Result<Self, LakeError> {
        if url.scheme() == "file" {
            let folder = url.to_file_path().map_err(|()| LakeError::damaged(format!("{url} is not a folder")))?;
            // The system's message names no folder, and an operator needs it.
            let files = DurableFiles::open(folder.clone())
                .map_err(|error| LakeError::unavailable(format!("{}: {error}", folder.display())))?;
            return Ok(Self { files: Some(files.clone()), ..Self::on(Arc::new(files), url)? });
        }
        let unknown = || LakeError::damaged(format!("lakes at {}:// are not supported", url.scheme()));
        let scheme = Url::parse(&format!("{}://", url.scheme())).map_err(|_| unknown())?;
        let factories = object_store_factories();
        let factory = factories.get(&scheme).ok_or_else(unknown)?;
        let (root, _) = factory.parse_url_opts(url, &StorageConfig::default())?;
        Self::on(root, url)
    }

    /// The same only to look, also beside a running server: no folder is made and nothing is swept.
    ///
    /// # Errors
    /// As [`LakeStorage::open`]; a folder that is not there.
    pub fn look(url: &Url) -> Result<Self, LakeError> {
        if url.scheme() != "file" {
            return Self::open(url);
        }
        let folder = url.to_file_path().map_err(|()| LakeError::damaged(format!("{url} is not a folder")))?;
        if !folder.is_dir() {
            return Err(LakeError::damaged(format!("{} is not there", folder.display())));
        }
        Self::on(Arc::new(LocalFileSystem::new()), url)
    }

    /// The same on a given store, whose root is the root of the URL's path.
    ///
    /// # Errors
    /// The URL's path is none of an object store.
    pub fn on(root: Arc<dyn ObjectStore>, url: &Url) -> Result<Self, LakeError> {
        let mut url = url.clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let folder = Path::from_url_path(url.path()).map_err(LakeError::damaged)?;
        Ok(Self { root, url, folder, files: None })
    }

    /// Every table is there: from now on a missing one means that the lake is gone.
    pub fn complete(&self) -> Result<(), LakeError> {
        let (Some(files), Some(folder)) = (&self.files, self.local_folder()) else { return Ok(()) };
        match std::fs::create_dir_all(folder.join(EXPORTS)) {
            // A lake that cannot be written can be read.
            Err(error) if error.kind() != std::io::ErrorKind::ReadOnlyFilesystem => Err(error.into()),
            _ => {
                files.complete();
                Ok(())
            }
        }
    }

    pub fn local_folder(&self) -> Option<std::path::PathBuf> {
        (self.url.scheme() == "file").then(|| self.url.to_file_path().ok()).flatten()
    }

    pub fn log(&self, table: &str) -> Result<LogStoreRef, LakeError> {
        let url = self.url.join(&format!("{table}/")).map_err(LakeError::damaged)?;
        Ok(logstore_with(Arc::clone(&self.root), &url, StorageConfig::default())?)
    }

    pub fn exports(&self) -> Arc<dyn ObjectStore> {
        self.inside(EXPORTS)
    }

    pub fn inside(&self, name: &str) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(Arc::clone(&self.root), self.folder.clone().join(name)))
    }
}
