//! Where a poll found nothing more. Consumers of rare events poll with the same cursor for days: without this every poll would read
//! everything that was committed since.
//!
//! What is remembered stays true: events are only ever added behind the last one of a snapshot. (With several writers that is the lowest
//! of their last ones.)

use annals_core::ids::FeedEventId;
use moka::future::Cache;
use sha2::{Digest, Sha256};

use crate::read::FeedSelection;
use crate::store::listing::{Direction, Scan};

/// Filters with a cursor. An entry takes about 200 bytes.
const ENTRIES_MAX: u64 = 50_000;

#[derive(Clone)]
pub(super) struct Quiet {
    /// By selection and cursor: no matching event lies between the cursor and this one.
    through: Cache<[u8; 32], FeedEventId>,
}

/// The polls of one selection.
pub(super) struct Polls {
    quiet: Quiet,
    selection: Sha256,
}

impl Quiet {
    pub fn new() -> Self {
        Self { through: Cache::new(ENTRIES_MAX) }
    }

    pub fn polls(&self, selection: &FeedSelection) -> Polls {
        let FeedSelection { environment, names, organization, received } = selection;
        let mut digest = Sha256::new_with_prefix(environment.to_bytes());
        // The debug texts of ids and times are their values, and say where each part ends.
        digest.update(format!("{organization:?}{received:?}{}", names.is_some()));
        for name in names.iter().flatten() {
            digest.update(name.as_str());
            digest.update([0]);
        }
        Polls { quiet: self.clone(), selection: digest }
    }
}

impl Polls {
    /// The same scan, beginning behind what is known to be empty.
    pub async fn shorten(&self, scan: Scan<FeedEventId>) -> Scan<FeedEventId> {
        if !is_poll(&scan) {
            return scan;
        }
        Scan { above: self.quiet.through.get(&self.key(scan.above)).await.max(scan.above), ..scan }
    }

    /// To be told what the scan `asked` for found, and the last event, of any kind, that it saw. That may be less than was known: a
    /// shortened scan leaves out the tail.
    pub async fn note(&self, asked: Scan<FeedEventId>, found: &[FeedEventId], seen: Option<FeedEventId>) {
        let next_cursor = found.last().copied().or(asked.above);
        if let Some(seen) = seen.filter(|_| is_poll(&asked) && found.len() < asked.rows as usize)
            && Some(seen) > next_cursor
        {
            let key = self.key(next_cursor);
            if Some(seen) > self.quiet.through.get(&key).await {
                self.quiet.through.insert(key, seen).await;
            }
        }
    }

    fn key(&self, cursor: Option<FeedEventId>) -> [u8; 32] {
        let cursor = cursor.map_or([0; 16], FeedEventId::to_bytes);
        self.selection.clone().chain_update(cursor).finalize().into()
    }
}

fn is_poll(scan: &Scan<FeedEventId>) -> bool {
    scan.direction == Direction::Rising && scan.below.is_none()
}

#[cfg(test)]
mod tests {
    use annals_core::ids::EnvironmentId;

    use super::*;
    use crate::read::ALWAYS;

    #[tokio::test]
    async fn what_was_found_empty_stays_known() {
        let id = |number| Some(FeedEventId::from_parts(1, number));
        let selection =
            FeedSelection { environment: EnvironmentId::from_parts(1, 1), names: None, organization: None, received: ALWAYS };
        let quiet = Quiet::new();
        let polls = quiet.polls(&selection);
        let asked = Scan { above: id(3), below: None, direction: Direction::Rising, rows: 11 };
        for (seen, begins) in [(id(7), id(7)), (id(5), id(7)), (None, id(7)), (id(9), id(9))] {
            polls.note(asked, &[], seen).await;
            assert_eq!(polls.shorten(asked).await.above, begins, "{seen:?}");
        }
    }
}
