//! The statistics of a data file, as Delta's log keeps them: what a reader needs to leave the file out.

use annals_core::event::CommittedEvent;
use annals_core::ids::{AuditEventId, OrganizationId};
use annals_core::time::Micros;
use serde::{Deserialize, Serialize};

use super::columns::{ID, ORGANIZATION_ID, RECEIVED_AT};

/// The columns that have statistics, for the table property of that name. The names need no quoting.
pub const COLUMNS: [&str; 3] = [ORGANIZATION_ID, RECEIVED_AT, ID];

/// Both ends are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    pub least: T,
    pub greatest: T,
}

impl<T: Copy + Ord> Range<T> {
    /// `None` of nothing.
    fn of(values: impl Iterator<Item = T>) -> Option<Self> {
        let widen =
            |range: Self, other: Self| Self { least: range.least.min(other.least), greatest: range.greatest.max(other.greatest) };
        values.map(|value| Self { least: value, greatest: value }).reduce(widen)
    }
}

/// What our own readers use. Received times are inside the ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStats {
    pub rows: u64,
    pub organizations: Range<OrganizationId>,
    pub ids: Range<AuditEventId>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text<Values, Counts> {
    num_records: u64,
    min_values: Values,
    max_values: Values,
    null_count: Counts,
}

#[derive(Serialize, Deserialize)]
struct Bounds {
    organization_id: OrganizationId,
    id: AuditEventId,
    /// For other readers.
    #[serde(default)]
    received_at: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Nulls {
    organization_id: u64,
    received_at: u64,
    id: u64,
}

/// The text for the log. `None` of no events.
pub fn write(events: &[CommittedEvent]) -> Option<String> {
    let organizations = Range::of(events.iter().map(|event| event.organization))?;
    let ids = Range::of(events.iter().map(|event| event.id))?;
    let received = Range::of(events.iter().map(|event| event.received_at))?;
    // Delta keeps milliseconds here: the greatest must not be rounded below a value that it bounds.
    let up = Micros::saturating(received.greatest.get().saturating_add(999));
    let bounds = |organization_id, id, received: Micros| Bounds { organization_id, id, received_at: received.wire() };
    let text = Text {
        num_records: events.len() as u64,
        min_values: bounds(organizations.least, ids.least, received.least),
        max_values: bounds(organizations.greatest, ids.greatest, up),
        null_count: Nulls::default(),
    };
    serde_json::to_string(&text).ok()
}

impl FileStats {
    /// `None` when there is no text of [`write`] in it.
    pub fn read(text: &str) -> Option<Self> {
        let Text::<Bounds, serde::de::IgnoredAny> { num_records: rows, min_values: least, max_values: greatest, .. } =
            serde_json::from_str(text).ok()?;
        Some(Self {
            rows,
            organizations: Range { least: least.organization_id, greatest: greatest.organization_id },
            ids: Range { least: least.id, greatest: greatest.id },
        })
    }
}
