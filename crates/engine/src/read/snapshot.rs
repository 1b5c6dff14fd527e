//! What a reader sees: tail and lake at one moment.

use std::sync::Arc;

use annals_core::event::CommittedEvent;
use annals_core::ids::ShardId;

use crate::lake::LakeSnapshot;

/// Each committed event is in one of the two, and in one only.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) lake: Arc<LakeSnapshot>,
    /// Whole commits of one shard, in order.
    pub(super) tail: Vec<Arc<[CommittedEvent]>>,
}

impl Snapshot {
    /// `tail`: the shard's commits in order, taken BEFORE `lake`. Commits leave the tail only when the lake has them, so
    /// nothing is missing then, and what is in both is dropped from the tail here.
    #[must_use]
    pub fn new(shard: ShardId, tail: impl IntoIterator<Item = Arc<[CommittedEvent]>>, lake: Arc<LakeSnapshot>) -> Self {
        let flushed = lake.flushed_through(shard);
        let in_lake = |commit: &Arc<[CommittedEvent]>| commit.first().is_none_or(|event| event.id.commit() <= flushed);
        let tail = tail.into_iter().skip_while(in_lake).collect();
        Self { lake, tail }
    }
}
