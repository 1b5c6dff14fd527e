//! The record of a purge in the organization's own log: written once for each place, whatever dies on the way.
//!
//! The log itself says what was recorded, however long ago that was. While an answer is lost, the log may not show yet what it has: for
//! that time there is an idempotency key.

use std::time::Duration;

use annals_core::event::RetentionPurged;
use annals_core::ids::{OrganizationId, ShardId};
use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::plan::{Going, Plan};
use super::{Purge, Recorded};
use crate::commit_log::{Append, Appended, KeyMark, NewRecord, NotAppended};
use crate::read::{ActionPattern, Filter, ReadError, Selection, Snapshot};
use crate::store::StoreError;
use crate::store::listing::{Direction, Scan};

/// Part of the digests, so that no key of a request can be one of these.
const REQUEST: &[u8] = b"retention";
/// Records that are written at the same time: most of them share a commit.
const AT_ONCE: usize = 64;
/// Before a purge that could not be recorded is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Records that are looked at for the last one of a shard.
const LOOKED_AT: u32 = 16;

#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] NotAppended),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("another purge was recorded a moment ago")]
    Taken,
}

impl RecordError {
    fn refusal(&self) -> Option<NotAppended> {
        match self {
            Self::Log(refused) => Some(*refused),
            Self::Store(_) => Some(NotAppended { reason: "the database cannot be used", retry_after: RETRY }),
            // A damaged file keeps what is in it.
            Self::Read(_) | Self::Taken => None,
        }
    }
}

/// Organizations that keep their events for now.
#[derive(Default)]
pub(super) struct Unrecorded {
    pub organizations: Vec<(OrganizationId, ShardId)>,
    /// Why, of one of them, when trying again may help. All reasons stand in the server's log.
    pub refused: Option<NotAppended>,
}

impl Purge {
    /// Gives back those whose record could not be written.
    pub(super) async fn record(&self, plan: &Plan, recorded: &mut Recorded) -> Unrecorded {
        let known = &*recorded;
        let one = |(key, going): (&(OrganizationId, ShardId), &Going)| {
            let (key, going) = (*key, *going);
            async move { (key, going.purged.through_seq, self.record_one(key, going, known.get(&key).copied()).await) }
        };
        let outcomes: Vec<_> =
            futures::stream::iter(plan.organizations.iter().map(one)).buffer_unordered(AT_ONCE).collect().await;
        let mut unrecorded = Unrecorded::default();
        for (key, through, outcome) in outcomes {
            match outcome {
                Ok(()) => {
                    // A period that is longer now does not take back what was recorded.
                    let known = recorded.entry(key).or_insert(through);
                    *known = through.max(*known);
                }
                Err(error) => {
                    tracing::warn!(organization = %key.0, %error, "a purge cannot be recorded and waits");
                    unrecorded.organizations.push(key);
                    unrecorded.refused = unrecorded.refused.or(error.refusal());
                }
            }
        }
        unrecorded
    }

    async fn record_one(
        &self,
        (organization, shard): (OrganizationId, ShardId),
        going: Going,
        known: Option<u64>,
    ) -> Result<(), RecordError> {
        if self.store.organization(going.environment, organization).await?.is_none() {
            return Ok(());
        }
        let through = match known {
            Some(through) => Some(through),
            None => self.recorded_through(organization, shard, going).await?,
        };
        let from_seq = through.map_or(0, |through| through + 1).max(going.purged.from_seq);
        if from_seq > going.purged.through_seq {
            return Ok(());
        }
        let purged = RetentionPurged { from_seq, ..going.purged };
        let event = purged.into_valid(organization, self.clock.now());
        let key = Some(mark(organization, &purged));
        let record = NewRecord::AuditEvent { organization, event };
        match self.log.append(Append { environment: going.environment, record, key }).await? {
            Appended::Stored(_) | Appended::Replayed => Ok(()),
            Appended::KeyReused | Appended::LeftOut => Err(RecordError::Taken),
        }
    }

    /// What the organization's log says.
    async fn recorded_through(
        &self,
        organization: OrganizationId,
        shard: ShardId,
        going: Going,
    ) -> Result<Option<u64>, RecordError> {
        let mut filter = Filter::of(organization);
        filter.actions = vec![ActionPattern::Exact(RetentionPurged::ACTION.to_owned())];
        let query = self.reader.query(Selection { environment: going.environment, filter })?;
        let (tail, reader) = (self.log.tail(), self.reader.clone());
        // The tail first: a commit leaves it only when the lake has it.
        let events = tail.events_of(organization);
        let snapshot = Snapshot::new(tail.shard(), events, self.lake.audit_events.snapshot());
        let scan = Scan { above: None, below: None, direction: Direction::Falling, rows: LOOKED_AT };
        let records = self.room.run(async move { reader.nearest(&snapshot, &query, scan).await }).await?;
        let of_shard =
            records.iter().filter_map(|record| RetentionPurged::of(&record.event)).filter(|purged| purged.shard == shard);
        Ok(of_shard.map(|purged| purged.through_seq).max())
    }
}

/// The same for every attempt from one place.
fn mark(organization: OrganizationId, purged: &RetentionPurged) -> KeyMark {
    let RetentionPurged { shard, from_seq, through_seq, .. } = purged;
    let key = format!("{organization} {shard} {from_seq}");
    KeyMark::new([0; 32], REQUEST, &key, KeyMark::body(Sha256::new().chain_update(through_seq.to_be_bytes())))
}
