//! Settings of `serve`: flags and `ANNALS_*` variables win over the TOML file, and the file over the defaults.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use annals_core::secret::ApiKeySecret;
use annals_engine::tenants::RetentionDays;
use annals_engine::{FlushSettings, Settings, TailLimits};
use annals_server::{EventsOrder, EventsSide, Rate};
use clap::Args;
use serde::Deserialize;
use url::Url;

use crate::logs::{self, LogFormat};

const FLUSH_EVENTS: RangeInclusive<i64> = 1..=1_000_000;
const FLUSH_SECONDS: RangeInclusive<i64> = 1..=86_400;
const EXPORT_DAYS: RangeInclusive<i64> = 1..=3650;
const FEED_RETENTION_DAYS: RangeInclusive<i64> = 1..=3650;
const CONNECTIONS: RangeInclusive<i64> = 1..=1_000_000;
/// At least two of the largest bodies.
const REQUESTS: RangeInclusive<i64> = 256..=1_000_000;
const TAIL_RECORDS: RangeInclusive<i64> = 1..=100_000_000;
const TAIL_MIB: RangeInclusive<i64> = 1..=1_000_000;
const API_REQUESTS_RETENTION_DAYS: RangeInclusive<i64> = 1..=3650;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What was typed, or set in the environment, or written in the file: the same names everywhere.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeArgs {
    /// TOML file with any of these settings, spelled with underscores.
    #[arg(long, env = "ANNALS_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:4100].
    #[arg(long, env = "ANNALS_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Folder for the database, the lake and everything else [default: ./annals-data].
    #[arg(long, env = "ANNALS_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Metadata and commit log [default: sqlite:DATA/annals.db].
    #[arg(long, env = "ANNALS_DATABASE_URL", value_name = "URL")]
    database_url: Option<String>,
    /// Delta tables and export files [default: file://DATA/lake].
    #[arg(long, env = "ANNALS_LAKE_URL", value_name = "URL")]
    lake_url: Option<String>,
    /// Base of the URLs in answers, when a proxy stands in front [default: from the request].
    #[arg(long, env = "ANNALS_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Events that wait in the commit log before they move to the lake [default: 65536].
    #[arg(long, env = "ANNALS_FLUSH_EVENTS", value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(FLUSH_EVENTS))]
    flush_events: Option<u32>,
    /// Age at which waiting events move to the lake, however few they are [default: 600].
    #[arg(long, env = "ANNALS_FLUSH_SECONDS", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(FLUSH_SECONDS))]
    flush_seconds: Option<u32>,
    /// How long the files of finished exports are kept [default: 7].
    #[arg(long, env = "ANNALS_EXPORT_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(EXPORT_DAYS))]
    export_days: Option<u32>,
    /// How long audit events of organizations are kept that never set a period; older ones are deleted, whole days at a time. 30, 60 … 330
    /// or 365, 730 … 3650 [default: 365].
    #[arg(long, env = "ANNALS_RETENTION_DAYS", value_name = "DAYS")]
    retention_days: Option<u32>,
    /// How long events of the feed (`GET /events`) are kept; older ones are not shown, and deleted [default: 90].
    #[arg(long, env = "ANNALS_FEED_RETENTION_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(FEED_RETENTION_DAYS))]
    feed_retention_days: Option<u32>,
    /// How long entries of the API-request log are kept; older ones are deleted [default: 90].
    #[arg(long, env = "ANNALS_API_REQUESTS_RETENTION_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(API_REQUESTS_RETENTION_DAYS))]
    api_requests_retention_days: Option<u32>,
    /// Order of `GET /events`: `live` is oldest first whatever a client asks for, as consumers of the live service expect; `spec` follows
    /// the `order` parameter [default: live].
    #[arg(long, env = "ANNALS_EVENTS_ORDER", value_name = "ORDER")]
    events_order: Option<EventsOrder>,
    /// Older Audit Trail API: whether a group that leads to no organization makes one [default: true].
    #[arg(long, env = "ANNALS_AUDIT_TRAIL_CREATE_ORGANIZATIONS", value_name = "BOOLEAN")]
    audit_trail_create_organizations: Option<bool>,
    /// Which API answers `GET /events`: `audit_trail` (the older one), `events`, or `auto`, which tells by the request [default: auto].
    #[arg(long, env = "ANNALS_EVENTS_SIDE", value_name = "SIDE")]
    events_side: Option<EventsSide>,
    /// Requests that only read get an entry in the API-request log too [default: false].
    #[arg(long, env = "ANNALS_RECORD_READS", value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true")]
    record_reads: Option<bool>,
    /// A proxy stands in front: the last address in X-Forwarded-For is the client's [default: false].
    #[arg(long, env = "ANNALS_TRUST_FORWARDED_FOR", value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true")]
    trust_forwarded_for: Option<bool>,
    /// Requests of one API key a second; more get 429 [default: no limit, only a fair share of what the server can do].
    #[arg(long, env = "ANNALS_RATE_LIMIT_PER_SECOND", value_name = "REQUESTS")]
    rate_limit_per_second: Option<NonZeroU32>,
    /// Requests that a key may send at once before that limit holds [default: twice the limit].
    #[arg(long, env = "ANNALS_RATE_LIMIT_BURST", value_name = "REQUESTS")]
    rate_limit_burst: Option<NonZeroU32>,
    /// Requests that are answered at the same time; a body counts as one for each 8 KiB. No owner of keys gets more than half [default: 8192].
    #[arg(long, env = "ANNALS_REQUESTS_IN_FLIGHT_MAX", value_name = "REQUESTS", value_parser = clap::value_parser!(u32).range(REQUESTS))]
    requests_in_flight_max: Option<u32>,
    /// Refused API keys from one address a minute; more get 429 and leave no entry in the API-request log [default: 60].
    #[arg(long, env = "ANNALS_REFUSED_KEYS_PER_MINUTE", value_name = "REQUESTS")]
    refused_keys_per_minute: Option<NonZeroU32>,
    /// Connections that are open at a time; more wait [default: 10000, or what the system's limit of open files allows].
    #[arg(long, env = "ANNALS_CONNECTIONS_MAX", value_name = "CONNECTIONS", value_parser = clap::value_parser!(u32).range(CONNECTIONS))]
    connections_max: Option<u32>,
    /// Connections from one address; more are told to come back [default: half of all, or all with --trust-forwarded-for].
    #[arg(long, env = "ANNALS_CONNECTIONS_PER_ADDRESS", value_name = "CONNECTIONS", value_parser = clap::value_parser!(u32).range(CONNECTIONS))]
    connections_per_address: Option<u32>,
    /// Records that wait in memory and in the commit log when the lake cannot take them; then writes are refused [default: 1000000].
    #[arg(long, env = "ANNALS_TAIL_RECORDS_MAX", value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(TAIL_RECORDS))]
    tail_records_max: Option<u32>,
    /// The same, as MiB of memory [default: 1024].
    #[arg(long, env = "ANNALS_TAIL_MIB_MAX", value_name = "MIB", value_parser = clap::value_parser!(u32).range(TAIL_MIB))]
    tail_mib_max: Option<u32>,
    /// Records are refused when the data folder's disk has less free than this, so that reading, deleting and moving records into the
    /// lake go on. 0: never [default: 64].
    #[arg(long, env = "ANNALS_DISK_RESERVE_MIB", value_name = "MIB")]
    disk_reserve_mib: Option<u32>,
    /// Form of the logs on standard error [default: human].
    #[arg(long, env = "ANNALS_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// What is logged, for example `warn` or `annals_engine=debug,info` [default: our own at info].
    #[arg(long, env = "ANNALS_LOG_LEVEL", value_name = "FILTER")]
    log_level: Option<String>,
    /// The first API key, instead of one drawn at random. Counts only on a new database. Set it by the environment: flags show
    /// in process lists.
    #[arg(long, env = "ANNALS_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
}

