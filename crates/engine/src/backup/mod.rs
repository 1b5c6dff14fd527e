//! Copies of a running installation, and installations out of copies.
//!
//! ```text
//! FOLDER or s3://bucket/prefix
//!   files/ab/abcdef…          contents by their SHA-256: written once, shared by all backups, never changed
//!   backups/TIME-COMMIT-DIGEST.json   one for each backup: names all its files. Written last, so half a backup is none
//! ```
//!
//! The server is not asked: everything is read as another process may. What is copied belongs together although nothing stands still:
//!
//! 1. The **key runs** that are there are opened: a run that is merged away afterwards is still read.
//! 2. The **database** is copied in one read transaction. It says through which commit `R` rows were released, and the last commit `L`.
//! 3. **Key runs** that came since are added when they know nothing beyond `L`: a key of a commit that is not in the copy would make a
//!    retry look like a repetition. What a merge mixed from both sides makes it all begin again.
//! 4. Of each **table** the newest version that has nothing beyond `L` is copied. Rows leave the commit log only after the lake has
//!    them, so that version has every commit up to `R`, and the copy of the database has the rest. `audit_events` is looked at first:
//!    no other table lacks what it says that it has.
//! 5. **Export files** that are ready follow, and the list of everything at last.
//!
//! A file that is merged away or purged while it is copied makes it all begin again; what was copied until then is not copied twice.

mod apart;
mod content;
mod error;
mod manifest;
mod restore;
mod runs;
mod scratch;
mod shelf;
mod tables;
mod take;
#[cfg(test)]
mod tests;
mod verify;

pub use error::{BackupError, RestoreError};
pub use restore::{Restored, restore};
pub use take::{Taken, take};
pub use verify::{Verified, verify};

/// Hears how far the work has come.
pub trait Watch: Send + Sync {
    /// The next thing begins; so many bytes there are.
    fn begin(&self, what: &'static str, bytes: u64);
    fn advance(&self, bytes: u64);
}
