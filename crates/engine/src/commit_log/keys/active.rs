//! The keys of commits that are not yet sealed. Memory only: after a crash the commit log fills it again.

use std::collections::HashMap;

use super::entry::{BodyDigest, KeyDigest, KeyEntry, Seconds};

struct ActiveKey {
    body: BodyDigest,
    at: Seconds,
    commit: u64,
}

/// The standard hasher stays although a digest is random already: who sends requests can choose keys whose digests share
/// some bits, and a secret hash is what keeps the map flat then.
#[derive(Default)]
pub(super) struct Active {
    keys: HashMap<KeyDigest, ActiveKey>,
}

impl Active {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn find(&self, key: KeyDigest) -> Option<KeyEntry> {
        self.keys.get(&key).map(|found| KeyEntry { key, body: found.body, at: found.at })
    }

    /// A key that is there already has outlived its day or is being replayed: the later commit wins in both cases.
    pub(super) fn insert(&mut self, commit: u64, entry: KeyEntry) {
        self.keys.insert(entry.key, ActiveKey { body: entry.body, at: entry.at, commit });
    }

    /// The last commit up to `through` that has keys here.
    pub(super) fn last_commit_through(&self, through: u64) -> Option<u64> {
        self.keys.values().map(|found| found.commit).filter(|commit| *commit <= through).max()
    }

    /// In no order.
    pub(super) fn of_commits_through(&self, through: u64) -> Vec<KeyEntry> {
        let of_commits = self.keys.iter().filter(|(_, found)| found.commit <= through);
        of_commits.map(|(key, found)| KeyEntry { key: *key, body: found.body, at: found.at }).collect()
    }

    pub(super) fn forget_through(&mut self, through: u64) {
        self.keys.retain(|_, found| found.commit > through);
    }
}
