//! Events that wait in memory. They stay in the queue while they are on their way, so they count until the server has them.

use std::collections::VecDeque;
use std::sync::Mutex;

use annals_core::time::Micros;

use super::lock;
use super::outcome::NotEmitted;
use super::place::{Batch, BatchLimits, Place, Record};

#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    pub events_max: usize,
    pub bytes_max: usize,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    limits: QueueLimits,
}

#[derive(Default)]
struct State {
    records: VecDeque<Record>,
    bytes: usize,
    /// Events ever taken: the offset of the newest one's place.
    taken: u64,
    closed: bool,
}

impl Queue {
    pub fn new(limits: QueueLimits) -> Self {
        Self { state: Mutex::default(), limits }
    }

    /// `placed` runs before anybody can see the event.
    pub fn push(&self, json: Vec<u8>, emitted_at: Micros, placed: impl FnOnce(Place)) -> Result<(), NotEmitted> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(NotEmitted::Closed);
        }
        if state.records.len() >= self.limits.events_max || state.bytes + json.len() > self.limits.bytes_max {
            return Err(NotEmitted::QueueFull);
        }
        state.taken += 1;
        state.bytes += json.len();
        let end = Place { segment: 0, offset: state.taken };
        placed(end);
        state.records.push_back(Record { json: json.into(), emitted_at, end });
        Ok(())
    }

    /// Events and bytes.
    pub fn waiting(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.records.len(), state.bytes)
    }

    /// The place of the newest event.
    pub fn end(&self) -> Place {
        Place { segment: 0, offset: lock(&self.state).taken }
    }

    /// The oldest events. They stay until they are settled.
    pub fn take(&self, limits: BatchLimits) -> Batch {
        let state = lock(&self.state);
        let mut bytes = 0;
        let fits = |record: &&Record| {
            bytes += record.json.len() + 1;
            bytes <= limits.bytes_max
        };
        let mut records: Vec<_> = state.records.iter().take(limits.events_max).take_while(fits).cloned().collect();
        // One that is larger than a batch goes alone.
        if records.is_empty() {
            records.extend(state.records.front().cloned());
        }
        let end = records.last().map(|record| record.end).unwrap_or_default();
        Batch { records, end, doubt: None }
    }

    pub fn settle(&self, until: Place) {
        let mut state = lock(&self.state);
        while let Some(record) = state.records.pop_front_if(|record| record.end <= until) {
            state.bytes -= record.json.len();
        }
    }

    pub fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Forgets what is left, and says how many that were.
    pub fn abandon(&self) -> usize {
        let mut state = lock(&self.state);
        state.closed = true;
        state.bytes = 0;
        std::mem::take(&mut state.records).len()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn push(queue: &Queue, text: &str) -> Result<(), NotEmitted> {
        queue.push(text.as_bytes().to_vec(), Micros::saturating(0), |_| ())
    }

    fn texts(batch: &Batch) -> Vec<Bytes> {
        batch.records.iter().map(|record| record.json.clone()).collect()
    }

    #[test]
    fn events_count_until_they_are_settled() {
        let queue = Queue::new(QueueLimits { events_max: 3, bytes_max: 100 });
        for text in ["a", "b", "c"] {
            push(&queue, text).expect("room");
        }
        let limits = BatchLimits { events_max: 2, bytes_max: 100 };
        let batch = queue.take(limits);
        assert_eq!(texts(&batch), ["a", "b"]);
        assert!(matches!(push(&queue, "d"), Err(NotEmitted::QueueFull)));
        queue.settle(batch.end);
        push(&queue, "d").expect("room again");
        assert_eq!(texts(&queue.take(limits)), ["c", "d"]);
        assert_eq!(queue.waiting(), (2, 2));
        assert_eq!(queue.abandon(), 2);
        assert!(matches!(push(&queue, "e"), Err(NotEmitted::Closed)));
    }

    #[test]
    fn bytes_are_bounded_and_a_large_event_goes_alone() {
        let queue = Queue::new(QueueLimits { events_max: 10, bytes_max: 12 });
        push(&queue, "0123456789").expect("room");
        push(&queue, "ab").expect("room");
        assert!(matches!(push(&queue, "c"), Err(NotEmitted::QueueFull)));
        let batch = queue.take(BatchLimits { events_max: 10, bytes_max: 5 });
        assert_eq!(texts(&batch), ["0123456789"]);
    }
}
