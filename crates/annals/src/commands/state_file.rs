//! Where a long command was: a small JSON file that is always whole, because it is replaced and never written in place.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Failed;

/// `None` when there is none.
///
/// # Errors
/// It cannot be read, or is not the file of this command.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Failed> {
    let named = |problem: String| Failed::usage(format!("the state file {}: {problem}", path.display()));
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| named(error.to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(error.to_string())),
    }
}

/// It outlasts a power cut when this returns.
///
/// # Errors
/// It cannot be written; the former one is still there.
pub fn save(path: &Path, state: &impl Serialize) -> Result<(), Failed> {
    let write = || {
        let part = beside(path, ".part");
        let mut text = serde_json::to_vec(state)?;
        text.push(b'\n');
        let mut file = File::create(&part)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    write().map_err(|error: std::io::Error| Failed::other(format!("the state file {}: {error}", path.display())))
}

/// The same path with something behind it.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_last_is_loaded() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("x.state");
        assert!(matches!(load::<u32>(&path), Ok(None)));
        for number in [1, 2] {
            save(&path, &number).expect("saved");
            assert!(matches!(load::<u32>(&path), Ok(Some(loaded)) if loaded == number));
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
        std::fs::write(&path, "{").expect("written");
        assert!(load::<u32>(&path).is_err_and(|failed| failed.message().contains("x.state")));
    }
}