/// What it means.
pub struct ServeConfig {
    pub listen: SocketAddr,
    pub engine: Settings,
    pub server: annals_server::Config,
    pub log_format: LogFormat,
    pub log_level: String,
    /// The operator knows the first key already: it need not be shown.
    pub first_key_given: bool,
}

impl ServeConfig {
    pub fn from_args(args: ServeArgs) -> Result<Self, String> {
        let file = match &args.config {
            Some(path) => read_file(path)?,
            None => ServeArgs::default(),
        };
        let days = |n: u32| DAY * n;
        let mut engine = Settings::on(args.data.or(file.data).unwrap_or_else(|| "annals-data".into()));
        engine.database_url = args.database_url.or(file.database_url);
        engine.lake_url = args.lake_url.or(file.lake_url);
        engine.first_key = args.api_key.or(file.api_key).map(|text| first_key(&text)).transpose()?;
        let flush = FlushSettings::default();
        engine.flush = FlushSettings {
            records: args.flush_events.or(file.flush_events).map_or(flush.records, |records| records as usize),
            age: args.flush_seconds.or(file.flush_seconds).map_or(flush.age, |seconds| Duration::from_secs(seconds.into())),
        };
        engine.export_files = args.export_days.or(file.export_days).map_or(engine.export_files, days);
        engine.feed_retention = args.feed_retention_days.or(file.feed_retention_days).map_or(engine.feed_retention, days);
        if let Some(mib) = args.disk_reserve_mib.or(file.disk_reserve_mib) {
            engine.disk_reserve_bytes = u64::from(mib) * 1024 * 1024;
        }
        let tail = engine.tail;
        engine.tail = TailLimits {
            records_max: args.tail_records_max.or(file.tail_records_max).map_or(tail.records_max, |records| records as usize),
            bytes_max: args.tail_mib_max.or(file.tail_mib_max).map_or(tail.bytes_max, |mib| mib as usize * 1024 * 1024),
        };
        let api_requests = args.api_requests_retention_days.or(file.api_requests_retention_days);
        engine.api_requests_retention = api_requests.map_or(engine.api_requests_retention, days);
        if let Some(days) = args.retention_days.or(file.retention_days) {
            let unlisted = || format!("--retention-days {days} must be one of 30, 60 … 330 or 365, 730 … 3650");
            engine.default_retention = RetentionDays::new(days).ok_or_else(unlisted)?;
        }
        let mut server = annals_server::Config {
            public_url: args.public_url.or(file.public_url).map(|text| public_url(&text)).transpose()?,
            events_order: args.events_order.or(file.events_order).unwrap_or_default(),
            events_side: args.events_side.or(file.events_side).unwrap_or_default(),
            record_reads: args.record_reads.or(file.record_reads).unwrap_or_default(),
            trust_forwarded_for: args.trust_forwarded_for.or(file.trust_forwarded_for).unwrap_or_default(),
            key_rate: key_rate(
                args.rate_limit_per_second.or(file.rate_limit_per_second),
                args.rate_limit_burst.or(file.rate_limit_burst),
            )?,
            connections_of_address_max: args.connections_per_address.or(file.connections_per_address).map(|n| n as usize),
            ..annals_server::Config::default()
        };
        if let Some(refused) = args.refused_keys_per_minute.or(file.refused_keys_per_minute) {
            server.refused_keys_per_minute = refused;
        }
        if let Some(requests) = args.requests_in_flight_max.or(file.requests_in_flight_max) {
            server.requests_in_flight_max = requests;
        }
        if let Some(connections) = args.connections_max.or(file.connections_max) {
            server.connections_max = connections as usize;
        }
        if let Some(create) = args.audit_trail_create_organizations.or(file.audit_trail_create_organizations) {
            server.audit_trail_create_organizations = create;
        }
        Ok(Self {
            listen: args.listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 4100))),
            first_key_given: engine.first_key.is_some(),
            engine,
            server,
            log_format: args.log_format.or(file.log_format).unwrap_or_default(),
            log_level: args.log_level.or(file.log_level).unwrap_or_else(|| logs::LEVEL_DEFAULT.to_owned()),
        })
    }
}

