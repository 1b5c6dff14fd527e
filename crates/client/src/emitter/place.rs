//! Where an event is in the line of everything that one emitter has taken.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use annals_core::time::Micros;

/// Orders all events of one emitter, also over restarts. In a spool it is the end of a record: the file's number and the byte
/// after the record. In memory the segment is 0 and the offset counts events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    pub segment: u64,
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of segment {}", self.offset, self.segment)
    }
}

/// One event as it goes to the server: a line of JSON that holds its idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub json: Bytes,
    pub emitted_at: Micros,
    pub end: Place,
}

/// Records that leave together, in order. An empty one moves the place only: what was there is damaged.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub records: Vec<Record>,
    pub end: Place,
    /// Earlier attempts to send the records before this place may have succeeded without our knowing.
    pub doubt: Option<Doubt>,
}

/// Everything up to `until` was on its way at `since`, and nobody has heard how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Doubt {
    pub until: Place,
    pub since: Micros,
}

/// The most that one batch may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    pub events_max: usize,
    pub bytes_max: usize,
}
