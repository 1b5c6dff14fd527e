//! Typed ids: a prefix that names the kind and a ULID (wire contract §0.3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// An id that is not one: wrong prefix, wrong length or a character outside Crockford's base 32.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {expected} id")]
pub struct IdError {
    pub expected: &'static str,
}

/// Declares one kind of id.
///
/// Invariants of every kind:
/// * the text is exactly the prefix, one underscore and 26 upper-case base-32 characters;
/// * text and value are one to one, so equal values always print equal;
/// * values order like their texts, and a later ULID time orders later.
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// `millis` since the Unix epoch, `random` of which the low 80 bits are used.
            #[must_use]
            pub fn from_parts(millis: u64, random: u128) -> Self {
                Self(Ulid::from_parts(millis, random))
            }
            #[must_use]
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Ulid::from_bytes(bytes))
            }
            /// The time part, in milliseconds since the Unix epoch.
            #[must_use]
            pub fn millis(self) -> u64 {
                self.0.timestamp_ms()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0u8; ulid::ULID_LEN];
                write!(f, concat!($prefix, "_{}"), self.0.array_to_str(&mut text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let refused = IdError { expected: $prefix };
                let encoded = text.strip_prefix(concat!($prefix, "_")).ok_or(refused.clone())?;
                let value = Ulid::from_string(encoded).map_err(|_| refused.clone())?;
                // The decoder is lenient (lower case, look-alikes): only the one canonical text is an id.
                let mut canonical = [0u8; ulid::ULID_LEN];
                if value.array_to_str(&mut canonical) != encoded {
                    return Err(refused);
                }
                Ok(Self(value))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.to_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    Ok(Self::from_bytes(<[u8; 16]>::deserialize(deserializer)?))
                }
            }
        }
    };
}

typed_id!(
    /// Isolation boundary: staging, production.
    EnvironmentId,
    "environment"
);
typed_id!(
    /// One customer of the application.
    OrganizationId,
    "org"
);
typed_id!(
    /// A domain of an organization.
    DomainId,
    "org_domain"
);
typed_id!(
    /// One committed audit event. Orders by commit.
    AuditEventId,
    "evt"
);
typed_id!(
    /// One event of the environment's feed. Orders by commit.
    FeedEventId,
    "event"
);
typed_id!(
    /// One entry of the API-request log. Orders by commit.
    ApiRequestId,
    "api_request"
);
typed_id!(
    /// One export job and its file.
    ExportId,
    "audit_log_export"
);
typed_id!(
    /// An API key's public id. Not the key.
    ApiKeyId,
    "api_key"
);
typed_id!(
    /// Cursor of an action in lists.
    ActionId,
    "ala"
);
typed_id!(
    /// Cursor of a schema version in lists.
    SchemaId,
    "als"
);
typed_id!(
    /// An action in answers of the older Audit Trail API.
    TrailActionId,
    "evt_action"
);

/// A single-writer, append-only sequence of commits. 24 bits, drawn once at random, so that ids of two installations differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShardId(u32);

impl ShardId {
    /// The low 24 bits of `value`.
    #[must_use]
    pub fn new(value: u32) -> Self {
        Self(value & 0x00FF_FFFF)
    }
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}", self.0)
    }
}
impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {self}")
    }
}

/// Number of a commit in its shard: 1, 2, 3 … without holes. 40 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct CommitNumber(u64);

impl CommitNumber {
    /// Before the first commit.
    pub const ZERO: Self = Self(0);
    const MAX: u64 = (1 << 40) - 1;

    /// # Errors
    /// `None` past 2^40 − 1.
    #[must_use]
    pub fn new(value: u64) -> Option<Self> {
        (value <= Self::MAX).then_some(Self(value))
    }
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }
}

impl fmt::Display for CommitNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a record stands in the log. The ids of all kinds of records are made of it.
///
/// The `index`-th record of a commit: `received` time, then shard (24 bits), commit (40) and index (16). Within a shard places rise with
/// every record, because received times never fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordPlace(Ulid);

impl RecordPlace {
    #[must_use]
    pub fn of_commit(received_millis: u64, shard: ShardId, commit: CommitNumber, index: u16) -> Self {
        let low = (u128::from(shard.get()) << 56) | (u128::from(commit.get()) << 16) | u128::from(index);
        Self(Ulid::from_parts(received_millis, low))
    }
    #[must_use]
    pub fn shard(self) -> ShardId {
        ShardId::new((self.0.0 >> 56) as u32)
    }
    #[must_use]
    pub fn commit(self) -> CommitNumber {
        CommitNumber(((self.0.0 >> 16) as u64) & CommitNumber::MAX)
    }
    /// When it was received, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0.timestamp_ms()
    }
}

macro_rules! record_ids {
    ($($name:ident),*) => {
        $(
            impl From<RecordPlace> for $name {
                fn from(place: RecordPlace) -> Self {
                    Self(place.0)
                }
            }

            impl From<$name> for RecordPlace {
                fn from(id: $name) -> Self {
                    Self(id.0)
                }
            }

            impl $name {
                #[must_use]
                pub fn of_commit(received_millis: u64, shard: ShardId, commit: CommitNumber, index: u16) -> Self {
                    RecordPlace::of_commit(received_millis, shard, commit, index).into()
                }
                #[must_use]
                pub fn shard(self) -> ShardId {
                    RecordPlace::from(self).shard()
                }
                #[must_use]
                pub fn commit(self) -> CommitNumber {
                    RecordPlace::from(self).commit()
                }
            }
        )*
    };
}
record_ids!(AuditEventId, FeedEventId, ApiRequestId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_an_id() {
        let id = OrganizationId::from_parts(1_700_000_000_000, 42);
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in [
            "",
            "org_",
            "01HF00000000000000000000",
            "org_domain_01HEQ7M5X00000000000000001A",
            "org_01heq7m5x0000000000000001a",
            "org_81HEQ7M5X0000000000000001A",
            "org_01HEQ7M5X0000000000000001A ",
            "evt_01HEQ7M5X0000000000000001A",
            "org_01HEQ7M5X000000000000000\u{e9}",
            "org_' OR 1=1 --",
        ] {
            assert!(wrong.parse::<OrganizationId>().is_err(), "{wrong:?} must not parse");
        }
    }

    #[test]
    fn event_ids_rise_within_a_shard_and_give_back_their_parts() {
        let shard = ShardId::new(0x00ab_cdef);
        let one = CommitNumber::new(1).expect("small");
        let a = AuditEventId::of_commit(5, shard, one, 65_535);
        let b = AuditEventId::of_commit(5, shard, one.next().expect("small"), 0);
        let c = AuditEventId::of_commit(6, shard, CommitNumber::new(3).expect("small"), 0);
        assert!(a < b && b < c);
        assert!(a.to_string() < b.to_string());
        assert_eq!((a.shard(), a.commit(), a.millis()), (shard, one, 5));
    }
}
