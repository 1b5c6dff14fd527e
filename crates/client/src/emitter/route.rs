//! How a batch gets to the server and what its answers mean. Knows nothing of queues, spools and pauses.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::outcome::Refused;

/// One kind of record's way to the server.
#[async_trait]
pub(crate) trait Route: Send + Sync + 'static {
    /// One word: the ending of the spool's files, so that a spool never goes to the wrong place.
    fn kind(&self) -> &'static str;

    /// Sends the items, in order, in one request: one verdict for each.
    async fn deliver(&self, items: &[Bytes]) -> Result<Vec<Verdict>, Failure>;
}

/// What the server says of one item.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Now or by an earlier attempt.
    Stored,
    Refused(Refused),
    /// Not stored, and it is worth trying again.
    Later(String),
}

/// Why there are no verdicts.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The items cannot be judged together: fewer at a time. A single one is refused for this reason.
    Split(SplitReason),
    Later(Later),
}

#[derive(Debug)]
pub(crate) struct SplitReason {
    pub http_status: u16,
    pub message: String,
    pub code: Option<String>,
    pub errors: Option<serde_json::Value>,
}

#[derive(Debug)]
pub(crate) struct Later {
    pub certainty: Certainty,
    /// As the server asks.
    pub after: Option<Duration>,
    pub why: String,
    /// A person must repair it: a wrong key or address. Longer pauses, louder words.
    pub needs_repair: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    NotStored,
    /// The answer is lost: stored or not, nobody knows.
    Unknown,
}
