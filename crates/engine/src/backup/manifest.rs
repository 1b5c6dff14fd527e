//! What one backup consists of. Its name has the digest of its own bytes, so a changed list is noticed like a changed file.

use annals_core::ids::{CommitNumber, ShardId};
use annals_core::time::Micros;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::content::Digest;

/// Of the list and of how files are kept beside it.
pub const FORMAT: u32 = 1;
const ENDING: &str = ".json";
/// Hex digits of the digest that stand in the name.
const DIGEST_CHARACTERS: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that made it.
    pub annals: String,
    pub taken_at: String,
    pub shard: ShardId,
    /// What was recorded up to this commit is in it.
    pub last_commit: CommitNumber,
    pub database_version: u32,
    pub files: Vec<Entry>,
}

/// One file of an installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Below the data folder, with slashes.
    pub path: String,
    pub bytes: u64,
    pub sha256: Digest,
}

/// Only this much is read of a list before its format is known.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    Newer(u32),
    Damaged(String),
}

impl Manifest {
    pub fn text(&self) -> Vec<u8> {
        // Strings and numbers only: JSON can hold them all.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The name under `backups/`. Names sort by time.
    pub fn name(&self, text: &[u8], taken_at: Micros) -> String {
        let mut time: String = taken_at.wire().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        time.truncate("20261120T153000.123".len());
        format!("{time}Z-{}-{}", self.last_commit, digest_of(text))
    }

    /// `name` is the one under which the text was found.
    pub fn read(name: &str, text: &[u8]) -> Result<Self, Unreadable> {
        if !name.ends_with(&format!("-{}", digest_of(text))) {
            return Err(Unreadable::Damaged("its list of files is not the one that was written".to_owned()));
        }
        let damaged = |error: serde_json::Error| Unreadable::Damaged(format!("its list of files: {error}"));
        let FormatOnly { format } = serde_json::from_slice(text).map_err(damaged)?;
        if format > FORMAT {
            return Err(Unreadable::Newer(format));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(damaged)?;
        match manifest.files.iter().find(|entry| !is_inside(&entry.path)) {
            Some(entry) => Err(Unreadable::Damaged(format!("it names the file {:?}", entry.path))),
            None => Ok(manifest),
        }
    }
}

/// A list may come from anywhere: no path of it leads out of the folder or to anything that a restore makes itself.
fn is_inside(path: &str) -> bool {
    let known = path == "annals.db" || ["lake/", "keys/"].iter().any(|folder| path.starts_with(folder));
    known && path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']))
}

fn digest_of(text: &[u8]) -> String {
    hex::encode(Sha256::digest(text))[..DIGEST_CHARACTERS].to_owned()
}

pub fn file_name(name: &str) -> String {
    format!("{name}{ENDING}")
}

/// `None` for a file that is no list.
pub fn name_of(file: &str) -> Option<&str> {
    file.strip_suffix(ENDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str) -> Manifest {
        let entry = Entry { path: path.to_owned(), bytes: 1, sha256: Digest::of(b"x") };
        Manifest {
            format: FORMAT,
            annals: "0.1.0".to_owned(),
            taken_at: String::new(),
            shard: ShardId::new(1),
            last_commit: CommitNumber::ZERO,
            database_version: 2,
            files: vec![entry],
        }
    }

    fn read(manifest: &Manifest) -> Result<Manifest, Unreadable> {
        let text = manifest.text();
        Manifest::read(&manifest.name(&text, Micros::saturating(0)), &text)
    }

    #[test]
    fn paths_stay_inside() {
        for (path, good) in [
            ("annals.db", true),
            ("lake/audit_events/date=2026-01-01/a.parquet", true),
            ("keys/1.keys", true),
            ("lake/../../etc/passwd", false),
            ("/etc/passwd", false),
            ("lake//x", false),
            ("lock", false),
            ("lake/..\\x", false),
            ("keys/", false),
        ] {
            assert_eq!(read(&manifest(path)).is_ok(), good, "{path}");
        }
    }

    #[test]
    fn newer_formats_and_changed_lists_are_told_apart() {
        let newer = Manifest { format: FORMAT + 1, ..manifest("annals.db") };
        assert_eq!(read(&newer), Err(Unreadable::Newer(FORMAT + 1)));
        let good = manifest("annals.db");
        let mut text = good.text();
        let name = good.name(&text, Micros::saturating(0));
        assert_eq!(Manifest::read(&name, &text).as_ref(), Ok(&good));
        for at in 0..text.len() {
            text[at] ^= 1;
            assert!(matches!(Manifest::read(&name, &text), Err(Unreadable::Damaged(_))), "{at}");
            text[at] ^= 1;
        }
    }
}
