//! The handle, and the way to each resource.

use std::fmt;
use std::sync::Arc;

use crate::builder::{BuildError, ClientBuilder};
use crate::resources::{
    ApiKeys, ApiRequests, AuditEvents, AuditLogs, AuditTrail, Events, Exports, Organizations, Retention, Schemas,
};
use crate::transport::Transport;

/// A connection to one server with one API key. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Settings to begin with.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// What the environment names: see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    /// There is no key, or a variable holds something else.
    pub fn from_env() -> Result<Self, BuildError> {
        ClientBuilder::from_env().build()
    }

    /// Where requests go, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.transport.base.as_str().trim_end_matches('/')
    }

    /// Audit events: record them, read them, watch them.
    #[must_use]
    pub fn audit_events(&self) -> AuditEvents {
        AuditEvents::new(self)
    }

    /// WorkOS Audit Logs by the names of its own clients.
    #[must_use]
    pub fn audit_logs(&self) -> AuditLogs {
        AuditLogs::new(self)
    }

    /// Exports of audit events to CSV.
    #[must_use]
    pub fn exports(&self) -> Exports {
        Exports::new(self)
    }

    /// Actions and the schemas of their events.
    #[must_use]
    pub fn schemas(&self) -> Schemas {
        Schemas::new(self)
    }

    /// How long audit events are kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention::new(self)
    }

    /// API keys of organizations.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(self)
    }

    /// The environment's feed.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self)
    }

    /// The older Audit Trail API.
    #[must_use]
    pub fn audit_trail(&self) -> AuditTrail {
        AuditTrail::new(self)
    }

    /// The log of API requests.
    #[must_use]
    pub fn api_requests(&self) -> ApiRequests {
        ApiRequests::new(self)
    }

    /// The application's customers.
    #[must_use]
    pub fn organizations(&self) -> Organizations {
        Organizations::new(self)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}
