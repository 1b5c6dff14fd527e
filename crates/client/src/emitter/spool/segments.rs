//! The files with records: which there are, and how much of each may be read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::super::lock;
use super::super::place::Place;

pub(super) struct Segments {
    folder: PathBuf,
    kind: &'static str,
    /// By number, with the bytes that are written as far as the spool promises.
    lengths: Mutex<BTreeMap<u64, u64>>,
}

impl Segments {
    /// Every file that is there, at its whole length.
    pub fn find(folder: &Path, kind: &'static str) -> io::Result<Self> {
        let mut lengths = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if let Some(number) = number_of(&entry.path(), kind) {
                lengths.insert(number, entry.metadata()?.len());
            }
        }
        Ok(Self { folder: folder.to_owned(), kind, lengths: Mutex::new(lengths) })
    }

    pub fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:020}.{}", self.kind))
    }

    pub fn publish(&self, number: u64, length: u64) {
        lock(&self.lengths).insert(number, length);
    }

    pub fn forget(&self, number: u64) {
        lock(&self.lengths).remove(&number);
    }

    pub fn length(&self, number: u64) -> Option<u64> {
        lock(&self.lengths).get(&number).copied()
    }

    pub fn bytes(&self) -> u64 {
        lock(&self.lengths).values().sum()
    }

    /// The first one after `number`.
    pub fn after(&self, number: u64) -> Option<u64> {
        lock(&self.lengths).range(number.saturating_add(1)..).next().map(|(number, _)| *number)
    }

    /// Those before `number`.
    pub fn before(&self, number: u64) -> Vec<u64> {
        lock(&self.lengths).range(..number).map(|(number, _)| *number).collect()
    }

    /// Where the newest record ends.
    pub fn end(&self) -> Place {
        let newest = lock(&self.lengths).last_key_value().map(|(number, length)| (*number, *length));
        newest.map(|(segment, offset)| Place { segment, offset }).unwrap_or_default()
    }
}

fn number_of(path: &Path, kind: &str) -> Option<u64> {
    let is_kind = path.extension().is_some_and(|extension| extension == kind);
    let name = path.file_stem()?.to_str()?;
    (is_kind && name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit())).then(|| name.parse().ok())?
}

/// The kind of somebody else's records in the folder.
pub(super) fn other_kind(folder: &Path, kind: &str) -> io::Result<Option<String>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(other) = path.extension().and_then(|extension| extension.to_str())
            && other != kind
            && number_of(&path, other).is_some()
        {
            return Ok(Some(other.to_owned()));
        }
    }
    Ok(None)
}
