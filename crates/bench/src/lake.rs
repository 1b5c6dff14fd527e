//! The Delta table from outside: which of the files in its folder are part of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Fallible;

/// The live files of `audit_events`. Reads the whole log, which is short; a log whose beginning was cleaned away is refused.
pub fn files(data: &Path) -> Fallible<Vec<PathBuf>> {
    let table = data.join("lake").join("audit_events");
    let mut live = BTreeSet::new();
    for version in 0_u64.. {
        let path = table.join("_delta_log").join(format!("{version:020}.json"));
        if !path.exists() {
            if version == 0 {
                return Err("the log of the lake does not begin at its first version".into());
            }
            break;
        }
        for line in std::fs::read_to_string(path)?.lines() {
            let action: Value = serde_json::from_str(line)?;
            if let Some(removed) = action["remove"]["path"].as_str() {
                live.remove(removed);
            }
            if let Some(added) = action["add"]["path"].as_str() {
                live.insert(added.to_owned());
            }
        }
    }
    // Paths in the log are URL-encoded; ours have nothing that would change.
    Ok(live.into_iter().map(|file| table.join(file.replace("%3D", "="))).collect())
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
