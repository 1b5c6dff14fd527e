//! An export of one organization's events (wire contract §2), as it is kept.

use annals_core::ids::{ExportId, OrganizationId};
use annals_core::time::Micros;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub id: ExportId,
    pub organization: OrganizationId,
    pub state: ExportState,
    pub filter: ExportFilter,
    pub created_at: Micros,
    pub updated_at: Micros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportState {
    Pending,
    Ready,
    Error,
    /// The file was removed.
    Expired,
}

/// Kinds combine with AND, entries of one list with OR; an empty list is no filter. Both ends are inclusive and refer
/// to `occurred_at`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportFilter {
    pub range_start: Micros,
    pub range_end: Micros,
    pub actions: Vec<String>,
    pub actor_names: Vec<String>,
    pub actor_ids: Vec<String>,
    /// Target types.
    pub targets: Vec<String>,
}
