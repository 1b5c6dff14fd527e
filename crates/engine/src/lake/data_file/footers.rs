//! What is kept in memory of data files: directories, footers with the checksums, and rows that were read a moment ago. Loaded when
//! they are first needed, least recently used first to go.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use bytes::Bytes;
use moka::future::Cache;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};

use super::checksums::Checksums;
use super::directory::Directory;
use super::parts::Parts;
use super::reader::DataFileReader;
use crate::lake::snapshot::LakeFile;
use crate::lake::{LakeError, Row};

/// Footers with their page indexes are larger in memory than in the file.
const FOOTERS_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// Ten thousand owners in a file take 200 KB.
const DIRECTORIES_BYTES_MAX: u64 = 48 * 1024 * 1024;
/// A page of fifty events takes 50 KB, a column of sixteen thousand ids half a megabyte.
const ROWS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Rows that nobody asks for do not stay, also for the sake of those that were erased from the lake since.
const ROWS_IDLE_MAX: Duration = Duration::from_secs(5 * 60);
/// Of a file without parts, whose footer may begin anywhere: one read instead of three for most files.
const FOOTER_BYTES_GUESSED: u64 = 128 * 1024;

/// One for all tables: names of files never repeat. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Footers {
    footers: Cache<Path, Arc<Footer>>,
    directories: Cache<Path, Arc<Directory>>,
    pub(super) rows: Cache<Wanted, RecordBatch>,
}

/// Rows of a file, and the columns of them. Files never change, so what was read stays true.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub path: Path,
    pub rows: Box<[Range<u32>]>,
    pub columns: Box<[String]>,
}

/// All that is needed to read rows of a file.
#[derive(Debug)]
pub struct Footer {
    pub arrow: ArrowReaderMetadata,
    /// `None` of an older file.
    pub checksums: Option<Checksums>,
}

impl Footer {
    pub fn parquet(&self) -> &Arc<ParquetMetaData> {
        self.arrow.metadata()
    }
}

impl Default for Footers {
    fn default() -> Self {
        let weight = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let of_footer = move |path: &Path, footer: &Arc<Footer>| {
            let checksums = footer.checksums.as_ref().map_or(0, Checksums::memory_bytes);
            weight(path.as_ref().len() + footer.parquet().memory_size() + checksums)
        };
        let of_directory = move |path: &Path, directory: &Arc<Directory>| weight(path.as_ref().len() + directory.memory_bytes());
        let of_rows = move |_: &Wanted, rows: &RecordBatch| weight(rows.get_array_memory_size());
        Self {
            footers: Cache::builder().max_capacity(FOOTERS_BYTES_MAX).weigher(of_footer).build(),
            directories: Cache::builder().max_capacity(DIRECTORIES_BYTES_MAX).weigher(of_directory).build(),
            rows: Cache::builder().max_capacity(ROWS_BYTES_MAX).weigher(of_rows).time_to_idle(ROWS_IDLE_MAX).build(),
        }
    }
}

/// One data file, as Delta's log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    pub path: Path,
    pub bytes: u64,
    pub parts: Option<Parts>,
}

impl<R: Row> From<&LakeFile<R>> for DataFile {
    fn from(file: &LakeFile<R>) -> Self {
        Self { path: file.path.as_str().into(), bytes: file.bytes, parts: file.parts }
    }
}

/// Reads data files of one table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DataFiles {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) footers: Footers,
}

impl DataFiles {
    pub fn new(store: Arc<dyn ObjectStore>, footers: Footers) -> Self {
        Self { store, footers }
    }

    pub fn reader(&self, file: impl Into<DataFile>) -> DataFileReader {
        DataFileReader::new(self.clone(), file.into())
    }

