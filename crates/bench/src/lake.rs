//! The lake from outside.

use std::path::{Path, PathBuf};

use crate::Fallible;
use crate::duckdb::DuckDb;

/// The live files of `audit_events`.
pub fn files(duck: &mut DuckDb, data: &Path) -> Fallible<Vec<PathBuf>> {
    let files = duck.live_files(&data.join("lake").join("audit_events"))?;
    if files.is_empty() { Err("the lake has no files".into()) } else { Ok(files) }
}

/// Of everything below a folder.
pub fn bytes(folder: &Path) -> Fallible<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}
