//! Look-ups that are remembered for a short time. Only what was found is remembered: what is new is seen at once.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use crate::store::StoreError;

pub(super) struct Lookups<K, V> {
    found: Cache<K, V>,
    /// Counts removals, so that a look-up knows whether one happened while it was reading.
    removals: AtomicU64,
}

impl<K, V> Lookups<K, V>
where
    K: Hash + Eq + Copy + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn new(entries_max: u64, lifetime: Duration) -> Self {
        let found = Cache::builder().max_capacity(entries_max).time_to_live(lifetime).build();
        Self { found, removals: AtomicU64::new(0) }
    }

    /// # Errors
    /// Those of `read`, which only runs when nothing is remembered.
    pub async fn find(&self, key: K, read: impl Future<Output = Result<Option<V>, StoreError>>) -> Result<Option<V>, StoreError> {
        if let Some(value) = self.found.get(&key).await {
            return Ok(Some(value));
        }
        let removals = self.removals.load(Ordering::SeqCst);
        let Some(value) = read.await? else { return Ok(None) };
        self.found.insert(key, value.clone()).await;
        // A removal that came while we read may have found nothing to remove yet. What we read may be older than it.
        if self.removals.load(Ordering::SeqCst) != removals {
            self.found.invalidate(&key).await;
        }
        Ok(Some(value))
    }

    /// To be called after the store was changed.
    pub async fn remove(&self, key: &K) {
        self.removals.fetch_add(1, Ordering::SeqCst);
        self.found.invalidate(key).await;
    }

    /// The same for every key.
    pub fn remove_all(&self) {
        self.removals.fetch_add(1, Ordering::SeqCst);
        self.found.invalidate_all();
    }
}
