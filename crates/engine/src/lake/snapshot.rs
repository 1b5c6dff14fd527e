//! The files of the lake at one moment, in the order of their commits. Never changes; a flush makes another one.

use annals_core::ids::{AuditEventId, CommitNumber, OrganizationId, ShardId};
use annals_core::time::Micros;
use deltalake_core::table::state::DeltaTableState;

use super::LakeError;
use super::stats::{FileStats, Range};

/// One data file. All its events are of one received day, sorted by organization and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeFile {
    /// Inside the table's folder.
    pub path: String,
    pub bytes: u64,
    pub rows: u64,
    pub organizations: Range<OrganizationId>,
    pub ids: Range<AuditEventId>,
}

impl LakeFile {
    /// Whether the file may have events of this organization.
    pub fn may_hold(&self, organization: OrganizationId) -> bool {
        self.organizations.least <= organization && organization <= self.organizations.greatest
    }

    /// Between these two the events were received. Ids carry the time in milliseconds, so both ends are rounded outwards.
    pub fn received(&self) -> Range<Micros> {
        let millis = |id: AuditEventId| i64::try_from(id.millis()).unwrap_or(i64::MAX).saturating_mul(1000);
        Range {
            least: Micros::saturating(millis(self.ids.least)),
            greatest: Micros::saturating(millis(self.ids.greatest).saturating_add(999)),
        }
    }
}

#[derive(Debug, Default)]
pub struct LakeSnapshot {
    files: Vec<LakeFile>,
}

impl LakeSnapshot {
    pub(super) fn of_state(state: &DeltaTableState) -> Result<Self, LakeError> {
        let mut files = Vec::new();
        for file in state.snapshot().try_log_data()?.iter() {
            let path = file.path().into_owned();
            let stats = file.stats().as_deref().and_then(FileStats::read);
            let stats = stats.ok_or_else(|| LakeError::damaged(format!("data file {path} has no statistics of ours")))?;
            let bytes = u64::try_from(file.size()).unwrap_or_default();
            files.push(LakeFile { path, bytes, rows: stats.rows, organizations: stats.organizations, ids: stats.ids });
        }
        // Ids rise with every record of a shard, so this is the order of flushes, also when one flush made files of two days.
        files.sort_unstable_by_key(|file| file.ids.least);
        Ok(Self { files })
    }

    /// In the order of their first events' ids.
    pub fn files(&self) -> &[LakeFile] {
        &self.files
    }
    /// No event in the lake was received later. Rounded up to milliseconds.
    pub fn received_at_max(&self) -> Option<Micros> {
        self.files.iter().map(|file| file.received().greatest).max()
    }
    /// The last commit of a shard that has an event here; `ZERO` when there is none. A reader that took the tail before this
    /// snapshot drops the tail's commits up to here, and so sees each event once.
    pub fn flushed_through(&self, shard: ShardId) -> CommitNumber {
        let last = self.files.iter().map(|file| file.ids.greatest).filter(|id| id.shard() == shard).max();
        last.map_or(CommitNumber::ZERO, AuditEventId::commit)
    }
}
