//! Where the courier takes events from and gives account of them: memory or a spool.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::outcome::Refused;
use super::place::{Batch, BatchLimits, Doubt, Place};
use super::queue::Queue;
use super::shared::Shared;
use super::spool::Reader;

pub(crate) enum Drain {
    Memory(Arc<Queue>),
    Spool { reader: Box<Reader>, shared: Arc<Shared> },
}

impl Drain {
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Memory(queue) => queue.waiting().0 == 0,
            Self::Spool { reader, .. } => reader.is_empty(),
        }
    }

    /// Whether a batch of the largest size waits.
    pub fn is_batch_full(&self, limits: BatchLimits) -> bool {
        match self {
            Self::Memory(queue) => {
                let (events, bytes) = queue.waiting();
                events >= limits.events_max || bytes >= limits.bytes_max
            }
            Self::Spool { shared, .. } => shared.spooled.load(Relaxed) >= limits.events_max as u64,
        }
    }

    pub fn take(&mut self, limits: BatchLimits) -> io::Result<Batch> {
        match self {
            Self::Memory(queue) => Ok(queue.take(limits)),
            Self::Spool { reader, .. } => reader.take(limits),
        }
    }

    pub fn age_max(&self) -> Option<Duration> {
        match self {
            Self::Memory(_) => None,
            Self::Spool { reader, .. } => Some(reader.age_max),
        }
    }

    /// What a killed process must leave word of. Memory leaves nothing.
    pub fn mark(&mut self, doubt: Option<Doubt>) -> io::Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Spool { reader, .. } => reader.mark(doubt),
        }
    }

    /// `events` of them up to `until` are done.
    pub fn settle(&mut self, until: Place, events: usize, refused: &[Arc<Refused>]) {
        match self {
            Self::Memory(queue) => queue.settle(until),
            Self::Spool { reader, .. } => reader.settle(until, events as u64, refused),
        }
    }

    /// Nothing more is sent for a while: what was settled goes to the disk.
    pub fn save(&mut self) {
        if let Self::Spool { reader, .. } = self
            && let Err(error) = reader.save()
        {
            tracing::error!(%error, "the spool's position cannot be written: after a restart events would be sent again");
        }
    }

    /// Events that are lost when nobody sends them now.
    pub fn abandon(&mut self) -> usize {
        match self {
            Self::Memory(queue) => queue.abandon(),
            Self::Spool { .. } => 0,
        }
    }
}
