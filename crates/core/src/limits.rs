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

/// Organizations (wire contract §5).
pub const ORGANIZATION_NAME_CHARS_MAX: usize = 512;
pub const ORGANIZATION_METADATA_VALUE_CHARS_MAX: usize = 600;
pub const ORGANIZATION_DOMAINS_MAX: usize = 100;
pub const EXTERNAL_ID_CHARS_MAX: usize = 128;

/// Records in one commit. The index of a record takes 16 bits of its id.
pub const COMMIT_RECORDS_MAX: usize = 4096;
/// Canonical bytes in one commit, before compression.
pub const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Lists (wire contract §0.4).
pub const PAGE_ITEMS_DEFAULT: u32 = 10;
pub const PAGE_ITEMS_MAX: u32 = 100;

const _: () = assert!(COMMIT_RECORDS_MAX <= 1 << 16);
const _: () = assert!(EVENT_BYTES_MAX < BODY_BYTES_MAX);
const _: () = assert!(COMMIT_BYTES_MAX >= 4 * EVENT_BYTES_MAX);
const _: () = assert!(METADATA_KEYS_MAX * (METADATA_KEY_CHARS_MAX + METADATA_VALUE_CHARS_MAX) < EVENT_BYTES_MAX);
