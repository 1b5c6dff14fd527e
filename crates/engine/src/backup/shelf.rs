//! Where backups are kept: a folder, or a bucket that speaks S3.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use super::content::Digest;
use super::error::ShelfError;
use super::manifest;
use super::scratch::Scratch;
use crate::lake::DurableFiles;

const BACKUPS: &str = "backups";
const FILES: &str = "files";

pub struct Shelf {
    store: Arc<dyn ObjectStore>,
    shown: String,
    /// Of a folder that is written: held to the end.
    lock: Option<(PathBuf, File)>,
}

impl Shelf {
    /// Only for reading: nothing is made.
    pub fn look(at: &str) -> Result<Self, ShelfError> {
        if let Some(shelf) = Self::bucket(at)? {
            return Ok(shelf);
        }
        let folder = FilePath::new(at).canonicalize().map_err(|source| ShelfError::Folder { path: at.into(), source })?;
        let store = inside(LocalFileSystem::new(), &folder)?;
        Ok(Self { store, shown: at.to_owned(), lock: None })
    }

    /// One at a time writes to a folder. Buckets have no locks; contents by their digest do not get into each other's way.
    pub fn open(at: &str) -> Result<Self, ShelfError> {
        if let Some(shelf) = Self::bucket(at)? {
            return Ok(shelf);
        }
        let path = PathBuf::from(at);
        let unusable = |source| ShelfError::Folder { path: path.clone(), source };
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
        builder.create(&path).map_err(unusable)?;
        let folder = path.canonicalize().map_err(unusable)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ShelfError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        Scratch::sweep(&folder).map_err(unusable)?;
        let files = DurableFiles::open(folder.clone()).map_err(unusable)?;
        let store = inside(files, &folder)?;
        Ok(Self { store, shown: at.to_owned(), lock: Some((folder, lock)) })
    }

    /// `None`: not the URL of a bucket.
    fn bucket(at: &str) -> Result<Option<Self>, ShelfError> {
        if !at.contains("://") {
            return Ok(None);
        }
        let wrong = || ShelfError::Url(at.split_once("://").map_or(at, |(scheme, _)| scheme).to_owned());
        let url = Url::parse(at).map_err(|_| wrong())?;
        let (Some(bucket), "s3") = (url.host_str(), url.scheme()) else { return Err(wrong()) };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        // Whoever names an endpoint without TLS means it: a server in the same house.
        let plain = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
            .iter()
            .any(|name| std::env::var(name).is_ok_and(|endpoint| endpoint.starts_with("http://")));
        if plain {
            builder = builder.with_allow_http(true);
        }
        let prefix = Path::from_url_path(url.path()).map_err(|_| wrong())?;
        let store = Arc::new(PrefixStore::new(builder.build()?, prefix));
        Ok(Some(Self { store, shown: at.to_owned(), lock: None }))
    }

    pub fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// For the copy of the database: not on the disk of the data when there is another.
    pub fn scratch(&self) -> Result<Scratch, ShelfError> {
        let parent = self.lock.as_ref().map_or_else(std::env::temp_dir, |(folder, _)| folder.clone());
        Scratch::inside(&parent).map_err(|source| ShelfError::Folder { path: parent, source })
    }

    /// Names of all backups, oldest first.
    pub async fn backups(&self) -> Result<Vec<String>, ShelfError> {
        let found: Vec<_> = self.store.list(Some(&Path::from(BACKUPS))).try_collect().await?;
        let mut names: Vec<String> =
            found.iter().filter_map(|meta| manifest::name_of(meta.location.filename()?).map(str::to_owned)).collect();
        names.sort_unstable();
        Ok(names)
    }

    pub async fn list_of(&self, name: &str) -> Result<Bytes, ShelfError> {
        Ok(self.store.get(&list_path(name)).await?.bytes().await?)
    }

    pub async fn put_list(&self, name: &str, text: Vec<u8>) -> Result<(), ShelfError> {
        self.store.put(&list_path(name), text.into()).await?;
        Ok(())
    }

    /// What is kept already, with its length.
    pub async fn kept(&self) -> Result<HashMap<Digest, u64>, ShelfError> {
        let found: Vec<_> = self.store.list(Some(&Path::from(FILES))).try_collect().await?;
        Ok(found.iter().filter_map(|meta| Some((Digest::of_path(&meta.location)?, meta.size))).collect())
    }
}

fn list_path(name: &str) -> Path {
    Path::from(format!("{BACKUPS}/{}", manifest::file_name(name)))
}

fn inside(files: impl ObjectStore, folder: &FilePath) -> Result<Arc<dyn ObjectStore>, ShelfError> {
    let folder = Path::from_absolute_path(folder).map_err(object_store::Error::from)?;
    Ok(Arc::new(PrefixStore::new(files, folder)))
}
