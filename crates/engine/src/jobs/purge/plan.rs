//! What retention takes, and from which files. Pure: files and what they hold come in, and nothing is changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use annals_core::event::RetentionPurged;
use annals_core::ids::{EnvironmentId, OrganizationId, RecordPlace, ShardId};
use annals_core::time::Micros;

use crate::lake::{Holding, LakeFile, Range};

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// For how many days organizations keep their events.
#[derive(Debug, Clone)]
pub struct Periods {
    /// Of organizations that never set one, or are gone.
    pub default: u32,
    pub own: HashMap<OrganizationId, u32>,
}

impl Periods {
    /// Whole days go, so this is a midnight.
    pub fn received_before(&self, organization: OrganizationId, now: Micros) -> Micros {
        midnight(now, self.own.get(&organization).copied().unwrap_or(self.default))
    }

    /// No organization keeps its events for less.
    pub fn latest(&self, now: Micros) -> Micros {
        midnight(now, self.own.values().copied().fold(self.default, u32::min))
    }
}

fn midnight(now: Micros, days: u32) -> Micros {
    Micros::saturating((now.get().div_euclid(DAY_MICROS) - i64::from(days)).saturating_mul(DAY_MICROS))
}

/// One organization's oldest events in one shard, without a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Going {
    pub environment: EnvironmentId,
    pub purged: RetentionPurged,
    /// Of these events, how many tell of earlier purges.
    records: u64,
}

#[derive(Debug, Default)]
pub struct Plan {
    /// In the order of commits: what is gone at any moment is a prefix.
    pub files: Vec<(LakeFile, BTreeSet<OrganizationId>)>,
    pub organizations: BTreeMap<(OrganizationId, ShardId), Going>,
    /// Organizations that lose no more, because what comes next cannot be read.
    stopped: Vec<Range<OrganizationId>>,
}

impl Plan {
    /// The next file, in the order of commits, and what is too old in it.
    pub fn add(&mut self, file: &LakeFile, holdings: Vec<Holding>, received_before: impl Fn(OrganizationId) -> Micros) {
        let shard = RecordPlace::from(file.stats.ids.least).shard();
        let mut leaving = BTreeSet::new();
        for Holding { environment, organization, from_seq, through_seq, records } in holdings {
            if self.is_stopped(organization) {
                continue;
            }
            let received_before = received_before(organization);
            let new = RetentionPurged { shard, from_seq, through_seq, received_before };
            let going = self.organizations.entry((organization, shard));
            let going =
                going.or_insert(Going { environment, purged: RetentionPurged { through_seq: from_seq, ..new }, records: 0 });
            if from_seq > going.purged.through_seq + 1 {
                self.stopped.push(Range { least: organization, greatest: organization });
                tracing::error!(%organization, %shard, seq = going.purged.through_seq + 1, "a place in the log has no event");
                continue;
            }
            going.purged.through_seq = through_seq;
            going.records += records;
            leaving.insert(organization);
        }
        if !leaving.is_empty() {
            self.files.push((file.clone(), leaving));
        }
    }

    /// A file that cannot be read: nobody who may have rows in it loses later ones.
    pub fn stop_at(&mut self, file: &LakeFile) {
        self.stopped.push(file.stats.owners);
    }

    fn is_stopped(&self, organization: OrganizationId) -> bool {
        self.stopped.iter().any(|range| range.holds(organization))
    }

    /// Without organizations that would lose nothing but records of earlier purges: each such purge would leave another one.
    pub fn without_mere_records(mut self) -> Self {
        let mere = |going: &Going| going.records == going.purged.events();
        let mere: Vec<_> = self.organizations.iter().filter(|(_, going)| mere(going)).map(|(key, _)| *key).collect();
        for key in mere {
            self.leave_out(key);
        }
        self
    }

    /// This organization keeps what it has.
    pub fn leave_out(&mut self, (organization, shard): (OrganizationId, ShardId)) {
        self.organizations.remove(&(organization, shard));
        for (_, leaving) in self.files.iter_mut().filter(|(file, _)| RecordPlace::from(file.stats.ids.least).shard() == shard) {
            leaving.remove(&organization);
        }
        self.files.retain(|(_, leaving)| !leaving.is_empty());
    }
}
