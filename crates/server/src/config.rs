//! What the HTTP side can be told. Every limit has a default that a newcomer never has to touch.

use std::num::NonZeroU32;
use std::time::Duration;

use url::Url;

/// Which order the Events API has (wire contract §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventsOrder {
    /// Oldest first, whatever a client asks for: what the live service does and consumers depend on.
    #[default]
    Live,
    /// As the service's specification says: newest first, unless a client asks for another order.
    Spec,
}

impl std::str::FromStr for EventsOrder {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "live" => Ok(Self::Live),
            "spec" => Ok(Self::Spec),
            _ => Err("must be live or spec"),
        }
    }
}

/// Which API answers `GET /events`, the path of two of them (wire contract §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventsSide {
    /// The one that the client means, as far as its request tells.
    #[default]
    Auto,
    /// The older Audit Trail API.
    AuditTrail,
    /// The Events API.
    Events,
}

impl std::str::FromStr for EventsSide {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "audit_trail" => Ok(Self::AuditTrail),
            "events" => Ok(Self::Events),
            _ => Err("must be auto, audit_trail or events"),
        }
    }
}

/// How often something may happen: so many times at once, and so many a second in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients reach this server, for download links. Absent: `http` and the host that the client named.
    pub public_url: Option<Url>,
    pub events_order: EventsOrder,
    /// Requests that only read get an entry in the API-request log too.
    pub record_reads: bool,
    /// A proxy stands in front: the last address in `X-Forwarded-For` is the client's.
    pub trust_forwarded_for: bool,
    /// A request body must be complete within this time.
    pub body_timeout: Duration,
    /// An answer must begin within this time.
    pub request_timeout: Duration,
    /// A connection without a request is closed after this time. Longer than the pools of common clients keep theirs (90 s), so
    /// that the client closes first and never sends into a closing connection.
    pub idle_timeout: Duration,
    /// After the stop signal, running requests have this long to finish.
    pub drain_timeout: Duration,
    /// A request's head must be complete within this time after its first byte.
    pub header_timeout: Duration,
    /// A client that takes nothing of its answer for so long is cut off.
    pub write_timeout: Duration,
    /// More connections than this wait to be accepted.
    pub connections_max: usize,
    /// More from one address are told to come back. Absent: half of all, or all when a proxy stands in front and speaks for everybody.
    pub connections_of_address_max: Option<usize>,
    /// Requests of one API key. Absent: as many as there is room for. An application's own key carries the events of all of its
    /// customers, so no number would fit everybody; fairness does not need one (`requests_in_flight_max`).
    pub key_rate: Option<Rate>,
    /// Requests that are answered at the same time; a body counts as one for each 8 KiB. Each owner of keys has a share.
    pub requests_in_flight_max: u32,
    /// Refused keys from one address that are answered as such and get an entry in the API-request log. More get 429.
    pub refused_keys_per_minute: NonZeroU32,
    /// Readers that follow audit events at the same time. More are told to come back.
    pub tails_max: usize,
    /// Whether a group of the older Audit Trail API that leads to no organization makes one.
    pub audit_trail_create_organizations: bool,
    pub events_side: EventsSide,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            events_order: EventsOrder::default(),
            record_reads: false,
            trust_forwarded_for: false,
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(120),
            drain_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            connections_max: 10_000,
            connections_of_address_max: None,
            key_rate: None,
            requests_in_flight_max: 8192,
            refused_keys_per_minute: const { NonZeroU32::new(60).expect("not zero") },
            tails_max: 1000,
            audit_trail_create_organizations: true,
            events_side: EventsSide::default(),
        }
    }
}
