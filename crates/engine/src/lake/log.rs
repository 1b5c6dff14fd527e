//! A table's log as files.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use serde_json::{Map, Value};

use super::LakeError;

/// Inside a table's folder.
pub const FOLDER: &str = "_delta_log";
const ENTRY: &str = ".json";
const CHECKPOINT: &str = ".checkpoint.parquet";

/// The files of a log that a reader of this version needs: the last checkpoint, and the entries from there. Never the hint at the last
/// checkpoint, which may be a later one.
///
/// # Errors
/// The storage does not answer.
pub async fn needed_at(files: &dyn ObjectStore, version: u64) -> Result<Vec<ObjectMeta>, LakeError> {
    let all = list(files, Some(FOLDER)).await?;
    let numbered = |meta: &ObjectMeta, ending: &str| {
        let number = meta.location.filename()?.strip_suffix(ending)?.parse::<u64>().ok()?;
        (number <= version).then_some(number)
    };
    let checkpoint = all.iter().filter_map(|meta| numbered(meta, CHECKPOINT)).max();
    let is_needed = |meta: &ObjectMeta| match (numbered(meta, ENTRY), numbered(meta, CHECKPOINT)) {
        (Some(entry), _) => checkpoint.is_none_or(|checkpoint| entry >= checkpoint),
        (None, found) => found.is_some() && found == checkpoint,
    };
    Ok(all.into_iter().filter(is_needed).collect())
}

/// What an entry says of itself.
pub fn info(entry: &[u8]) -> Option<Map<String, Value>> {
    let of_line = |line: &str| match serde_json::from_str::<Map<String, Value>>(line).ok()?.remove("commitInfo") {
        Some(Value::Object(info)) => Some(info),
        _ => None,
    };
    std::str::from_utf8(entry).ok()?.lines().find_map(of_line)
}

/// What lies in a folder, by name.
///
/// # Errors
/// The storage does not answer.
pub async fn list(files: &dyn ObjectStore, folder: Option<&str>) -> Result<Vec<ObjectMeta>, LakeError> {
    let folder = folder.map(Path::from);
    let mut found: Vec<ObjectMeta> = files.list(folder.as_ref()).try_collect().await?;
    found.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    Ok(found)
}
