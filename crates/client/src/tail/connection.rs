//! One connection of a tail, from the answer's head to its end.

use std::time::{Duration, Instant};

use annals_core::wire::AuditLogEvent;
use bytes::Bytes;
use eventsource_stream::{EventStreamError, Eventsource};
use futures::stream::{BoxStream, Stream, StreamExt, try_unfold};
use http::header::CONTENT_TYPE;

use crate::error::Error;
use crate::transport::{Call, chain};

/// The server shows every 15 seconds that it is there. Twice missed is gone.
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// From one line's beginning to its end: an event with all that a server could make of it. A line without an end must not fill the memory.
const LINE_BYTES_MAX: usize = 1024 * 1024;
const _: () = assert!(LINE_BYTES_MAX >= 8 * annals_core::limits::EVENT_BYTES_MAX);
const EVENT_NAME: &str = "audit_log_event";

pub(super) struct Connection {
    pub since: Instant,
    request: String,
    events: BoxStream<'static, Result<eventsource_stream::Event, EventStreamError<Cut>>>,
}

/// Why no further event comes out of a connection.
pub(super) enum Broken {
    /// Connect again.
    Ended(String),
    /// The next connection would say the same.
    Nonsense(Error),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    #[error("{}", chain(.0))]
    Http(reqwest::Error),
    #[error("no sign of life for {} seconds", SILENCE_MAX.as_secs())]
    Silence,
    #[error("a line without an end")]
    EndlessLine,
}

impl Connection {
    pub fn of(response: reqwest::Response, call: &Call) -> Result<Self, Error> {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        if !kind.starts_with("text/event-stream") {
            return Err(Error::unexpected(call, &format!("{kind:?} instead of an event stream")));
        }
        let events = watched(response.bytes_stream()).eventsource().boxed();
        Ok(Self { since: Instant::now(), request: call.name(), events })
    }

    pub async fn next(&mut self) -> Result<AuditLogEvent, Broken> {
        loop {
            let event = match self.events.next().await {
                None => return Err(Broken::Ended("closed by the server".to_owned())),
                Some(Err(EventStreamError::Transport(cut @ (Cut::Http(_) | Cut::Silence)))) => {
                    return Err(Broken::Ended(cut.to_string()));
                }
                Some(Err(error)) => return Err(self.nonsense(&error.to_string())),
                Some(Ok(event)) => event,
            };
            if event.event != EVENT_NAME {
                continue;
            }
            return serde_json::from_str(&event.data).map_err(|error| self.nonsense(&error.to_string()));
        }
    }

    fn nonsense(&self, what: &str) -> Broken {
        Broken::Nonsense(Error::Unexpected { request: self.request.clone(), what: what.to_owned() })
    }
}

/// The same bytes, with an end to silence and to lines. Here and not behind the parser, because comments do not come out of it.
fn watched<S>(bytes: S) -> impl Stream<Item = Result<Bytes, Cut>> + Send
where
    S: Stream<Item = Result<Bytes, reqwest::Error>> + Send + 'static,
{
    try_unfold((Box::pin(bytes), 0), |(mut bytes, line_bytes)| async move {
        let piece = match tokio::time::timeout(SILENCE_MAX, bytes.next()).await {
            Ok(Some(piece)) => piece.map_err(|error| Cut::Http(error.without_url()))?,
            Ok(None) => return Ok(None),
            Err(_) => return Err(Cut::Silence),
        };
        let line_bytes = match piece.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => piece.len() - end - 1,
            None => line_bytes + piece.len(),
        };
        if line_bytes > LINE_BYTES_MAX {
            return Err(Cut::EndlessLine);
        }
        Ok(Some((piece, (bytes, line_bytes))))
    })
}
