//! Committed records that are not yet in the lake, in memory.
//!
//! A commit leaves the tail only after a lake snapshot that holds it was published. So a reader that takes the tail first
//! and the lake second misses nothing, and drops what it has twice by comparing commit numbers.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use annals_core::event::CommittedEvent;
use annals_core::ids::{AuditEventId, CommitNumber, OrganizationId, ShardId};
use annals_core::time::Micros;

use super::blob::{Body, Record};

/// One commit's events, ready to be read.
#[derive(Debug, PartialEq)]
pub struct TailCommit {
    pub number: CommitNumber,
    pub received_at: Micros,
    pub events: Arc<[CommittedEvent]>,
    /// Roughly what the events take in memory.
    pub bytes: usize,
}

impl TailCommit {
    #[must_use]
    pub fn new(body: Body) -> Self {
        let Body { shard, number, received_at, records } = body;
        let mut bytes = 0;
        let events = records
            .into_iter()
            .enumerate()
            .map(|(index, Record::AuditEvent(record))| {
                bytes += footprint(&record.event);
                CommittedEvent {
                    id: event_id(shard, number, received_at, index),
                    environment: record.environment,
                    organization: record.organization,
                    seq: record.seq,
                    received_at,
                    event: record.event,
                }
            })
            .collect();
        Self { number, received_at, events, bytes }
    }
}

/// The id of the record at `index`; an index beyond 16 bits cannot be (`limits::COMMIT_RECORDS_MAX`).
#[must_use]
pub fn event_id(shard: ShardId, number: CommitNumber, received_at: Micros, index: usize) -> AuditEventId {
    AuditEventId::of_commit(received_at.id_millis(), shard, number, u16::try_from(index).unwrap_or(u16::MAX))
}

fn footprint(event: &annals_core::event::NormalEvent) -> usize {
    let party = |p: &annals_core::event::Party| {
        200 + p.id.len()
            + p.kind.len()
            + p.name.as_ref().map_or(0, String::len)
            + p.metadata.as_ref().map_or(0, |m| m.as_str().len())
    };
    300 + event.action.len()
        + party(&event.actor)
        + event.targets.iter().map(party).sum::<usize>()
        + event.context.location.as_ref().map_or(0, String::len)
        + event.context.user_agent.as_ref().map_or(0, String::len)
        + event.metadata.as_ref().map_or(0, |m| m.as_str().len())
}

/// The tail of one shard.
pub struct Tail {
    shard: ShardId,
    // A std lock: it is never held across an await, and only for the length of a push or a clone of pointers.
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    commits: VecDeque<Arc<TailCommit>>,
    size: TailSize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TailSize {
    pub events: usize,
    pub bytes: usize,
}

impl Tail {
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        Self { shard, state: RwLock::default() }
    }
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    pub(super) fn push(&self, commit: TailCommit) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.size.events += commit.events.len();
        state.size.bytes += commit.bytes;
        state.commits.push_back(Arc::new(commit));
    }

    /// Drops commits up to `through`, which readers now find in the lake.
    pub(super) fn release(&self, through: CommitNumber) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        while let Some(front) = state.commits.front().filter(|front| front.number <= through).cloned() {
            state.commits.pop_front();
            state.size.events -= front.events.len();
            state.size.bytes -= front.bytes;
        }
    }

    /// All commits, in order.
    #[must_use]
    pub fn commits(&self) -> Vec<Arc<TailCommit>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).commits.iter().cloned().collect()
    }

    /// One organization's events, commit by commit. Copies, so that a long read does not keep the whole tail in memory.
    #[must_use]
    pub fn events_of(&self, organization: OrganizationId) -> Vec<Arc<[CommittedEvent]>> {
        let of = |commit: Arc<TailCommit>| {
            let events: Arc<[_]> = commit.events.iter().filter(|event| event.organization == organization).cloned().collect();
            (!events.is_empty()).then_some(events)
        };
        self.commits().into_iter().filter_map(of).collect()
    }

    /// The oldest commits that fit, but at least one when there is any.
    #[must_use]
    pub fn oldest(&self, max: TailSize) -> Vec<Arc<TailCommit>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut taken = TailSize::default();
        let fits = |commit: &&Arc<TailCommit>| {
            let first = taken.events == 0;
            taken.events += commit.events.len();
            taken.bytes += commit.bytes;
            first || (taken.events <= max.events && taken.bytes <= max.bytes)
        };
        state.commits.iter().take_while(fits).cloned().collect()
    }

    #[must_use]
    pub fn size(&self) -> TailSize {
        self.state.read().unwrap_or_else(PoisonError::into_inner).size
    }

    /// When the oldest waiting commit was received.
    #[must_use]
    pub fn oldest_received_at(&self) -> Option<Micros> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).commits.front().map(|commit| commit.received_at)
    }
}
