//! Which idempotency keys were used in the last 24 hours, and with which body. Never the durable copy of a key: that is the
//! commit log, so nothing is written here before a request is answered.
//!
//! ```text
//! commit is durable ─ insert ─▶ active map ─ seal ─▶ run, tier 0 ─ merge (8 → 1) ─▶ tier 1 ─▶ tier 2 …   ─ expire ─▶ gone
//!                                   ▲                     memory: one filter (18.5 bits a key) for 131,072 keys,
//!        commit log, at start ──────┘                     one fence (24 bytes) for 128;   disk: 32 bytes a key
//! ```
//!
//! **What holds after a crash at any place**
//! 1. Before a seal is durable: the entries are in the commit log and are inserted again at start.
//! 2. After a seal, before the rows leave the commit log: the same keys are in a run and in the active map. They say the
//!    same, so a probe does not mind, and a merge drops one of the two.
//! 3. After a merge is durable, before its sources are deleted: as in 2.
//! 4. `keys.list` names the runs there must be: written after a run and before its rows leave the commit log, and before runs go. A run
//!    that it names and that is not there was taken by somebody else: that is told until its keys would have expired.
//! 5. While a file is written: it has another ending, and the next start removes it.
//!
//! So the caller keeps one rule: **rows leave the commit log only after the seal through their commit is finished.**
//!
//! `KeyIndex` belongs to the one thread that commits, and its I/O blocks. A merge takes seconds, so it is planned here, written
//! on another thread and finished here; a seal of 65,536 keys takes 10 ms and can be done either way.

mod active;
mod entry;
mod error;
mod fill;
mod filter;
mod index;
mod list;
pub mod look;
mod merge;
mod probe;
mod run;
mod run_file;
mod run_writer;
mod seal;
#[cfg(test)]
mod tests;

pub use entry::{BodyDigest, KeyDigest, KeyEntry, Seconds, Seen};
pub use error::KeyIndexError;
pub use fill::fill;
pub use index::KeyIndex;
pub use list::Listed;
pub use merge::Merged;
