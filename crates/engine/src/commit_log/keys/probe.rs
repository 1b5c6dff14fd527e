//! Has this key been used? The active map answers first, then the filters of the runs, and a run itself only where its filter
//! says "perhaps". Changes nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::entry::{KeyDigest, KeyEntry, Seconds, Seen};
use super::error::KeyIndexError;
use super::index::KeyIndex;
use super::run::Run;

impl KeyIndex {
    /// Looks up what is about to become one commit, in order: an entry also counts as seen when an earlier one of the batch
    /// has its key. Goes filter by filter, which is a little quicker than key by key.
    pub fn probe_batch(&self, batch: &[KeyEntry], now: Seconds) -> Result<Vec<Seen>, KeyIndexError> {
        let mut sealed: HashMap<usize, Option<KeyEntry>> = HashMap::new();
        for run in self.live_runs(now) {
            for (position, asked) in batch.iter().enumerate().filter(|(_, asked)| run.may_hold(asked.key)) {
                keep_newest(sealed.entry(position).or_default(), run.find(asked.key)?, now);
            }
        }
        let mut new_in_batch: HashMap<KeyDigest, KeyEntry> = HashMap::with_capacity(batch.len());
        let seen = batch.iter().enumerate().map(|(position, asked)| {
            let sealed = || sealed.get(&position).copied().flatten();
            if let Some(found) = self.find_active(asked.key, now).or_else(sealed) {
                return found.seen_with(asked.body);
            }
            match new_in_batch.entry(asked.key) {
                Entry::Occupied(earlier) => earlier.get().seen_with(asked.body),
                Entry::Vacant(place) => {
                    place.insert(*asked);
                    Seen::Never
                }
            }
        });
        Ok(seen.collect())
    }

    fn find_active(&self, key: KeyDigest, now: Seconds) -> Option<KeyEntry> {
        self.active.find(key).filter(|found| found.at.is_live(now))
    }

    fn live_runs(&self, now: Seconds) -> impl Iterator<Item = &Arc<Run>> {
        self.runs.iter().filter(move |run| run.footer.newest.is_live(now))
    }
}

/// Of two entries that count, the newer one is what the log says last.
fn keep_newest(newest: &mut Option<KeyEntry>, found: Option<KeyEntry>, now: Seconds) {
    let Some(found) = found.filter(|found| found.at.is_live(now)) else { return };
    if newest.is_none_or(|known| known.at < found.at) {
        *newest = Some(found);
    }
}
