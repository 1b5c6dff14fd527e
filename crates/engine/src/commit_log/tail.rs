//! Committed records that are not yet in the lake, in memory.
//!
//! A commit leaves the tail only after a lake snapshot that holds it was published. So a reader that takes the tail first
//! and the lake second misses nothing, and drops what it has twice by comparing commit numbers.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use annals_core::event::CommittedEvent;
use annals_core::ids::{CommitNumber, FeedEventId, OrganizationId, RecordPlace, ShardId};
use annals_core::record::{ApiRequest, FeedEvent};
use annals_core::time::Micros;
use tokio::sync::watch;

use super::blob::{AuditRecord, Body, OtherRecord, Record};

/// One commit's records, ready to be read.
#[derive(Debug, PartialEq)]
pub struct TailCommit {
    pub number: CommitNumber,
    pub received_at: Micros,
    pub audit_events: Arc<[CommittedEvent]>,
    /// Those that have audit events here, each once.
    organizations: Box<[OrganizationId]>,
    pub feed_events: Arc<[FeedEvent]>,
    pub api_requests: Arc<[ApiRequest]>,
    /// Roughly what the records take in memory.
    pub bytes: usize,
}

impl TailCommit {
    #[must_use]
    pub fn new(body: Body) -> Self {
        let Body { shard, number, received_at, records } = body;
        let mut bytes = 0;
        let (mut audit_events, mut feed_events, mut api_requests) = (Vec::new(), Vec::new(), Vec::new());
        for (index, record) in records.into_iter().enumerate() {
            let place = place(shard, number, received_at, index);
            match record {
                Record::AuditEvent(AuditRecord { environment, organization, seq, event, key: _ }) => {
                    bytes += footprint(&event);
                    audit_events.push(CommittedEvent { id: place.into(), environment, organization, seq, received_at, event });
                }
                Record::FeedEvent(OtherRecord { environment, content: event, key: _ }) => {
                    bytes += event.bytes();
                    feed_events.push(FeedEvent { id: place.into(), environment, received_at, event });
                }
                Record::ApiRequest(OtherRecord { environment, content, key: _ }) => {
                    bytes += content.bytes();
                    api_requests.push(ApiRequest {
                        id: place.into(),
                        environment,
                        organization: content.organization,
                        received_at,
                        created_at: content.created_at.unwrap_or(received_at),
                        request: content.request,
                    });
                }
            }
        }
        let mut organizations: Vec<_> = audit_events.iter().map(|event: &CommittedEvent| event.organization).collect();
        organizations.sort_unstable();
        organizations.dedup();
        let organizations = organizations.into();
        let (audit_events, feed_events, api_requests) = (audit_events.into(), feed_events.into(), api_requests.into());
        Self { number, received_at, audit_events, organizations, feed_events, api_requests, bytes }
    }

    /// Of all kinds.
    #[must_use]
    pub fn records(&self) -> usize {
        self.audit_events.len() + self.feed_events.len() + self.api_requests.len()
    }
}

/// The place of the record at `index`; an index beyond 16 bits cannot be (`limits::COMMIT_RECORDS_MAX`).
#[must_use]
pub fn place(shard: ShardId, number: CommitNumber, received_at: Micros, index: usize) -> RecordPlace {
    RecordPlace::of_commit(received_at.id_millis(), shard, number, u16::try_from(index).unwrap_or(u16::MAX))
}

/// Roughly what an event takes in memory.
#[must_use]
pub fn footprint(event: &annals_core::event::NormalEvent) -> usize {
    let extra = |members: &[(String, String)]| members.iter().map(|(name, text)| 60 + name.len() + text.len()).sum::<usize>();
    let party = |p: &annals_core::event::Party| {
        200 + p.id.len()
            + p.kind.len()
            + p.name.as_ref().map_or(0, String::len)
            + p.metadata.as_ref().map_or(0, |m| m.as_str().len())
            + extra(&p.extra)
    };
    300 + event.action.len()
        + party(&event.actor)
        + event.targets.iter().map(party).sum::<usize>()
        + event.context.location.as_ref().map_or(0, String::len)
        + event.context.user_agent.as_ref().map_or(0, String::len)
        + extra(&event.context.extra)
        + event.metadata.as_ref().map_or(0, |m| m.as_str().len())
}

/// The tail of one shard.
pub struct Tail {
    shard: ShardId,
    // A std lock: it is never held across an await, and only for the length of a push or a clone of pointers.
    state: RwLock<State>,
    /// Marked after each commit, for those who wait for the next one.
    commits: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    commits: VecDeque<Arc<TailCommit>>,
    /// The commits with audit events of an organization, in order: a page of a small one costs no more when the tail is long.
    of_organizations: HashMap<OrganizationId, VecDeque<Arc<TailCommit>>>,
    /// The commits that have any, so that nobody looks for few records among many commits.
    feed_events: VecDeque<(CommitNumber, Arc<[FeedEvent]>)>,
    api_requests: VecDeque<(CommitNumber, Arc<[ApiRequest]>)>,
    size: TailSize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TailSize {
    /// Of all kinds.
    pub records: usize,
    pub bytes: usize,
}

impl Tail {
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        Self { shard, state: RwLock::default(), commits: watch::Sender::new(()) }
    }
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    pub(super) fn push(&self, commit: TailCommit) {
        let commit = Arc::new(commit);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.size.records += commit.records();
        state.size.bytes += commit.bytes;
        if !commit.feed_events.is_empty() {
            state.feed_events.push_back((commit.number, Arc::clone(&commit.feed_events)));
        }
        if !commit.api_requests.is_empty() {
            state.api_requests.push_back((commit.number, Arc::clone(&commit.api_requests)));
        }
        for organization in &commit.organizations {
            state.of_organizations.entry(*organization).or_default().push_back(Arc::clone(&commit));
        }
        state.commits.push_back(commit);
        drop(state);
        self.commits.send_replace(());
    }

