//! A data file made of others: their rows in one order, all of them or without those of some owners.
//!
//! The files are read side by side and the new one goes to the storage part by part, so that memory is bounded whatever their sizes. All
//! of it happens on a thread of its own; dropping the future ends it. What is read is checked against its checksums, and what comes out
//! is counted and its order watched, so that damage is noticed here and never copied.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use annals_core::limits::EVENT_BYTES_MAX;
use arrow::array::RecordBatch;
use bytes::Bytes;
use deltalake_core::kernel::Add;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::errors::ParquetError;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::append::{add, name};
use super::columns::DATE;
use super::data_file::{DataFileWriter, DataFiles, Kind, Written};
use super::merge_rows::{BATCHES_SPARE, Merge, Order, Step};
use super::row::Row;
use super::{LakeError, LakeFile, Range};

/// The least that S3 takes is 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts on their way at the same time.
const PARTS_IN_FLIGHT_MAX: usize = 1;
/// Rows that are decoded of each source at a time.
const ROWS_AT_ONCE: usize = 512;
/// The same for large rows: about what they take in memory.
const BYTES_AT_ONCE: i64 = 1024 * 1024;

/// Few sources are always rewritten, whatever their rows take.
pub const SOURCES_MIN: usize = 2;
/// Of few sources: so that it is sure what they take, were all rows as large as one may be.
const ROWS_AT_ONCE_SURELY: usize = 128;
const _: () = assert!(
    ROWS_AT_ONCE_SURELY * EVENT_BYTES_MAX * (2 * SOURCES_MIN + BATCHES_SPARE) <= SOURCES_BYTES_MAX,
    "few sources always fit"
);

/// What all sources may take in memory together. One batch more may be read before that is noticed.
pub const SOURCES_BYTES_MAX: usize = 96 * 1024 * 1024;

/// How much of a processor rewriting may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// All of one.
    Full,
    /// Half of one: it rests as long as it works, because requests come first.
    Half,
}

/// What rows are made of, and which are left out.
pub struct Rewrite<R: Row> {
    /// In the order of their commits, of one day and shard.
    pub sources: Vec<LakeFile<R>>,
    pub leaving: BTreeSet<R::Owner>,
    pub kind: Kind,
    pub pace: Pace,
}

/// A file on the storage that no log entry names yet.
pub struct Rewritten {
    /// `None`: no row was left.
    pub add: Option<Add>,
    pub rows: u64,
    pub left_out: u64,
    pub bytes: u64,
    /// Of what was read, so much was held in memory at the same time.
    pub held_bytes: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// Trying again does not help: these files are not what was written, and stay as they are.
    #[error("{}: {error}", paths.join(", "))]
    Sources { paths: Vec<String>, error: LakeError },
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl<R: Row> Rewrite<R> {
    /// `None`: rows are so large that more than [`SOURCES_BYTES_MAX`] would have to be held. Nothing was made: try again with fewer of
    /// the sources. Never with up to [`SOURCES_MIN`]. What rows take is known only when they are read: a text that a file has once, in a
    /// dictionary, is in memory once for each row.
    ///
    /// # Errors
    /// Nothing was made, unless the storage lost the answer: then a file is left that no log entry names.
    pub async fn run(self, files: DataFiles, store: Arc<dyn ObjectStore>) -> Result<Option<Rewritten>, RewriteError> {
        let stop = CancellationToken::new();
        let _ended = stop.clone().drop_guard();
        let work = move || Working { rewrite: self, files, store, runtime: Handle::current(), stop }.run();
        tokio::task::spawn_blocking(work).await.map_err(LakeError::unavailable)?
    }
}

struct Working<R: Row> {
    rewrite: Rewrite<R>,
    files: DataFiles,
    store: Arc<dyn ObjectStore>,
    runtime: Handle,
    stop: CancellationToken,
}

/// One source on its way.
struct Source {
    batches: BoxStream<'static, Result<RecordBatch, ParquetError>>,
    order: Order,
}

/// What went from the sources to the storage.
struct Copied<R: Row> {
    /// `None`: no row was left.
    written: Option<Written<R>>,
    left_out: u64,
    held_bytes: usize,
}

impl<R: Row> Working<R> {
    fn run(self) -> Result<Option<Rewritten>, RewriteError> {
        let sources = self.rewrite.sources.iter().map(|source| self.open(source)).collect::<Result<Vec<_>, _>>()?;
        let (path, date) = self.name()?;
        let upload = self.runtime.block_on(self.store.put_multipart(&Path::from(path.as_str()))).map_err(LakeError::from)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        match self.write(sources, &mut upload) {
            Ok(Some(Copied { written: Some(written), left_out, held_bytes })) => {
                self.runtime.block_on(upload.finish()).map_err(LakeError::from)?;
                let (rows, bytes) = (written.rows, written.bytes);
                Ok(Some(Rewritten { add: Some(add(path, date, written)?), rows, left_out, bytes, held_bytes }))
            }
            Ok(None) => {
                self.abort(upload);
                Ok(None)
            }
            Ok(Some(Copied { written: None, left_out, held_bytes })) => {
                self.abort(upload);
                Ok(Some(Rewritten { add: None, rows: 0, left_out, bytes: 0, held_bytes }))
            }
            Err(error) => {
                self.abort(upload);
                Err(error)
            }
        }
    }

