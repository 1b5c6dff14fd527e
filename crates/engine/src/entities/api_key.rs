//! The public side of an API key (wire contract §9).

use annals_core::ids::{ApiKeyId, OrganizationId};
use annals_core::time::Micros;

/// A key's public side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub owner: KeyOwner,
    pub name: String,
    pub obfuscated_value: String,
    pub permissions: Vec<String>,
    pub last_used_at: Option<Micros>,
    pub expires_at: Option<Micros>,
    pub created_at: Micros,
    pub updated_at: Micros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOwner {
    /// May do everything in its environment. Has no form on the wire.
    Environment,
    Organization(OrganizationId),
}
