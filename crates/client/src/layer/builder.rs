//! Settings of a request log.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use super::entry::Rules;
use super::{RequestDetails, RequestLog};
use crate::Client;
use crate::emitter::{BatchLimits, EmitterBuildError, Mode, Outbox, QueueLimits, RequestsRoute, Settings, Trouble};
use crate::wire::ApiRequestActor;

/// Half of the largest body that the server takes, because one entry may be large.
const BATCH_BYTES_MAX: usize = 512 * 1024;

/// Settings of a [`RequestLog`]. All have defaults; without [`describe`](Self::describe) nobody is known to have made a request.
pub struct RequestLogBuilder {
    client: Client,
    settings: Settings,
    rules: Rules,
}

impl RequestLogBuilder {
    pub(super) fn new(client: Client) -> Self {
        let batch = BatchLimits { events_max: 500, bytes_max: BATCH_BYTES_MAX };
        Self { client, settings: Settings { batch, ..Settings::default() }, rules: Rules::default() }
    }

    /// What happens to entries while the server is away: [`Mode::FailOpen`] unless set. No mode fails a request.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Entries and bytes that may wait in memory: 10,000 and 32 MiB unless set.
    #[must_use]
    pub fn queue(mut self, events_max: usize, bytes_max: usize) -> Self {
        self.settings.queue = QueueLimits { events_max, bytes_max };
        self
    }

    /// While a batch is not full, entries are sent at most this often: 200 ms unless set.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger;
        self
    }

    /// As for an [`Emitter`](crate::emitter::EmitterBuilder::on_trouble).
    #[must_use]
    pub fn on_trouble(mut self, on_trouble: impl Fn(&Trouble) + Send + Sync + 'static) -> Self {
        self.settings.on_trouble = Some(Arc::new(on_trouble));
        self
    }

    /// The template of the route, such as `/projects/{id}`, for the action `GET /projects/{id}`. Without one the action is the
    /// method alone: a path would make a new action of every id.
    #[must_use]
    pub fn route(mut self, route: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.rules.route = Some(Box::new(route));
        self
    }

    /// The address of the other end of the connection.
    #[must_use]
    pub fn client_ip(mut self, client_ip: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.rules.client_ip = Some(Box::new(client_ip));
        self
    }

    /// Takes the client's address from `X-Forwarded-For`, past so many proxies of your own: with 1, the last address, which your
    /// proxy has added. Everything before it was written by the client, who may write what it likes. 0 unless set: the header is
    /// not looked at. When it is missing or too short, [`client_ip`](Self::client_ip) counts.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: usize) -> Self {
        self.rules.trusted_proxies = proxies;
        self
    }

    /// What is known of a request before it is served. Must be quick.
    #[must_use]
    pub fn describe(mut self, describe: impl Fn(&Parts) -> RequestDetails + Send + Sync + 'static) -> Self {
        self.rules.describe = Some(Box::new(describe));
        self
    }

    /// Who is named when nobody is known: a user with the id `anonymous` unless set.
    #[must_use]
    pub fn anonymous(mut self, actor: ApiRequestActor) -> Self {
        self.rules.anonymous = actor;
        self
    }

    /// # Errors
    /// The spool cannot be used, or a thread cannot be started.
    pub fn build(self) -> Result<RequestLog, EmitterBuildError> {
        let outbox = Outbox::build(self.settings, Box::new(RequestsRoute::new(self.client)))?;
        RequestLog::new(outbox, self.rules)
    }
}