    /// What cannot be cleaned up is an orphan, which a vacuum removes.
    fn abort(&self, upload: WriteMultipart) {
        if let Err(error) = self.runtime.block_on(upload.abort()) {
            tracing::debug!(%error, "parts of a data file stay for now");
        }
    }

    fn name(&self) -> Result<(String, String), RewriteError> {
        let sources = &self.rewrite.sources;
        let (Some(first), Some(last)) = (sources.first(), sources.last()) else {
            return Err(LakeError::damaged("a data file of no others").into());
        };
        let date =
            partition(&first.path).ok_or_else(|| LakeError::damaged(format!("{} is in no partition", first.path)))?.to_owned();
        let ids = Range { least: first.stats.ids.least, greatest: last.stats.ids.greatest };
        Ok((name::<R>(&date, ids)?, date))
    }

    fn open(&self, file: &LakeFile<R>) -> Result<Source, RewriteError> {
        let damaged = |error| of_source(file, error);
        let reader = self.files.reader(file);
        let rows = self.runtime.block_on(ParquetRecordBatchStreamBuilder::new(reader)).map_err(damaged)?;
        let groups = rows.metadata().row_groups();
        let (bytes, count) = (groups.iter().map(|group| group.total_byte_size()).sum::<i64>(), file.stats.rows.max(1));
        let row_bytes = bytes / i64::try_from(count).unwrap_or(i64::MAX) + 1;
        let most = if self.rewrite.sources.len() > SOURCES_MIN { ROWS_AT_ONCE } else { ROWS_AT_ONCE_SURELY };
        let at_once = usize::try_from(BYTES_AT_ONCE / row_bytes).unwrap_or(0).clamp(1, most);
        let batches = rows.with_batch_size(at_once).build().map_err(damaged)?;
        Ok(Source { batches: Box::pin(batches), order: Order::new() })
    }

    fn write(&self, mut sources: Vec<Source>, upload: &mut WriteMultipart) -> Result<Option<Copied<R>>, RewriteError> {
        let files = &self.rewrite.sources;
        let mut merge = Merge::<R>::new(files.len(), self.rewrite.leaving.clone());
        let (sink, mut order) = (Sink::default(), Order::new());
        let mut writer = DataFileWriter::<R, _>::new(sink.clone(), self.rewrite.kind)?;
        let mut since = Instant::now();
        loop {
            if self.stop.is_cancelled() {
                return Err(LakeError::unavailable("the server stops").into());
            }
            match merge.step().map_err(|error| self.of_all(error.to_string()))? {
                Step::Needs(number) => {
                    let batch = self.next(&mut sources[number], &files[number])?;
                    merge.feed(number, batch).map_err(|error| self.of_all(error.to_string()))?;
                    if files.len() > SOURCES_MIN && merge.held_bytes_max > SOURCES_BYTES_MAX {
                        return Ok(None);
                    }
                }
                Step::Rows(rows) => {
                    if !order.follows::<R>(&rows) {
                        return Err(self.of_all("their rows do not follow each other".to_owned()));
                    }
                    writer.write(&rows)?;
                    self.send(upload, sink.take())?;
                    if self.rewrite.pace == Pace::Half {
                        std::thread::sleep(since.elapsed());
                    }
                    since = Instant::now();
                }
                Step::End => break,
            }
        }
        let expected: u64 = files.iter().map(|file| file.stats.rows).sum();
        if order.rows + merge.left_out != expected {
            let made = format!("{} rows became {}, and {} were left out", expected, order.rows, merge.left_out);
            return Err(self.of_all(made));
        }
        if order.rows == 0 {
            return Ok(Some(Copied { written: None, left_out: merge.left_out, held_bytes: merge.held_bytes_max }));
        }
        let written = writer.finish()?;
        self.send(upload, sink.take())?;
        self.check(&written, merge.left_out)?;
        Ok(Some(Copied { written: Some(written), left_out: merge.left_out, held_bytes: merge.held_bytes_max }))
    }