impl ServeArgs {
    /// What the flags check when they are typed.
    fn check_ranges(&self) -> Result<(), String> {
        let ranges = [
            ("flush_events", self.flush_events, FLUSH_EVENTS),
            ("flush_seconds", self.flush_seconds, FLUSH_SECONDS),
            ("export_days", self.export_days, EXPORT_DAYS),
            ("feed_retention_days", self.feed_retention_days, FEED_RETENTION_DAYS),
            ("requests_in_flight_max", self.requests_in_flight_max, REQUESTS),
            ("connections_max", self.connections_max, CONNECTIONS),
            ("connections_per_address", self.connections_per_address, CONNECTIONS),
            ("tail_records_max", self.tail_records_max, TAIL_RECORDS),
            ("tail_mib_max", self.tail_mib_max, TAIL_MIB),
            ("api_requests_retention_days", self.api_requests_retention_days, API_REQUESTS_RETENTION_DAYS),
        ];
        let wrong = ranges.into_iter().find(|(_, value, range)| value.is_some_and(|value| !range.contains(&i64::from(value))));
        wrong.map_or(Ok(()), |(name, _, range)| Err(format!("{name} must be {} to {}", range.start(), range.end())))
    }
}

fn read_file(path: &Path) -> Result<ServeArgs, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    // Not the error's own text: it quotes the line, and a key may stand there.
    let line = |error: &toml::de::Error| {
        error.span().map_or(1, |span| text.as_bytes()[..span.start.min(text.len())].split(|b| *b == b'\n').count())
    };
    let file: ServeArgs =
        toml::from_str(&text).map_err(|error| format!("{}, line {}: {}", path.display(), line(&error), error.message()))?;
    file.check_ranges().map_err(|problem| format!("{}: {problem}", path.display()))?;
    Ok(file)
}

