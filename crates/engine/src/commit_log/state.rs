//! What memory knows of the log. All of it can be derived from the store and the lake, and is, at start.

use std::collections::{HashMap, HashSet};

use annals_core::ids::{CommitNumber, OrganizationId, ShardId};
use annals_core::time::Micros;

use super::blob::{AuditRecord, Body, KeyMark, Record};
use super::keys::{BodyDigest, KeyDigest, KeyEntry, KeyIndex, Seconds};

pub(super) struct LogState {
    pub shard: ShardId,
    pub last: CommitNumber,
    /// Of the last commit. Never falls.
    pub received_at: Micros,
    /// The seq that the next event of an organization takes; absent means 0.
    heads: HashMap<OrganizationId, u64>,
    /// Organizations whose heads rose since they were last saved.
    raised: HashSet<OrganizationId>,
    pub keys: KeyIndex,
}

impl LogState {
    pub fn new(shard: ShardId, received_at: Micros, heads: Vec<(OrganizationId, u64)>, keys: KeyIndex) -> Self {
        Self { shard, last: CommitNumber::ZERO, received_at, heads: heads.into_iter().collect(), raised: HashSet::new(), keys }
    }

    pub fn head(&self, organization: OrganizationId) -> u64 {
        self.heads.get(&organization).copied().unwrap_or(0)
    }

    /// Heads that the store does not know. They count commits that are still in the log too, which is right: those are durable.
    pub fn raised_heads(&self) -> Vec<(OrganizationId, u64)> {
        self.raised.iter().map(|organization| (*organization, self.head(*organization))).collect()
    }

    /// The store knows all heads now.
    pub fn heads_saved(&mut self) {
        self.raised.clear();
    }

    /// Step 5: learns of a durable commit, be it new or replayed.
    pub fn apply(&mut self, body: &Body) {
        self.last = body.number;
        self.received_at = self.received_at.max(body.received_at);
        for record in &body.records {
            if let Record::AuditEvent(AuditRecord { organization, seq, .. }) = record {
                let head = self.heads.entry(*organization).or_default();
                *head = (*head).max(seq + 1);
                self.raised.insert(*organization);
            }
            if let Some(mark) = record.key() {
                self.keys.insert(body.number.get(), key_entry(mark, body.received_at));
            }
        }
    }
}

pub(super) fn key_entry(mark: KeyMark, at: Micros) -> KeyEntry {
    KeyEntry { key: KeyDigest(mark.key), body: BodyDigest(mark.body), at: seconds(at) }
}

pub(crate) fn seconds(time: Micros) -> Seconds {
    Seconds(u32::try_from(time.get().div_euclid(1_000_000).max(0)).unwrap_or(u32::MAX))
}
