//! A live stream of audit events that mends itself.

mod connection;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use annals_core::wire::AuditLogEvent;
use futures::stream::{BoxStream, Stream, StreamExt, try_unfold};

use crate::client::Client;
use crate::error::Error;
use crate::page::{Order, Paging};
use crate::resources::{AuditEventFilter, AuditEventQuery, AuditEvents};
use crate::transport::{Call, Query};
use connection::{Broken, Connection};

/// Audit events as they are recorded: [`AuditEvents::tail`].
///
/// Every event comes once, in the order of the server's log, also over a lost connection: the next one is opened behind the last event that was
/// seen. The stream ends after an error that waiting does not cure, such as a key that has expired. Dropping it closes the connection.
pub struct Tail {
    events: BoxStream<'static, Result<AuditLogEvent, Error>>,
}

impl Stream for Tail {
    type Item = Result<AuditLogEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tail")
    }
}

struct Watch {
    client: Client,
    filter: AuditEventFilter,
    last_seen: LastSeen,
    connection: Option<Connection>,
    /// Connections in a row that gave nothing.
    failures: u32,
    /// Before the next connection.
    wait: Duration,
}

/// Behind what the next connection begins.
enum LastSeen {
    Event(String),
    /// There was no event at all at the beginning: whatever there is by now is new.
    NothingYet,
}

/// A connection that lasted this long did not fail, it ended.
const LASTING: Duration = Duration::from_secs(10);

impl Tail {
    /// Connects once, so that a wrong address or key is known at once.
    pub(crate) async fn open(client: Client, filter: AuditEventFilter, after: Option<String>) -> Result<Self, Error> {
        let last_seen = match after {
            Some(id) => LastSeen::Event(id),
            None => newest(&client, &filter).await?.map_or(LastSeen::NothingYet, LastSeen::Event),
        };
        let mut watch = Watch { client, filter, last_seen, connection: None, failures: 0, wait: Duration::ZERO };
        watch.connection = Some(watch.connect().await?);
        Ok(Self { events: try_unfold(watch, |watch| async move { watch.next().await.map(Some) }).boxed() })
    }
}

/// The newest event of all that the filter could let through. Without it, what is recorded while the first connection is being mended
/// would be missed.
async fn newest(client: &Client, filter: &AuditEventFilter) -> Result<Option<String>, Error> {
    let filter = AuditEventFilter { organization_id: filter.organization_id.clone(), ..AuditEventFilter::default() };
    first(client, filter, Order::Desc).await.map(|event| event.map(|event| event.id))
}

async fn first(client: &Client, filter: AuditEventFilter, order: Order) -> Result<Option<AuditLogEvent>, Error> {
    let paging = Paging { limit: Some(1), order: Some(order), ..Paging::default() };
    let page = AuditEvents::new(client).list(&AuditEventQuery { filter, paging }).await?;
    Ok(page.items.into_iter().next())
}

impl Watch {
    async fn connect(&mut self) -> Result<Connection, Error> {
        let mut call = Call::get(&["v1", "audit_log_events", "tail"])?
            .query(self.filter.put_into(Query::default()))
            .header("accept", "text/event-stream".to_owned());
        if let LastSeen::Event(id) = &self.last_seen {
            call = call.header("last-event-id", id.clone());
        }
        Connection::of(self.client.transport().open(&call).await?, &call)
    }

    async fn next(mut self) -> Result<(AuditLogEvent, Self), Error> {
        loop {
            let event = match &mut self.connection {
                None => self.reconnect().await?,
                Some(connection) => match connection.next().await {
                    Ok(event) => Some(event),
                    Err(Broken::Ended(cause)) => {
                        self.ended(&cause);
                        None
                    }
                    Err(Broken::Nonsense(error)) => return Err(error),
                },
            };
            if let Some(event) = event {
                self.failures = 0;
                self.last_seen = LastSeen::Event(event.id.clone());
                return Ok((event, self));
            }
        }
    }

    fn ended(&mut self, cause: &str) {
        if self.connection.take().is_some_and(|connection| connection.since.elapsed() > LASTING) {
            self.failures = 0;
        }
        self.wait_longer(None);
        tracing::debug!(cause, failures = self.failures, "the tail has ended, will connect again");
    }

    fn wait_longer(&mut self, after: Option<&Error>) {
        self.wait = self.client.transport().patience(self.failures, after);
        self.failures = self.failures.saturating_add(1);
    }

    /// An event, when one was found on the way.
    async fn reconnect(&mut self) -> Result<Option<AuditLogEvent>, Error> {
        tokio::time::sleep(self.wait).await;
        let missed = match self.last_seen {
            LastSeen::NothingYet => first(&self.client, self.filter.clone(), Order::Asc).await,
            LastSeen::Event(_) => Ok(None),
        };
        let connected = match missed {
            Ok(Some(event)) => {
                self.wait = Duration::ZERO;
                return Ok(Some(event));
            }
            Ok(None) => self.connect().await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(connection) => self.connection = Some(connection),
            Err(error) if error.is_temporary() => {
                self.wait_longer(Some(&error));
                tracing::warn!(%error, failures = self.failures, "the tail cannot connect, will try again");
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }
}