    fn send(&self, upload: &mut WriteMultipart, bytes: Bytes) -> Result<(), RewriteError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sent = self.runtime.block_on(async {
            upload.wait_for_capacity(PARTS_IN_FLIGHT_MAX).await?;
            upload.put(bytes);
            Ok::<_, object_store::Error>(())
        });
        Ok(sent.map_err(LakeError::from)?)
    }

    /// A source that is out of order, or does not have the rows that the log says, is damaged whatever its checksums say.
    fn next(&self, source: &mut Source, file: &LakeFile<R>) -> Result<Option<RecordBatch>, RewriteError> {
        let batch = self.runtime.block_on(source.batches.try_next()).map_err(|error| of_source(file, error))?;
        let wrong = |what: String| RewriteError::Sources { paths: vec![file.path.clone()], error: LakeError::damaged(what) };
        match &batch {
            Some(rows) if rows.num_rows() > 0 && !source.order.follows::<R>(rows) => {
                Err(wrong("its rows are out of order".to_owned()))
            }
            None if source.order.rows != file.stats.rows => {
                Err(wrong(format!("it has {} rows of {}", source.order.rows, file.stats.rows)))
            }
            _ => Ok(batch),
        }
    }

    /// The last moment to notice: what is committed next takes the place of the sources.
    fn check(&self, written: &Written<R>, left_out: u64) -> Result<(), RewriteError> {
        let sources = self.rewrite.sources.iter().map(|file| file.stats.ids);
        let ids = sources.reduce(|all, ids| all.with(ids));
        let within = ids.is_some_and(|ids| ids.holds(written.ids.least) && ids.holds(written.ids.greatest));
        if !within || (left_out == 0 && ids != Some(written.ids)) {
            return Err(self.of_all("their ids are not those that the log has".to_owned()));
        }
        Ok(())
    }

    fn of_all(&self, what: String) -> RewriteError {
        let paths = self.rewrite.sources.iter().map(|file| file.path.clone()).collect();
        RewriteError::Sources { paths, error: LakeError::damaged(what) }
    }
}

/// What failed while a source was read: the storage, or the file is not what was written.
pub(super) fn of_lake<R: Row>(file: &LakeFile<R>, error: LakeError) -> RewriteError {
    match error {
        damaged @ LakeError::Damaged(_) => RewriteError::Sources { paths: vec![file.path.clone()], error: damaged },
        passing @ LakeError::Unavailable(_) => RewriteError::Lake(passing),
    }
}

pub(super) fn of_source<R: Row>(file: &LakeFile<R>, error: ParquetError) -> RewriteError {
    let error = match error {
        ParquetError::External(cause) => match cause.downcast::<LakeError>() {
            Ok(error) => *error,
            Err(cause) => match cause.downcast::<object_store::Error>() {
                Ok(error) => LakeError::from(*error),
                Err(cause) => LakeError::damaged(cause),
            },
        },
        other => LakeError::damaged(other),
    };
    match error {
        damaged @ LakeError::Damaged(_) => RewriteError::Sources { paths: vec![file.path.clone()], error: damaged },
        passing @ LakeError::Unavailable(_) => RewriteError::Lake(passing),
    }
}

fn partition(path: &str) -> Option<&str> {
    path.split_once('/')?.0.strip_prefix(DATE)?.strip_prefix('=')
}

/// Bytes between the encoder and the storage.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
