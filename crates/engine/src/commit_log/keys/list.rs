//! Which runs there must be: a file beside the folder of runs, `keys.list`, so that a run, or all of them, that was deleted is missed.
//!
//! It is written when a run is durable and before rows leave the commit log, and again before runs are deleted: what it names is there,
//! whenever the process dies. Runs that it does not name are good too: a crash left them, or a restore brought them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::entry::Seconds;
use super::error::KeyIndexError;
use super::run_writer::sync_folder;

const ENDING: &str = "list";
const UNFINISHED: &str = "list-unfinished";

/// What the list says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub sequence: u64,
    /// Its newest key: a day later nobody needs the run.
    pub newest: Seconds,
}

/// Beside the folder of runs.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.with_extension(ENDING)
}

/// `None`: there is no list, because no run was written since there are lists, or a restore brought the runs.
pub(super) fn read(folder: &Path) -> Result<Option<Vec<Listed>>, KeyIndexError> {
    let path = path(folder);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged(&path)),
        text => text.map_err(KeyIndexError::io("read", &path))?,
    };
    let (lines, sum) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
    if sum != checksum(lines) {
        return Err(damaged(&path));
    }
    let listed = |line: &str| {
        let (sequence, newest) = line.split_once(' ')?;
        Some(Listed { sequence: sequence.parse().ok()?, newest: Seconds(newest.parse().ok()?) })
    };
    lines.lines().map(|line| listed(line).ok_or_else(|| damaged(&path))).collect::<Result<_, _>>().map(Some)
}

/// Durable when it returns.
pub(super) fn write(folder: &Path, runs: &[Listed]) -> Result<(), KeyIndexError> {
    let lines: Vec<String> = runs.iter().map(|run| format!("{} {}", run.sequence, run.newest.0)).collect();
    let lines = lines.join("\n");
    let (path, staged) = (path(folder), folder.with_extension(UNFINISHED));
    let written = File::create(&staged).and_then(|mut file| {
        file.write_all(format!("{lines}\n{}\n", checksum(&lines)).as_bytes())?;
        file.sync_all()
    });
    written.map_err(KeyIndexError::io("write", &staged))?;
    fs::rename(&staged, &path).map_err(KeyIndexError::io("rename", &staged))?;
    crate::crash_point::pass("keys.listed");
    path.parent().map_or(Ok(()), sync_folder)
}

fn checksum(lines: &str) -> String {
    hex::encode(&Sha256::digest(lines)[..16])
}

fn damaged(path: &Path) -> KeyIndexError {
    KeyIndexError::damaged(path, "the list of runs is not what was written")
}
