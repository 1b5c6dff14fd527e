//! Small file systems that are made for a test: full, read-only or gone at a word. Needs the right to mount.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::failure::{Doing, Failure};

/// Written at a time to fill a disk; then smaller ones, to the last byte.
const CHUNKS: [usize; 3] = [1 << 20, 1 << 12, 1];
const FILLER: &str = "filler";

/// A mounted file system. Dropping it unmounts it, also with open files on it.
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// In memory, of a size.
    pub async fn in_memory(path: &Path, mib: u32) -> Result<Self, Failure> {
        Self::mount(path, &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).await
    }

    /// An ext4 image in a file, which allocates and fills up as disks do.
    pub async fn image(path: &Path, image: &Path, mib: u32) -> Result<Self, Failure> {
        let file = File::create(image).doing("cannot make an image")?;
        file.set_len(u64::from(mib) << 20).doing("cannot size an image")?;
        let image = image.to_string_lossy();
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &image]).await?;
        Self::mount(path, &["-o", "loop", &image]).await
    }

    /// Another folder, seen here too. What was unmounted is there again when it is mounted again.
    pub async fn view(path: &Path, of: &Path) -> Result<Self, Failure> {
        Self::mount(path, &["--bind", &of.to_string_lossy()]).await
    }

    async fn mount(path: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        std::fs::create_dir_all(path).doing("cannot make a mount point")?;
        let text = path.to_string_lossy().into_owned();
        let arguments: Vec<_> = arguments.iter().copied().chain([text.as_str()]).collect();
        run("mount", &arguments).await?;
        Ok(Self { path: path.to_owned() })
    }

    /// Such as `remount,ro`.
    pub async fn set(&self, options: &str) -> Result<(), Failure> {
        run("mount", &["-o", options, &self.path.to_string_lossy()]).await
    }

    /// Takes all space but so much of it.
    pub fn fill(&self, leave_bytes: u64) -> Result<(), Failure> {
        let mut filler = File::create(self.path.join(FILLER)).doing("cannot make a filler")?;
        let mut written = 0;
        for chunk in CHUNKS {
            let bytes = vec![0; chunk];
            while filler.write_all(&bytes).is_ok() {
                written += chunk as u64;
            }
        }
        filler.set_len(written.saturating_sub(leave_bytes)).doing("cannot cut the filler")
    }

    /// Gives the space back.
    pub fn empty(&self) -> Result<(), Failure> {
        std::fs::remove_file(self.path.join(FILLER)).doing("cannot remove the filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server may still have files open.
        let unmounted = std::process::Command::new("umount").arg("-l").arg(&self.path).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.path.display());
        }
    }
}

async fn run(program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let output = Command::new(program).args(arguments).output().await.doing(format!("cannot run {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{program} {}: {} (this part needs the right to mount)", arguments.join(" "), said.trim())))
}
