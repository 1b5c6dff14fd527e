//! Rules about the source itself: which module may know which, how large a file and a function may be, what must not be committed.
//! Reads the working tree only; never builds anything.

mod imports;
mod ratchet;
mod source;
mod words;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Doing, Failure};

/// A file of the working tree: its path below the root, with `/`, and its text.
struct SourceFile {
    path: String,
    text: String,
}

/// # Errors
/// Every broken rule, one line each.
pub fn check(root: &Path) -> Result<(), Failure> {
    let files = files(root)?;
    let mut faults = imports::faults(&files);
    faults.extend(ratchet::faults(&files));
    faults.extend(words::faults(&files));
    if faults.is_empty() {
        println!("tidy: {} files", files.len());
        return Ok(());
    }
    Err(Failure::new(format!("{} faults\n{}", faults.len(), faults.join("\n"))))
}

/// What git knows, and what it would add: a new file is judged before its first commit. Binary files have no text to judge.
fn files(root: &Path) -> Result<Vec<SourceFile>, Failure> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = git.output().doing("cannot start git")?;
    if !output.status.success() {
        return Err(Failure::new(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr))));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        let full: PathBuf = root.join(path);
        // Deleted but not yet committed as deleted.
        if !full.is_file() {
            continue;
        }
        if let Ok(text) = String::from_utf8(std::fs::read(&full).doing(format!("cannot read {path}"))?) {
            files.push(SourceFile { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_is_tidy() {
        if let Err(failure) = super::check(&crate::workspace::root()) {
            panic!("{failure}");
        }
    }
}
