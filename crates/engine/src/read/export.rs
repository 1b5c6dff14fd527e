//! Files of exports on the lake's storage, under `exports/`.
//!
//! A file appears under its name only when it is complete. Written parts of an attempt that failed or was dropped are removed
//! from a local lake; a bucket needs a lifecycle rule for incomplete uploads, because nobody can be told by a dead process.

use std::sync::Arc;

use annals_core::ids::ExportId;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio_util::task::AbortOnDropHandle;

use super::{Batches, ReadError, csv};
use crate::lake::Lake;

/// The least that S3 takes is 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts on their way at the same time: with the one being filled, all the memory that a file takes.
const PARTS_IN_FLIGHT_MAX: usize = 1;
/// Batches of rows that become text at the same time, a few megabytes each.
const BATCHES_IN_FLIGHT_MAX: usize = 2;

#[derive(Debug, thiserror::Error)]
pub enum ExportFileError {
    #[error("the file is not there")]
    NotFound,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the export storage does not answer: {0}")]
    Storage(#[source] object_store::Error),
}

impl From<object_store::Error> for ExportFileError {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) { Self::NotFound } else { Self::Storage(error) }
    }
}

/// A finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportedFile {
    /// Without the header.
    pub rows: u64,
    pub bytes: u64,
}

/// A file on its way to a reader.
pub struct OpenedExport {
    pub size: u64,
    pub bytes: BoxStream<'static, object_store::Result<Bytes>>,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct ExportFiles {
    store: Arc<dyn ObjectStore>,
}

impl ExportFiles {
    #[must_use]
    pub fn new(lake: &Lake) -> Self {
        Self { store: lake.storage().exports() }
    }

    /// Writes a file whose size no memory bounds. Replaces an older one of the same name. Dropping the future cancels it.
    ///
    /// # Errors
    /// No file was made, unless the storage lost the answer.
    pub async fn write(&self, id: ExportId, batches: Batches) -> Result<ExportedFile, ExportFileError> {
        let upload = self.store.put_multipart(&path(id)).await?;
        let mut file = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        match fill(&mut file, batches).await {
            Ok(exported) => {
                file.finish().await?;
                Ok(exported)
            }
            Err(error) => {
                // The first error says more than one of cleaning up.
                let _ = file.abort().await;
                Err(error)
            }
        }
    }

    /// # Errors
    /// `NotFound`, or the storage does not answer.
    pub async fn open(&self, id: ExportId) -> Result<OpenedExport, ExportFileError> {
        let file = self.store.get(&path(id)).await?;
        Ok(OpenedExport { size: file.meta.size, bytes: file.into_stream() })
    }

    /// # Errors
    /// The storage does not answer. A file that is not there is deleted.
    pub async fn delete(&self, id: ExportId) -> Result<(), ExportFileError> {
        match self.store.delete(&path(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn path(id: ExportId) -> Path {
    Path::from(format!("{id}.csv"))
}

async fn fill(file: &mut WriteMultipart, batches: Batches) -> Result<ExportedFile, ExportFileError> {
    let header = csv::header();
    let mut exported = ExportedFile { rows: 0, bytes: header.len() as u64 };
    file.put(header);
    // While rows are made into text on another thread, the next ones are decoded. It is one of the few that read, because what each
    // thread frees stays with it for a while.
    let texts = batches.map(|batch| async {
        let batch = batch?;
        let rows = batch.num_rows() as u64;
        let text = AbortOnDropHandle::new(tokio::spawn(async move { csv::rows(&batch) })).await.map_err(ReadError::from)??;
        Ok::<_, ReadError>((rows, text))
    });
    let mut texts = texts.buffered(BATCHES_IN_FLIGHT_MAX);
    while let Some(text) = texts.next().await {
        let (rows, text) = text?;
        exported.rows += rows;
        exported.bytes += text.len() as u64;
        file.wait_for_capacity(PARTS_IN_FLIGHT_MAX).await?;
        file.put(text);
    }
    Ok(exported)
}