fn key_rate(per_second: Option<NonZeroU32>, burst: Option<NonZeroU32>) -> Result<Option<Rate>, String> {
    match (per_second, burst) {
        (None, Some(_)) => Err("--rate-limit-burst needs --rate-limit-per-second".to_owned()),
        (per_second, burst) => Ok(per_second.map(|per_second| Rate {
            per_second,
            burst: burst.unwrap_or_else(|| per_second.saturating_mul(const { NonZeroU32::new(2).expect("not zero") })),
        })),
    }
}

fn first_key(text: &str) -> Result<ApiKeySecret, String> {
    ApiKeySecret::from_text(text)
        .ok_or_else(|| "the first API key must be 8 to 256 printable ASCII characters without spaces".to_owned())
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| format!("the public URL {text} must begin with http:// or https:// and name a host"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn config(arguments: &[&str], file: &str) -> Result<ServeConfig, String> {
        let path = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(path.path(), file).expect("writable");
        let config = ["serve", "--config", path.path().to_str().expect("readable")];
        let typed = Typed::try_parse_from(config.iter().chain(arguments)).map_err(|error| error.to_string())?;
        ServeConfig::from_args(typed.args)
    }

    fn server(arguments: &[&str], file: &str) -> Result<annals_server::Config, String> {
        config(arguments, file).map(|config| config.server)
    }

    fn check(arguments: &[&str], file: &str, side: EventsSide, create: bool) {
        let server = server(arguments, file).unwrap_or_else(|error| panic!("{arguments:?} {file}: {error}"));
        assert_eq!((server.events_side, server.audit_trail_create_organizations), (side, create), "{arguments:?} {file}");
    }

    #[test]
    fn the_older_api_is_set_by_flags_and_by_the_file() {
        let file = "events_side = \"audit_trail\"\naudit_trail_create_organizations = false\n";
        check(&[], "", EventsSide::Auto, true);
        check(&[], file, EventsSide::AuditTrail, false);
        check(&["--events-side", "events", "--audit-trail-create-organizations", "true"], file, EventsSide::Events, true);
        assert!(server(&["--events-side", "both"], "").is_err());
        assert!(server(&["--audit-trail-create-organizations", "maybe"], "").is_err());
        assert!(server(&[], "events_side = \"both\"").is_err());
    }

    #[test]
    fn a_rate_limit_has_a_burst() {
        let rate = |arguments: &[&str], file| {
            server(arguments, file).map(|server| server.key_rate.map(|rate| (rate.per_second.get(), rate.burst.get())))
        };
        assert_eq!(rate(&[], ""), Ok(None));
        assert_eq!(rate(&["--rate-limit-per-second", "100"], ""), Ok(Some((100, 200))));
        assert_eq!(rate(&["--rate-limit-burst", "5"], "rate_limit_per_second = 100"), Ok(Some((100, 5))));
        assert!(rate(&["--rate-limit-burst", "5"], "").is_err());
        assert!(rate(&["--rate-limit-per-second", "0"], "").is_err() && rate(&[], "rate_limit_per_second = 0").is_err());
    }

    #[test]
    fn how_much_waits_for_the_lake_is_set_by_flags_and_by_the_file() {
        let tail = |arguments: &[&str], file| {
            config(arguments, file).map(|config| (config.engine.tail.records_max, config.engine.tail.bytes_max))
        };
        assert_eq!(tail(&[], ""), Ok((1_000_000, 1 << 30)));
        assert_eq!(tail(&["--tail-records-max", "10"], "tail_records_max = 5\ntail_mib_max = 2"), Ok((10, 2 << 20)));
        assert!(tail(&["--tail-records-max", "0"], "").is_err() && tail(&[], "tail_mib_max = 0").is_err());
    }

    #[test]
    fn how_long_the_feed_is_kept_is_set_by_flags_and_by_the_file() {
        let kept = |arguments: &[&str], file| config(arguments, file).map(|config| config.engine.feed_retention);
        assert_eq!(kept(&[], ""), Ok(90 * DAY));
        assert_eq!(kept(&[], "feed_retention_days = 30"), Ok(30 * DAY));
        assert_eq!(kept(&["--feed-retention-days", "1"], "feed_retention_days = 30"), Ok(DAY));
        assert!(kept(&["--feed-retention-days", "0"], "").is_err());
        let requests = |arguments: &[&str], file| config(arguments, file).map(|config| config.engine.api_requests_retention);
        assert_eq!(requests(&[], ""), Ok(90 * DAY));
        assert_eq!(requests(&["--api-requests-retention-days", "1"], "api_requests_retention_days = 30"), Ok(DAY));
        assert!(requests(&[], "api_requests_retention_days = 0").is_err());
        assert_eq!(kept(&[], "feed_retention_days = 3651").err().map(|error| error.contains("must be 1 to 3650")), Some(true));
    }
}
