//! A store whose next write of a certain file fails, in one of two ways.
//!
//! Fault model: one put, the completion of one upload, or one deletion fails, either before anything was done or after everything was,
//! with the answer lost. Reads, listings and other writes work. What was stored stays.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    NotStored,
    StoredButUnanswered,
}

/// The next put of a path that ends so.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub path_end: &'static str,
    pub when: When,
}

/// A fault, and how many writes of such paths go well before it.
type Armed = Arc<Mutex<Option<(Fault, usize)>>>;

#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    fault: Armed,
}

/// An upload whose completion may be the fault's.
#[derive(Debug)]
struct FaultyUpload {
    parts: Box<dyn MultipartUpload>,
    location: Path,
    fault: Armed,
}

fn strike(armed: &Armed, location: &Path) -> Option<When> {
    let mut armed = armed.lock().unwrap_or_else(PoisonError::into_inner);
    let (fault, before) = armed.as_mut().filter(|(fault, _)| location.as_ref().ends_with(fault.path_end))?;
    if let Some(left) = before.checked_sub(1) {
        *before = left;
        return None;
    }
    let when = fault.when;
    *armed = None;
    Some(when)
}

fn lost() -> Error {
    Error::Generic { store: "faulty", source: "the storage went away".into() }
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, fault: Arc::default() }
    }

    pub fn fail(&self, fault: Fault) {
        self.fail_after(0, fault);
    }

    /// So many writes of such paths go well before.
    pub fn fail_after(&self, before: usize, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((fault, before));
    }

    /// Whether the fault has struck.
    pub fn struck(&self) -> bool {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        match strike(&self.fault, location) {
            None => self.inner.put_opts(location, payload, opts).await,
            Some(When::NotStored) => Err(lost()),
            Some(When::StoredButUnanswered) => {
                self.inner.put_opts(location, payload, opts).await?;
                Err(lost())
            }
        }
    }
    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let parts = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(FaultyUpload { parts, location: location.clone(), fault: Arc::clone(&self.fault) }))
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, fault) = (Arc::clone(&self.inner), Arc::clone(&self.fault));
        let delete = move |location: Result<Path>| {
            let (inner, fault) = (Arc::clone(&inner), Arc::clone(&fault));
            async move {
                let location = location?;
                let struck = strike(&fault, &location);
                if struck != Some(When::NotStored) {
                    inner.delete(&location).await?;
                }
                if struck.is_some() { Err(lost()) } else { Ok(location) }
            }
        };
        locations.then(delete).boxed()
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }
    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.put_part(data)
    }
    async fn complete(&mut self) -> Result<PutResult> {
        match strike(&self.fault, &self.location) {
            None => self.parts.complete().await,
            Some(When::NotStored) => Err(lost()),
            Some(When::StoredButUnanswered) => {
                self.parts.complete().await?;
                Err(lost())
            }
        }
    }
    async fn abort(&mut self) -> Result<()> {
        self.parts.abort().await
    }
}
