//! How much room a folder's disk has. Records are refused before it is full, so that what makes room still can: moving records into the
//! lake, merging files, deleting.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Never waits: it tells what the last look found. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Disk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    reserve_bytes: u64,
    free_bytes: AtomicU64,
}

impl Disk {
    /// `reserve_bytes` of 0: never short.
    #[must_use]
    pub fn of(folder: &Path, reserve_bytes: u64) -> Self {
        let disk =
            Self { inner: Arc::new(Inner { folder: folder.to_owned(), reserve_bytes, free_bytes: AtomicU64::new(u64::MAX) }) };
        disk.look();
        disk
    }

    /// Asks the system, which takes microseconds on a local disk and may hang on a remote one. A folder that cannot be asked is not
    /// short: whoever writes to it will learn more.
    pub fn look(&self) {
        let free = rustix::fs::statvfs(&self.inner.folder).map(|system| system.f_bavail.saturating_mul(system.f_frsize));
        self.inner.free_bytes.store(free.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.inner.free_bytes.load(Ordering::Relaxed)
    }

    /// What may be used for something that is good to have: a tenth of the disk stays free, and the reserve in any case. Asks the system.
    #[must_use]
    pub fn spare_bytes(&self) -> u64 {
        rustix::fs::statvfs(&self.inner.folder).map_or(u64::MAX, |system| {
            let bytes = |blocks: u64| blocks.saturating_mul(system.f_frsize);
            bytes(system.f_bavail).saturating_sub(self.inner.reserve_bytes.max(bytes(system.f_blocks) / 10))
        })
    }

    #[must_use]
    pub fn is_short(&self) -> bool {
        self.free_bytes() < self.inner.reserve_bytes
    }

    /// # Errors
    /// One line for an operator.
    pub fn check(&self) -> Result<(), String> {
        if !self.is_short() {
            return Ok(());
        }
        let (free, reserve) = (self.free_bytes() >> 20, self.inner.reserve_bytes >> 20);
        Err(format!("the disk of {} has {free} MiB left of the {reserve} MiB that are kept free", self.inner.folder.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_short_when_less_is_free_than_its_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let free = Disk::of(folder.path(), 0);
        assert!(!free.is_short() && free.free_bytes() > 0 && free.check().is_ok());
        assert!(free.spare_bytes() < free.free_bytes());
        assert_eq!(Disk::of(folder.path(), u64::MAX).spare_bytes(), 0);
        let short = Disk::of(folder.path(), u64::MAX);
        assert!(short.is_short() && short.check().is_err());
        assert!(!Disk::of(&folder.path().join("not there"), 1).is_short());
    }
}
