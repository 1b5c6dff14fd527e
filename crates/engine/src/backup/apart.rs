//! Backups are kept apart from what they copy: inside of it they would be lost with it, and a server's folders would hold what is not its.

use std::path::{Component, Path, PathBuf};

use super::error::BackupError;
use crate::place::Place;

/// # Errors
/// The folder `to`, which need not be there yet, is the data folder or the lake, or inside of one of them, or around one of them.
pub fn check(place: &Place, to: &str) -> Result<(), BackupError> {
    if to.contains("://") {
        return Ok(());
    }
    let lake = place.lake()?.to_file_path().ok();
    let shelf = real(Path::new(to));
    for of in [Some(place.data.clone()), lake].into_iter().flatten() {
        let copied = real(&of);
        if shelf.starts_with(&copied) {
            return Err(BackupError::Inside { to: to.into(), of });
        }
        if copied.starts_with(&shelf) {
            return Err(BackupError::Around { to: to.into(), of });
        }
    }
    Ok(())
}

/// Without links, as far as the folder is there.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = absolute.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    let Some((ancestor, mut real)) = found else { return absolute };
    for component in absolute.strip_prefix(ancestor).into_iter().flat_map(Path::components) {
        match component {
            Component::ParentDir => drop(real.pop()),
            other => real.push(other),
        }
    }
    real
}
