//! A folder that goes when it is dropped. Only its owner can read what is in it.

use std::io;
use std::path::{Path, PathBuf};

const BEGINNING: &str = "annals-backup-";

pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub fn inside(parent: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let folder = parent.join(format!("{BEGINNING}{}", hex::encode(random)));
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What processes left that were killed. Nobody else may be using `parent`.
    pub fn sweep(parent: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(parent)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(BEGINNING) && entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next backup, or with the system's temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
