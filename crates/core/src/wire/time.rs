//! Times on the wire (wire contract §0.2): answers carry exactly three digits, requests all that we keep.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::time::Micros;

/// A time in an answer: `2026-07-23T10:11:12.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub Micros);

/// A time to the microsecond, in requests and in our own answers: `2026-07-23T10:11:12.000000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Micros);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.wire())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.canonical())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(|Timestamp(time)| Self(time))
    }
}

fn date_time() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        date_time().pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")).examples(["2026-01-15T12:00:00.000Z"]).into()
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        date_time()
            .description(Some(
                "ISO 8601: a date, or a date and a time with up to 9 fractional digits; without an offset it is UTC.",
            ))
            .examples(["2026-01-15T12:00:00.000Z"])
            .into()
    }
}

impl ToSchema for Timestamp {}
impl ToSchema for Moment {}