    /// Changes with every commit. Subscribe first and look then, or a commit in between goes unnoticed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    /// Takes out commits up to `through`, which readers now find in the lake. Dropping them takes longer than all the rest.
    pub(super) fn release(&self, through: CommitNumber) -> Vec<Arc<TailCommit>> {
        let mut released = Vec::new();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        while let Some(front) = state.commits.front().filter(|front| front.number <= through).cloned() {
            state.commits.pop_front();
            state.size.records -= front.records();
            state.size.bytes -= front.bytes;
            for organization in &front.organizations {
                if let Entry::Occupied(mut commits) = state.of_organizations.entry(*organization) {
                    commits.get_mut().pop_front();
                    if commits.get().is_empty() {
                        commits.remove();
                    }
                }
            }
            released.push(front);
        }
        while state.feed_events.pop_front_if(|(number, _)| *number <= through).is_some() {}
        while state.api_requests.pop_front_if(|(number, _)| *number <= through).is_some() {}
        released
    }

    /// All commits, in order.
    #[must_use]
    pub fn commits(&self) -> Vec<Arc<TailCommit>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).commits.iter().cloned().collect()
    }

    /// The commits with audit events of an organization, in order. They have others' events too.
    #[must_use]
    pub fn commits_of(&self, organization: OrganizationId) -> Vec<Arc<TailCommit>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.of_organizations.get(&organization).into_iter().flatten().cloned().collect()
    }

    /// The commits from this one on, in order. Costs no more when the tail is long.
    #[must_use]
    pub fn commits_from(&self, number: CommitNumber) -> Vec<Arc<TailCommit>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let first = state.commits.partition_point(|commit| commit.number < number);
        state.commits.range(first..).cloned().collect()
    }

    /// One organization's audit events, commit by commit. Copies, so that a long read does not keep the whole tail in memory.
    #[must_use]
    pub fn events_of(&self, organization: OrganizationId) -> Vec<Arc<[CommittedEvent]>> {
        let of = |commit: Arc<TailCommit>| {
            commit.audit_events.iter().filter(|event| event.organization == organization).cloned().collect()
        };
        self.commits_of(organization).into_iter().map(of).collect()
    }

    /// Commit by commit, without the commits whose events are all of this id or older.
    #[must_use]
    pub fn feed_events(&self, newer_than: Option<FeedEventId>) -> Vec<Arc<[FeedEvent]>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let is_old = |(_, events): &(_, Arc<[FeedEvent]>)| events.last().map(|last| last.id) <= newer_than;
        let first = state.feed_events.partition_point(is_old);
        state.feed_events.range(first..).map(|(_, events)| Arc::clone(events)).collect()
    }

    /// Commit by commit.
    #[must_use]
    pub fn api_requests(&self) -> Vec<Arc<[ApiRequest]>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.api_requests.iter().map(|(_, requests)| Arc::clone(requests)).collect()
    }

    /// The oldest commits that fit, but at least one when there is any.
    #[must_use]
    pub fn oldest(&self, max: TailSize) -> Vec<Arc<TailCommit>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut taken = TailSize::default();
        let fits = |commit: &&Arc<TailCommit>| {
            let first = taken.records == 0;
            taken.records += commit.records();
            taken.bytes += commit.bytes;
            first || (taken.records <= max.records && taken.bytes <= max.bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit_log::tests::{organization, record};

    #[test]
    fn the_commits_of_an_organization_are_those_with_its_events() {
        let shard = ShardId::new(1);
        let tail = Tail::new(shard);
        let number = |n| CommitNumber::new(n).expect("small");
        for (n, organizations) in [(1, &[1, 2, 1][..]), (2, &[2]), (3, &[]), (4, &[1, 3])] {
            let of = |organization_number: &u128| match record("a", 0) {
                Record::AuditEvent(event) => {
                    Record::AuditEvent(AuditRecord { organization: organization(*organization_number), ..event })
                }
                other => other,
            };
            let records = organizations.iter().map(of).collect();
            tail.push(TailCommit::new(Body { shard, number: number(n), received_at: Micros::saturating(5), records }));
        }
        let of = |n| tail.commits_of(organization(n)).iter().map(|commit| commit.number.get()).collect::<Vec<_>>();
        assert_eq!([of(1), of(2), of(3), of(4)], [vec![1, 4], vec![1, 2], vec![4], vec![]]);
        tail.release(number(2));
        assert_eq!([of(1), of(2), of(3)], [vec![4], vec![], vec![4]]);
        tail.release(number(4));
        assert_eq!([of(1), of(2), of(3)], [const { Vec::<u64>::new() }; 3]);
        assert!(tail.state.read().expect("nobody panicked").of_organizations.is_empty());
    }
}
