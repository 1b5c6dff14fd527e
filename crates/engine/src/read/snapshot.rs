//! What a reader sees: tail and lake at one moment.

use std::sync::Arc;

use annals_core::event::CommittedEvent;
use annals_core::ids::ShardId;

use crate::lake::{LakeSnapshot, Row};

/// Each committed record of one kind is in one of the two, and in one only.
#[derive(Debug, Clone)]
pub struct Snapshot<R: Row = CommittedEvent> {
    pub(super) lake: Arc<LakeSnapshot<R>>,
    /// Whole commits of one shard, in order.
    pub(super) tail: Vec<Arc<[R]>>,
}

impl<R: Row> Snapshot<R> {
    /// `tail`: the shard's commits in order, taken BEFORE `lake`. Commits leave the tail only when the lake has them, so
    /// nothing is missing then, and what is in both is dropped from the tail here.
    #[must_use]
    pub fn new(shard: ShardId, tail: impl IntoIterator<Item = Arc<[R]>>, lake: Arc<LakeSnapshot<R>>) -> Self {
        let flushed = lake.flushed_through(shard);
        let in_lake = |commit: &Arc<[R]>| commit.first().is_none_or(|row| row.place().commit() <= flushed);
        let tail = tail.into_iter().skip_while(in_lake).collect();
        Self { lake, tail }
    }

    /// The last record of all; `None` when there is none.
    #[must_use]
    pub fn last(&self) -> Option<R::Id> {
        let in_tail = self.tail.iter().rev().find_map(|commit| commit.last()).map(Row::id);
        self.lake.last().max(in_tail)
    }
}
