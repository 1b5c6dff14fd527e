//! What comes next: each event of a query once, in the order of commits, while they are recorded.
//!
//! A follower remembers one id. It asks for the events after it, then waits for the next commit and asks again, so it survives
//! flushes and knows no difference between history and present. Dropping a half-finished [`Follow::next`] loses nothing.

use std::sync::Arc;
use std::time::Duration;

use annals_core::event::CommittedEvent;
use annals_core::ids::AuditEventId;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{AuditEvents, AuditEventsError};
use crate::commit_log::footprint;
use crate::read::{Query, Snapshot};
use crate::store::listing::{Direction, Scan};

/// Events that are handed over at a time.
const EVENTS_AT_ONCE: u32 = 100;
/// Memory of those events, unless a single one is larger: slow readers hold them, and there are many readers.
const BYTES_AT_ONCE: usize = 256 * 1024;
/// A busy log commits thousands of times a second: a follower looks less often and takes more each time.
const PAUSE: Duration = Duration::from_millis(20);

/// A place in the log that moves on.
pub struct Follow {
    events: AuditEvents,
    query: Query,
    /// Everything up to here was handed over or does not pass the filter. `None`: before the first event ever.
    after: Option<AuditEventId>,
    commits: watch::Receiver<()>,
    /// Whether there may be more without a further commit.
    more: bool,
    looked_at: Option<Instant>,
}

impl Follow {
    pub(super) fn new(events: AuditEvents, query: Query, after: Option<AuditEventId>) -> Self {
        // Before the look at where the log ends: a commit in between wakes the follower, which then finds nothing or more.
        let commits = events.tail.changes();
        let after = after.or_else(|| events.snapshot().last());
        Self { events, query, after, commits, more: true, looked_at: None }
    }

    /// The next events, at least one. Waits for them.
    ///
    /// # Errors
    /// Events cannot be read; the next call tries the same again.
    pub async fn next(&mut self) -> Result<Vec<CommittedEvent>, AuditEventsError> {
        loop {
            if !self.more {
                // The sender lives as long as the tail, which `events` holds.
                let _ = self.commits.changed().await;
                // From here on, also when the pause is cut short by whoever waits.
                self.more = true;
                if let Some(looked_at) = self.looked_at {
                    tokio::time::sleep_until(looked_at + PAUSE).await;
                }
            }
            let events = self.look().await?;
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<CommittedEvent>, AuditEventsError> {
        self.more = true;
        self.commits.mark_unchanged();
        self.looked_at = Some(Instant::now());
        let snapshot = self.snapshot();
        let scan = Scan { above: self.after, below: None, direction: Direction::Rising, rows: EVENTS_AT_ONCE };
        let (reader, query, last) = (self.events.reader.clone(), self.query.clone(), snapshot.last());
        let reading = async move { Ok::<_, AuditEventsError>(reader.nearest(&snapshot, &query, scan).await?) };
        let mut events = self.events.room.run(reading).await?;
        let handed_over = fitting(&events);
        self.more = events.len() == EVENTS_AT_ONCE as usize || handed_over < events.len();
        events.truncate(handed_over);
        let complete_through = if self.more { events.last().map(|event| event.id) } else { last };
        self.after = self.after.max(complete_through);
        Ok(events)
    }

    /// Without the commits of the tail that were looked at before.
    fn snapshot(&self) -> Snapshot {
        let tail = &self.events.tail;
        let commits = match self.after {
            Some(after) if after.shard() == tail.shard() => tail.commits_from(after.commit()),
            _ => tail.commits(),
        };
        let commits = commits.iter().map(|commit| Arc::clone(&commit.audit_events));
        Snapshot::new(tail.shard(), commits, self.events.lake.audit_events.snapshot())
    }
}

/// How many of these are handed over: at least one, when there is any.
fn fitting(events: &[CommittedEvent]) -> usize {
    let mut bytes = 0;
    let fits = |committed: &&CommittedEvent| {
        let first = bytes == 0;
        bytes += footprint(&committed.event);
        first || bytes <= BYTES_AT_ONCE
    };
    events.iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::testing::{Sequencer, event, organization};

    #[test]
    fn large_events_are_handed_over_a_few_at_a_time() {
        let of_bytes = |bytes: &[usize]| {
            let large = |length: &usize| {
                let mut event = event(1);
                event.context.extra = vec![("more".to_owned(), "x".repeat(*length))];
                (organization(1), event)
            };
            fitting(&Sequencer::default().commit(1, bytes.iter().map(large).collect()))
        };
        for (bytes, fit) in [(&[][..], 0), (&[0; 100], 100), (&[60_000; 100], 4), (&[300_000, 0], 1), (&[0, 300_000, 0], 1)] {
            assert_eq!(of_bytes(bytes), fit, "{bytes:?}");
        }
    }
}
