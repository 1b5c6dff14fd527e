//! What the HTTP side can be told. Every limit has a default that a newcomer never has to touch.

use std::time::Duration;

use url::Url;

#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients reach this server, for download links. Absent: `http` and the host that the client named.
    pub public_url: Option<Url>,
    /// A request body must be complete within this time.
    pub body_timeout: Duration,
    /// An answer must begin within this time.
    pub request_timeout: Duration,
    /// A connection without a request is closed after this time. Longer than the pools of common clients keep theirs (90 s), so
    /// that the client closes first and never sends into a closing connection.
    pub idle_timeout: Duration,
    /// After the stop signal, running requests have this long to finish.
    pub drain_timeout: Duration,
    /// More connections than this wait to be accepted.
    pub connections_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(120),
            drain_timeout: Duration::from_secs(30),
            connections_max: 10_000,
        }
    }
}
