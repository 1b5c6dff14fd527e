//! The maximum of everything, with the relations between the maxima checked when the crate compiles.

/// A request body (wire contract §1, 413).
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The canonical text of one audit event.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;
/// Nesting of a JSON document: the document itself is depth 1.
pub const JSON_DEPTH_MAX: usize = 16;

/// Metadata maps (wire contract §1).
pub const METADATA_KEYS_MAX: usize = 50;
pub const METADATA_KEY_CHARS_MAX: usize = 40;
pub const METADATA_VALUE_CHARS_MAX: usize = 500;

/// Targets of one event.
pub const TARGETS_MAX: usize = 32;
/// Ids, types and names of actors and targets, and action names.
pub const NAME_CHARS_MAX: usize = 1024;
pub const ACTION_CHARS_MAX: usize = 256;
/// Location and user agent.
pub const CONTEXT_CHARS_MAX: usize = 4096;
/// Schema versions are 1, 2, 3 …
pub const SCHEMA_VERSION_MAX: u32 = 1_000_000;

/// An idempotency key (header value).
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 512;

/// Entries of the API-request log (wire contract §8).
pub const CLIENT_IP_CHARS_MAX: usize = 64;
pub const METHOD_CHARS_MAX: usize = 32;
pub const URL_PATH_CHARS_MAX: usize = 4096;
pub const STATUS_CODE_MIN: u16 = 100;
pub const STATUS_CODE_MAX: u16 = 599;
/// Pages of that log.
pub const API_REQUESTS_DEFAULT: u32 = 50;
pub const API_REQUESTS_MAX: u32 = 100;
/// Where an imported event comes from.
pub const IMPORT_SOURCE_CHARS_MAX: usize = 256;
/// The group of an event of the older Audit Trail API: it becomes the external id of an organization.
pub const TRAIL_GROUP_CHARS_MAX: usize = EXTERNAL_ID_CHARS_MAX;

/// Organizations (wire contract §5).
pub const ORGANIZATION_NAME_CHARS_MAX: usize = 512;
pub const ORGANIZATION_METADATA_VALUE_CHARS_MAX: usize = 600;
pub const ORGANIZATION_DOMAINS_MAX: usize = 100;
pub const EXTERNAL_ID_CHARS_MAX: usize = 128;

/// Records that are recorded together, as one request: a batch of audit events.
pub const GROUP_RECORDS_MAX: usize = 10_000;
/// The body of such a request, before and after decompression.
pub const GROUP_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Their canonical texts, which repeat ids and write times in full.
pub const GROUP_BYTES_MAX: usize = GROUP_BODY_BYTES_MAX + GROUP_RECORDS_MAX * 256;

/// A commit takes more requests as long as it has fewer records than this.
pub const COMMIT_RECORDS_FULL: usize = 4096;
/// The same for canonical bytes.
pub const COMMIT_BYTES_FULL: usize = 8 * 1024 * 1024;
/// Records in one commit: a full one takes one last group. The index of a record takes 16 bits of its id.
pub const COMMIT_RECORDS_MAX: usize = COMMIT_RECORDS_FULL + GROUP_RECORDS_MAX;
/// Canonical bytes in one commit, before compression.
pub const COMMIT_BYTES_MAX: usize = COMMIT_BYTES_FULL + GROUP_BYTES_MAX;

/// The data or the context of one event of the feed, as canonical JSON.
pub const FEED_DATA_BYTES_MAX: usize = 64 * 1024;
/// The same when the server itself tells of a change: an organization with the most and longest values, every character escaped.
pub const FEED_OBJECT_BYTES_MAX: usize = 1024 * 1024;
pub const FEED_NAME_CHARS_MAX: usize = 256;
/// Entries in one request to publish events or API requests.
pub const PUBLISH_ITEMS_MAX: usize = 1000;

/// Lists (wire contract §0.4).
pub const PAGE_ITEMS_DEFAULT: u32 = 10;
pub const PAGE_ITEMS_MAX: u32 = 100;

/// Lists of audit events.
pub const EVENTS_PAGE_DEFAULT: u32 = 50;
pub const EVENTS_PAGE_MAX: u32 = 1000;

const _: () = assert!(COMMIT_RECORDS_MAX <= 1 << 16);
const _: () = assert!(EVENT_BYTES_MAX < BODY_BYTES_MAX);
const _: () = assert!(COMMIT_BYTES_FULL >= 4 * EVENT_BYTES_MAX);
const _: () = assert!(PUBLISH_ITEMS_MAX <= GROUP_RECORDS_MAX && BODY_BYTES_MAX <= GROUP_BODY_BYTES_MAX);
const _: () = assert!(FEED_OBJECT_BYTES_MAX * 2 < GROUP_BYTES_MAX && FEED_DATA_BYTES_MAX < FEED_OBJECT_BYTES_MAX);
const _: () = assert!(
    // An escaped character takes 6 bytes; a domain's other members take less than 400.
    METADATA_KEYS_MAX * (METADATA_KEY_CHARS_MAX + ORGANIZATION_METADATA_VALUE_CHARS_MAX + 1) * 6
        + ORGANIZATION_DOMAINS_MAX * (253 * 6 + 400)
        + (ORGANIZATION_NAME_CHARS_MAX + EXTERNAL_ID_CHARS_MAX + 255 + 100) * 6
        < FEED_OBJECT_BYTES_MAX
);
const _: () = assert!(METADATA_KEYS_MAX * (METADATA_KEY_CHARS_MAX + METADATA_VALUE_CHARS_MAX) < EVENT_BYTES_MAX);
const _: () = assert!(TRAIL_GROUP_CHARS_MAX <= ORGANIZATION_NAME_CHARS_MAX);
