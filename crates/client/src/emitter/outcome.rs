//! What became of an event, by what the caller does next.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use annals_core::time::Micros;
use bytes::Bytes;
use serde::Serialize;

/// What `emit` has done with an event.
#[derive(Debug, Clone)]
pub enum Emitted {
    /// In memory, on its way. It is lost if the process dies now.
    Queued,
    /// In the spool file: it survives the process, and a power cut as far as [`SpoolSync`](super::SpoolSync) says.
    Spooled,
    /// Lost, and counted. Only in [`Mode::FailOpen`](super::Mode::FailOpen).
    Dropped(NotEmitted),
}

/// Why an event was not taken. It will not be sent.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NotEmitted {
    /// Try again later: events come in faster than they go out.
    #[error("the emitter's queue is full")]
    QueueFull,
    /// The server has been away for long. Nothing that is in the spool is given up for new events.
    #[error("the spool is full: it may take {bytes_max} bytes")]
    SpoolFull { bytes_max: u64 },
    #[error("the event takes {bytes} bytes as JSON, at most {bytes_max} are allowed")]
    TooLarge { bytes: usize, bytes_max: usize },
    /// A number that JSON does not have, such as NaN.
    #[error("the event cannot be written as JSON: {0}")]
    NotJson(Arc<serde_json::Error>),
    /// The disk is full or broken. What was written of the event was cut off again; if even that failed, which is logged, the
    /// event may still be sent after a restart.
    #[error("the spool cannot be written: {0}")]
    Unwritable(Arc<io::Error>),
    /// [`shutdown`](super::Emitter::shutdown) was called, or the background thread is gone.
    #[error("the emitter is closed")]
    Closed,
}

/// Why [`emit_and_wait`](super::Emitter::emit_and_wait) cannot say that the event is stored.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NotStored {
    #[error(transparent)]
    NotEmitted(#[from] NotEmitted),
    /// The server does not want this event, however often it is sent.
    #[error("the server refused the event: {}", .0.message)]
    Refused(Arc<Refused>),
    /// The emitter was closed first. A spooled event is sent by the next emitter on the spool; another one may be stored or lost.
    #[error("the emitter was closed before the server had the event")]
    Abandoned,
}

/// An event that the server does not want: it breaks its schema, its organization does not exist.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub http_status: u16,
    pub message: String,
    pub code: Option<String>,
    /// As the server sent them.
    pub errors: Option<serde_json::Value>,
    /// What was sent: a JSON object, with the idempotency key.
    pub item: Bytes,
}

/// What an operator should know, for [`on_trouble`](super::EmitterBuilder::on_trouble). Each is logged and counted as well.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Trouble {
    Refused(Arc<Refused>),
    /// Bytes of the spool are no record any more. What stood there is lost, everything else goes on.
    Damaged {
        file: PathBuf,
        offset: u64,
        bytes: u64,
    },
    /// These events were perhaps stored at `first_sent_at`, and the server no longer remembers their keys. They are sent again:
    /// each may be there twice. See [the guarantee](super#exactly-once).
    PerhapsTwice {
        idempotency_keys: Vec<String>,
        first_sent_at: Micros,
    },
}

/// One line of `refused.ndjson`.
#[derive(Serialize)]
pub(super) struct RefusedLine<'a> {
    pub refused_at: String,
    pub http_status: u16,
    pub message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<&'a serde_json::Value>,
    pub item: &'a serde_json::value::RawValue,
}
