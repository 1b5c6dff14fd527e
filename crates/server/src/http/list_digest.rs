//! Which list a cursor belongs to: a cursor goes only with the caller, the filters and the order that it was made for.

use annals_engine::tenants::Scope;
use serde::Serialize;
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListDigest(pub u64);

impl ListDigest {
    /// `list`: filters and order. The limit is not part of it: pages may change their size on the way.
    pub fn of(scope: &Scope, list: &impl Serialize) -> Self {
        let list = (scope.environment_id(), scope.organization_id(), list);
        let text = serde_json::to_vec(&list).expect("filters have text keys and no failing parts");
        let digest = Sha256::digest(text);
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(first))
    }
}
