//! The handle: one store, one clock, and what is remembered between calls. Its verbs stand beside the types that they are about.

use std::sync::Arc;
use std::time::Duration;

use annals_core::ids::{EnvironmentId, OrganizationId};
use annals_core::secret::ApiKeyDigest;
use tokio::sync::Notify;

use super::actions::RuleCache;
use super::api_keys::{KnownKey, LastUses};
use super::lookups::Lookups;
use super::mint::Mint;
use super::organizations::GroupDigest;
use super::retention::RetentionDays;
use crate::clock::Clock;
use crate::store::Store;

/// How long a look-up counts. Changes made by this process count at once; those of another one after this time.
const LOOKUP_LIFETIME: Duration = Duration::from_secs(2);
/// The same for organizations. Every event names one: thousands of them, asked for anew every two seconds, cost more than their events.
const ORGANIZATION_LIFETIME: Duration = Duration::from_secs(60);
const KEYS_MAX: u64 = 10_000;
const ORGANIZATIONS_MAX: u64 = 100_000;

/// Environments, keys, organizations, actions and schemas. Cheap to clone.
#[derive(Clone)]
pub struct Tenants {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub mint: Mint,
    pub default_retention: RetentionDays,
    pub keys: Lookups<ApiKeyDigest, KnownKey>,
    pub last_uses: LastUses,
    /// Organizations that exist.
    pub organizations: Lookups<(EnvironmentId, OrganizationId), ()>,
    /// Where groups of the older Audit Trail API lead.
    pub groups: Lookups<(EnvironmentId, GroupDigest), OrganizationId>,
    pub rules: RuleCache,
    /// Wakes the job that moves events of changes from the store's outbox into the commit log.
    pub told: Arc<Notify>,
    /// Changes of organizations go one after the other in this process; other processes are met by the revision.
    pub changes: tokio::sync::Mutex<()>,
}

impl Tenants {
    /// `told` is notified after every change that may have put events into the outbox.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, default_retention: RetentionDays, told: Arc<Notify>) -> Self {
        let inner = Inner {
            mint: Mint::new(Arc::clone(&clock)),
            store,
            clock,
            default_retention,
            keys: Lookups::new(KEYS_MAX, LOOKUP_LIFETIME),
            last_uses: LastUses::default(),
            organizations: Lookups::new(ORGANIZATIONS_MAX, ORGANIZATION_LIFETIME),
            groups: Lookups::new(ORGANIZATIONS_MAX, LOOKUP_LIFETIME),
            rules: RuleCache::default(),
            told,
            changes: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }
}