    /// Whose rows lie where. `None` of an older file, which does not say.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub async fn directory<R: Row>(&self, file: &LakeFile<R>) -> Result<Option<Arc<Directory>>, LakeError> {
        let Some(parts) = file.parts else { return Ok(None) };
        let path = Path::from(file.path.as_str());
        if let Some(directory) = self.footers.directories.get(&path).await {
            return Ok(Some(directory));
        }
        let place = DataFile::from(file);
        let bytes = self.range(&place, parts.directory()).await?;
        place.check("directory", &bytes, parts.directory_crc)?;
        let directory = Directory::decode(&bytes, file.stats.rows).ok_or_else(|| place.damaged("its directory is not one"))?;
        let directory = Arc::new(directory);
        self.footers.directories.insert(path, Arc::clone(&directory)).await;
        Ok(Some(directory))
    }

    /// # Errors
    /// It cannot be read, or is not what was written.
    pub async fn footer(&self, file: &DataFile) -> Result<Arc<Footer>, LakeError> {
        if let Some(footer) = self.footers.footers.get(&file.path).await {
            return Ok(footer);
        }
        let footer = match file.parts {
            Some(parts) => self.load(file, parts).await?,
            None => {
                let end = self.range(file, file.bytes.saturating_sub(FOOTER_BYTES_GUESSED)..file.bytes).await?;
                Footer { arrow: self.decode(file, end).await?, checksums: None }
            }
        };
        let footer = Arc::new(footer);
        self.footers.footers.insert(file.path.clone(), Arc::clone(&footer)).await;
        Ok(footer)
    }

    async fn load(&self, file: &DataFile, parts: Parts) -> Result<Footer, LakeError> {
        let mut footer = self.range(file, parts.checksums_at..file.bytes).await?;
        let length = usize::try_from(parts.footer_at - parts.checksums_at).map_err(LakeError::damaged)?;
        let checksums = footer.split_to(length);
        file.check("checksums", &checksums, parts.checksums_crc)?;
        file.check("footer", &footer, parts.footer_crc)?;
        let checksums = Checksums::decode(&checksums, parts.directory_at);
        let checksums = checksums.ok_or_else(|| file.damaged("its checksums are not those of its row groups"))?;
        Ok(Footer { arrow: self.decode(file, footer).await?, checksums: Some(checksums) })
    }

    /// `end` is the end of the file, or more of it.
    async fn decode(&self, file: &DataFile, end: Bytes) -> Result<ArrowReaderMetadata, LakeError> {
        let damaged = |error| file.damaged(error);
        let decoder = ParquetMetaDataPushDecoder::try_new(file.bytes).map_err(damaged)?;
        let mut decoder = decoder.with_page_index_policy(PageIndexPolicy::Optional);
        decoder.push_range(file.bytes - end.len() as u64..file.bytes, end).map_err(damaged)?;
        loop {
            let needed = match decoder.try_decode().map_err(damaged)? {
                DecodeResult::Data(parquet) => {
                    return ArrowReaderMetadata::try_new(Arc::new(parquet), ArrowReaderOptions::new()).map_err(damaged);
                }
                DecodeResult::NeedsData(needed) => needed,
                DecodeResult::Finished => return Err(file.damaged("its footer ends too early")),
            };
            let bytes = self.ranges(file, &needed).await?;
            decoder.push_ranges(needed, bytes).map_err(damaged)?;
        }
    }

    async fn range(&self, file: &DataFile, range: Range<u64>) -> Result<Bytes, LakeError> {
        let bytes = self.ranges(file, std::slice::from_ref(&range)).await?.pop();
        bytes.ok_or_else(|| file.damaged("not a byte of it was read"))
    }

    /// These bytes, unchecked but for their number.
    pub(super) async fn ranges(&self, file: &DataFile, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, LakeError> {
        let read = match self.store.get_ranges(&file.path, ranges).await {
            Ok(read) => read,
            Err(error) => return Err(self.why_not(file, error).await),
        };
        let whole = ranges.iter().zip(&read).all(|(range, bytes)| range.end - range.start == bytes.len() as u64);
        if whole && read.len() == ranges.len() { Ok(read) } else { Err(file.damaged("it is shorter than it was")) }
    }

    /// A file that was cut off fails like a storage that does not answer.
    async fn why_not(&self, file: &DataFile, error: object_store::Error) -> LakeError {
        match self.check_size(file).await {
            Err(damaged @ LakeError::Damaged(_)) => damaged,
            _ => error.into(),
        }
    }

    pub(super) async fn check_size(&self, file: &DataFile) -> Result<(), LakeError> {
        let size = self.store.head(&file.path).await?.size;
        if size == file.bytes { Ok(()) } else { Err(file.damaged(format!("it has {size} bytes, and once had {}", file.bytes))) }
    }
}

impl DataFile {
    fn check(&self, part: &str, bytes: &Bytes, crc: u32) -> Result<(), LakeError> {
        let same = crc32fast::hash(bytes) == crc;
        if same { Ok(()) } else { Err(self.damaged(format!("its {part} is not what was written"))) }
    }

    pub(super) fn damaged(&self, why: impl std::fmt::Display) -> LakeError {
        LakeError::damaged(format!("data file {}: {why}", self.path))
    }
}
