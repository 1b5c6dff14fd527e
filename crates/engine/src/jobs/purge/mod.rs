//! Retention of audit events: whole days of an organization's oldest events go, and its log says so.
//!
//! 1. **Plan**: which files hold events of which organizations that are too old. *Nothing happened.*
//! 2. **Record**: each organization's log gets an event that says through which place it is empty. *The events are there still. The next
//!    purge finds them, and in the log what was recorded: it finishes the work without a second record, or records only what became
//!    too old since.*
//!    Then it is flushed: the lake says what is gone before it is. *A copy of log and lake, which are never copied at the same moment,
//!    has the events or the record.*
//! 3. **Take out**, file by file, oldest first: each file is one log entry of the table. *What is gone is a prefix of what was
//!    recorded.*
//!
//! The newest file stays as it is, as in `lake/expire.rs`. A file that cannot be read stays too, and whoever may have events in it keeps
//! the later ones; an organization whose log cannot be read for its last record keeps all. Events of an organization that was deleted go
//! after the default period; no log is left to say so.

mod plan;
mod record;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use annals_core::event::RetentionPurged;
use annals_core::ids::{EnvironmentId, OrganizationId, ShardId};
use annals_core::time::Micros;

use super::flush::{FlushError, FlushJob};
use super::runs::{Job, Run};
use crate::clock::Clock;
use crate::commit_log::{CommitLog, NotAppended};
use crate::crash_point;
use crate::lake::{Lake, LakeError, LakeFile, Pace, RewriteError};
use crate::read::{Reader, ReadingRoom};
use crate::store::{Store, StoreError};
use crate::tenants::RetentionDays;
use plan::{Periods, Plan};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Purge {
    pub store: Arc<dyn Store>,
    pub log: Arc<CommitLog>,
    pub lake: Lake,
    pub flush: FlushJob,
    pub reader: Reader,
    pub room: ReadingRoom,
    pub clock: Arc<dyn Clock>,
    pub default_retention: RetentionDays,
}

/// Through which place the logs of organizations say that they are empty, as far as this process wrote or read it.
pub(super) type Recorded = HashMap<(OrganizationId, ShardId), u64>;

/// What a purge takes, or would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeReport {
    /// In the order of their ids.
    pub organizations: Vec<PurgedOrganization>,
    pub files: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgedOrganization {
    pub organization: OrganizationId,
    pub purged: RetentionPurged,
}

/// It is not known what went. The next purge goes on where this one ended.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Flush(#[from] FlushError),
    /// Of some organizations at least: what cannot be recorded stays.
    #[error("a purge cannot be recorded: {reason}")]
    Unrecorded { reason: &'static str, retry_after: Duration },
}

impl Purge {
    /// No record was received later.
    pub fn last_received_at(&self) -> Option<Micros> {
        let in_tail = self.log.tail().commits().last().map(|commit| commit.received_at);
        in_tail.max(self.lake.received_at_max())
    }

    /// What would go now, of one environment.
    pub async fn preview(&self, environment: EnvironmentId) -> Result<PurgeReport, PurgeError> {
        let plan = self.plan(Some(environment), &mut HashSet::new()).await?;
        Ok(PurgeReport::of(&plan))
    }

    /// Takes out what is too old, of one environment or of all. `set_aside` are files that cannot be read.
    pub async fn run(
        &self,
        environment: Option<EnvironmentId>,
        set_aside: &mut HashSet<String>,
        recorded: &mut Recorded,
        pace: Pace,
    ) -> Result<PurgeReport, PurgeError> {
        let mut run = Run::begin(Job::Purge, &self.clock);
        // Step 1.
        let mut plan = self.plan(environment, set_aside).await?;
        if plan.files.is_empty() {
            run.forget();
            return Ok(PurgeReport::of(&plan));
        }
        // Step 2.
        let unrecorded = self.record(&plan, recorded).await;
        let all_recorded = unrecorded.organizations.is_empty();
        for organization in unrecorded.organizations {
            plan.leave_out(organization);
        }
        crash_point::pass("purge.recorded");
        self.flush.flush_all().await?;
        crash_point::pass("purge.flushed");
        // Step 3.
        let taken = self.take_out(&plan, set_aside, pace, &mut run).await;
        tracing::info!(organizations = plan.organizations.len(), files = run.files, events = run.rows, "old audit events went");
        run.ended(taken.is_ok() && all_recorded);
        taken?;
        match unrecorded.refused {
            None => Ok(PurgeReport::of(&plan)),
            Some(NotAppended { reason, retry_after }) => Err(PurgeError::Unrecorded { reason, retry_after }),
        }
    }

    async fn plan(&self, environment: Option<EnvironmentId>, set_aside: &mut HashSet<String>) -> Result<Plan, PurgeError> {
        let now = self.clock.now();
        let own = self.store.retention_periods().await?.into_iter().collect();
        let periods = Arc::new(Periods { default: self.default_retention.get(), own });
        let (mut plan, latest) = (Plan::default(), periods.latest(now));
        let snapshot = self.lake.audit_events.snapshot();
        let newest = snapshot.files().iter().map(|file| file.stats.ids.greatest).max();
        let old = |file: &&LakeFile| file.received().greatest < latest && Some(file.stats.ids.greatest) != newest;
        for file in snapshot.files().iter().filter(old) {
            let (day, of_file) = (file.received().greatest, Arc::clone(&periods));
            let is_old = move |organization: OrganizationId| of_file.received_before(organization, now) > day;
            match self.lake.audit_events.holdings(file, is_old).await {
                Ok(mut holdings) => {
                    holdings.retain(|holding| environment.is_none_or(|environment| holding.environment == environment));
                    plan.add(file, holdings, |organization| periods.received_before(organization, now));
                }
                Err(RewriteError::Sources { paths, error }) => {
                    tracing::error!(?paths, %error, "a damaged file of the lake stays, however old its events are");
                    set_aside.extend(paths);
                    plan.stop_at(file);
                }
                Err(RewriteError::Lake(error)) => return Err(error.into()),
            }
        }
        Ok(plan.without_mere_records())
    }

    async fn take_out(&self, plan: &Plan, set_aside: &mut HashSet<String>, pace: Pace, run: &mut Run) -> Result<(), LakeError> {
        let mut stopped: BTreeSet<OrganizationId> = BTreeSet::new();
        for (file, leaving) in &plan.files {
            let leaving: BTreeSet<_> = leaving.difference(&stopped).copied().collect();
            if leaving.is_empty() {
                continue;
            }
            let now: Micros = self.clock.now();
            match self.lake.audit_events.purge_file(file.clone(), leaving.clone(), pace, now).await {
                Ok(Some(purged)) => {
                    run.files += 1;
                    run.rows += purged.rows;
                    run.bytes += purged.bytes;
                }
                // Somebody else changed the table: the next purge looks again.
                Ok(None) => stopped.extend(leaving),
                Err(RewriteError::Sources { paths, error }) => {
                    tracing::error!(?paths, %error, "a damaged file of the lake stays, however old its events are");
                    set_aside.extend(paths);
                    stopped.extend(leaving);
                }
                Err(RewriteError::Lake(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

impl PurgeReport {
    fn of(plan: &Plan) -> Self {
        let organization = |((organization, _), going): (&(OrganizationId, ShardId), &plan::Going)| PurgedOrganization {
            organization: *organization,
            purged: going.purged,
        };
        Self { organizations: plan.organizations.iter().map(organization).collect(), files: plan.files.len() as u64 }
    }
}
