//! What one caller may take of the server, so that others find some left. Asks who it is and how much it is, never what it is about.
//!
//! * Keys: so many requests a second, when a setting says so (`rates`).
//! * Owners of keys: a share of the requests that are being answered, and of the memory that their bodies take (`in_flight`).
//! * Strangers: so many refused keys a minute from one address. A key that is good is served wherever it comes from.

mod held;
mod in_flight;
mod rates;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use annals_core::ids::ApiKeyId;
use annals_core::limits::BODY_BYTES_MAX;
use annals_engine::tenants::Scope;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use governor::Quota;
use metrics::{Counter, counter, describe_counter};

pub use held::{Held, Keeper};
use in_flight::{InFlight, NoSeat};
use rates::Rates;

use super::problem::Problem;
use crate::Config;

const REFUSED: &str = "annals_requests_refused_total";

/// Requests and their bodies are measured in these.
const UNIT_BYTES: usize = 8 * 1024;
/// What a body counts that does not say how long it is.
const UNANNOUNCED_BYTES: usize = 128 * 1024;
/// When a seat will be free again nobody knows, but a request takes less than this.
const RETRY: Duration = Duration::from_secs(1);

pub struct Limits {
    of_key: Option<Rates<ApiKeyId>>,
    in_flight: Arc<InFlight>,
    strangers: Rates<IpAddr>,
    refused: Refused,
}

/// Counted by reason. Looking a counter up costs more than the refusal.
struct Refused {
    rate: Counter,
    share: Counter,
    full: Counter,
    strangers: Counter,
}

impl Limits {
    pub fn new(config: &Config) -> Self {
        describe_counter!(REFUSED, "Requests refused because of a limit, by limit");
        let counter = |limit: &'static str| counter!(REFUSED, "limit" => limit);
        Self {
            of_key: config.key_rate.map(|rate| Rates::new(Quota::per_second(rate.per_second).allow_burst(rate.burst))),
            in_flight: InFlight::new(config.requests_in_flight_max),
            strangers: Rates::new(Quota::per_minute(config.refused_keys_per_minute)),
            refused: Refused {
                rate: counter("key_rate"),
                share: counter("share_in_flight"),
                full: counter("in_flight"),
                strangers: counter("refused_keys"),
            },
        }
    }

    /// Lets a request with a good key in, or says when to come back.
    pub fn admit(&self, scope: &Scope, parts: &Parts) -> Result<(), Problem> {
        if let Some(rates) = &self.of_key {
            rates.forget();
            rates.check(&scope.key()).map_err(|wait| {
                self.refused.rate.increment(1);
                Problem::too_many_requests(wait)
            })?;
        }
        let Some(held) = parts.extensions.get::<Held>().filter(|held| !held.is_kept()) else { return Ok(()) };
        match self.in_flight.seat(scope.owner(), units(&parts.headers)) {
            Ok(seat) => held.keep(seat),
            Err(NoSeat::OwnShare) => {
                self.refused.share.increment(1);
                return Err(Problem::too_many_requests(RETRY));
            }
            Err(NoSeat::Full) => {
                self.refused.full.increment(1);
                return Err(Problem::busy(RETRY));
            }
        }
        Ok(())
    }

    /// Counts a refused key. An error: too many came from there, so this one is not even written down.
    pub fn refused_key(&self, from: Option<IpAddr>) -> Result<(), Problem> {
        let network = from.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network);
        self.strangers.check_stranger(&network).map_err(|wait| {
            self.refused.strangers.increment(1);
            Problem::too_many_requests(wait)
        })
    }
}

fn units(headers: &HeaderMap) -> u32 {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let unannounced = if headers.contains_key(header::TRANSFER_ENCODING) { UNANNOUNCED_BYTES } else { 0 };
    // Longer ones are refused, or are batches, whose bodies wait for turns of their own.
    let bytes = announced.unwrap_or(unannounced).min(BODY_BYTES_MAX);
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).max(1)
}

/// Whoever has one IPv6 address has 2^64 of them.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_counts_by_its_body() {
        let check = |name: header::HeaderName, value: &'static str, expected: u32| {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            assert_eq!(units(&headers), expected, "{value}");
        };
        assert_eq!(units(&HeaderMap::new()), 1);
        check(header::CONTENT_LENGTH, "0", 1);
        check(header::CONTENT_LENGTH, "8193", 2);
        check(header::CONTENT_LENGTH, "1048576", 128);
        check(header::CONTENT_LENGTH, "99999999999", 128);
        check(header::CONTENT_LENGTH, "nonsense", 1);
        check(header::TRANSFER_ENCODING, "chunked", 16);
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::7", "2001:db8:1:2::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
