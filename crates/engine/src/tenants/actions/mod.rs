//! Actions and their schemas (wire contract §3). Schemas are immutable; a change is a new version.

mod bounds;
mod compiled;
mod rule_cache;
mod verbs;

use self::compiled::CompiledSchema;
pub(super) use self::rule_cache::RuleCache;

#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// 404: the action has no schema.
    #[error("action not found")]
    NotFound,
    /// 422: a metadata member is not a JSON Schema that compiles.
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    /// 422: `limits::SCHEMA_VERSION_MAX` versions exist.
    #[error("too many versions")]
    TooManyVersions,
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
