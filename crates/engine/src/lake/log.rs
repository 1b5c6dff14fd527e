//! A table's log as files.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::LakeError;

/// Inside a table's folder.
pub const FOLDER: &str = "_delta_log";

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
