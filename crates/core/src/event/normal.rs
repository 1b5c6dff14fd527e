//! The normal form of an event, version 1: what is kept of a request, in flat columns.

use serde::{Deserialize, Serialize};

use super::MetadataText;
use crate::time::Micros;

/// Invariants when made by parsing: no empty `name` and `user_agent`, no null, empty object or empty array anywhere,
/// times in UTC microseconds, numbers within ±(2^53−1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NormalEvent {
    pub action: String,
    /// The schema version that the client named; absent means 1.
    pub version: Option<u32>,
    pub occurred_at: Micros,
    pub actor: Party,
    pub targets: Vec<Party>,
    pub context: Context,
    pub metadata: Option<MetadataText>,
}

/// An actor or a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    pub id: String,
    pub kind: String,
    pub name: Option<String>,
    pub metadata: Option<MetadataText>,
    pub extra: Members,
}

/// Where and with what it happened. `location` may be the empty string, because clients send it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Context {
    pub location: Option<String>,
    pub user_agent: Option<String>,
    pub extra: Members,
}

/// Members that we do not know: name and canonical text of the value, in the order of RFC 8785.
pub type Members = Vec<(String, String)>;
