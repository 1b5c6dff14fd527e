//! A small world for tests: a database, a clock that tests move, and scopes without keys.

use std::sync::Arc;

use annals_core::ids::ApiKeyId;

use super::{EnvironmentScope, OrganizationScope, RetentionDays, Scope, Tenants};
use crate::clock::{Clock, MovedClock};
use crate::store::conformance::fixtures::{HERE, environment, founded, organization_id};
use crate::store::{SqliteFile, Store};

pub(crate) struct World {
    pub store: Arc<dyn Store>,
    pub clock: Arc<MovedClock>,
    /// The folder lives as long as this.
    _file: SqliteFile,
}

impl World {
    /// With environments 1 and 2.
    pub async fn new() -> Self {
        let file = SqliteFile::new();
        let clock = Arc::new(MovedClock::default());
        Self { store: founded(&file).await, clock, _file: file }
    }

    pub fn tenants(&self) -> Tenants {
        Tenants::new(Arc::clone(&self.store), Arc::clone(&self.clock) as Arc<dyn Clock>, RetentionDays::ONE_YEAR, Arc::default())
    }
}

pub(crate) fn environment_scope(n: u8) -> Scope {
    Scope { key: ApiKeyId::from_parts(1, n.into()), environment: environment(n), only: None }
}

pub(crate) fn organization_scope(n: u8, organization: u64) -> Scope {
    Scope { only: Some(organization_id(organization)), ..environment_scope(n) }
}

/// Everything in the first environment.
pub(crate) fn here() -> EnvironmentScope {
    environment_scope(HERE).environment().expect("an environment's key")
}

impl OrganizationScope {
    pub(crate) fn for_test(environment_number: u8, organization: annals_core::ids::OrganizationId) -> Self {
        Self { environment: environment(environment_number), organization }
    }
}
