//! Events on disk until the server has them. One process at a time.
//!
//! ```text
//! lock                             held while an emitter is on the spool
//! 00000000000000000007.events      records, one line each (`record.rs`); only ever appended to, by one thread
//! position                         up to where the server has everything, and what is on its way (`position.rs`)
//! refused.ndjson                   what the server does not want, with its reason
//! ```
//!
//! **Writing** is a group commit without a timer: a thread of its own takes whatever waits, writes it with one call, syncs
//! (see [`SpoolSync`]), and only then tells the callers. **A crash** leaves at most one torn line at the end of the newest
//! file. Nobody was told that it is safe, and it is passed over: an emitter never appends to a file that it finds, it begins
//! the next one. So nothing needs repair at a start. **Damage** anywhere is noticed by the line's checksum; the reader reports
//! it and is in step again at the next line. **Reading** goes up to what was written and synced. A file is deleted after a
//! position behind it is safely on disk.

mod position;
mod reader;
mod record;
mod refused;
mod segments;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(super) use reader::Reader;
pub(super) use writer::{Inbox, WaitingEvent};

use super::builder::EmitterBuildError;
use super::shared::Shared;
use segments::Segments;
use writer::Writer;

const BYTES_MAX_DEFAULT: u64 = 1024 * 1024 * 1024;
const AGE_MAX_DEFAULT: Duration = Duration::from_secs(30 * 24 * 3600);
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// A folder that keeps events until the server has them.
#[derive(Debug, Clone)]
pub struct Spool {
    pub(super) folder: PathBuf,
    pub(super) sync: SpoolSync,
    pub(super) bytes_max: u64,
    pub(super) age_max: Duration,
}

/// What an event that `emit` has acknowledged survives. It always survives the process, also `kill -9`.
///
/// Measured with events of 550 bytes on a cloud disk (ext4) where a sync takes two milliseconds: until `emit` is done, and events a
/// second, when so many callers emit at the same time.
///
/// | | 1 | 8 | 64 | 512 |
/// |---|---|---|---|---|
/// | `Each` | 2.1 ms, 480 | 3.6 ms, 2,200 | 6 ms, 11,000 | 6 ms, 81,000 |
/// | `Interval(100 ms)` | 12 µs, 86,000 | 86 µs, 93,000 | 0.2 ms, 260,000 | 1.3 ms, 400,000 |
/// | `OsOnly` | 13 µs, 76,000 | 70 µs, 110,000 | 0.2 ms, 260,000 | 1.7 ms, 310,000 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpoolSync {
    /// A power cut too: `emit` is done when the disk has said so. All events that wait at the same time share one sync, so it
    /// costs time, not throughput. The default, because whoever chooses a spool for an audit log means it.
    #[default]
    Each,
    /// A power cut loses at most what was emitted in the last while of this length.
    Interval(Duration),
    /// The operating system writes when it likes, mostly within 30 seconds.
    OsOnly,
}

impl Spool {
    /// The folder is made when it is missing. It must belong to this emitter alone, on a disk of this machine.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), sync: SpoolSync::Each, bytes_max: BYTES_MAX_DEFAULT, age_max: AGE_MAX_DEFAULT }
    }

    #[must_use]
    pub fn sync(mut self, sync: SpoolSync) -> Self {
        self.sync = sync;
        self
    }

    /// Bytes of all files with events, by default 1 GiB: about two million events. A full spool takes nothing new
    /// ([`NotEmitted::SpoolFull`](super::NotEmitted::SpoolFull)) and gives up nothing old.
    #[must_use]
    pub fn bytes_max(mut self, bytes_max: u64) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Events that wait longer, by default 30 days, are not sent any more: they go to `refused.ndjson`.
    #[must_use]
    pub fn age_max(mut self, age_max: Duration) -> Self {
        self.age_max = age_max;
        self
    }

    fn segment_bytes(&self) -> u64 {
        SEGMENT_BYTES.min(self.bytes_max / 8).max(1)
    }
}

/// Both ends of an open spool.
pub(super) struct Opened {
    pub inbox: Arc<Inbox>,
    pub reader: Reader,
}

/// `kind` is the ending of the files with records.
pub(super) fn open(spool: &Spool, kind: &'static str, shared: &Arc<Shared>) -> Result<Opened, EmitterBuildError> {
    let unusable = |source| EmitterBuildError::Spool { path: spool.folder.clone(), source };
    create_private(&spool.folder).map_err(unusable)?;
    let lock = Arc::new(lock(&spool.folder)?);
    if let Some(other) = segments::other_kind(&spool.folder, kind).map_err(unusable)? {
        return Err(EmitterBuildError::OtherKind { path: spool.folder.clone(), kind: other });
    }
    let segments = Arc::new(Segments::find(&spool.folder, kind).map_err(unusable)?);
    let reader = Reader::open(spool, Arc::clone(&segments), Arc::clone(shared), Arc::clone(&lock)).map_err(unusable)?;
    let inbox = Arc::new(Inbox::new(Arc::clone(&segments)));
    let writer = Writer::new(spool, segments, reader.next_segment(), Arc::clone(shared));
    let (to_write, life) = (Arc::clone(&inbox), shared.thread());
    let run = move || {
        writer.run(&to_write);
        drop(lock);
        drop(life);
    };
    let name = format!("annals-spool-{kind}");
    std::thread::Builder::new().name(name).spawn(run).map_err(EmitterBuildError::Thread)?;
    Ok(Opened { inbox, reader })
}

fn lock(folder: &Path) -> Result<File, EmitterBuildError> {
    let unusable = |source| EmitterBuildError::Spool { path: folder.to_owned(), source };
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    private(&mut options);
    let file = options.open(folder.join("lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EmitterBuildError::SpoolInUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Audit events are nobody else's business: a new folder is its owner's alone.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

/// Names in the folder are durable afterwards. Other systems cannot open a folder, and make names durable by themselves.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
