//! Compiled schemas, remembered as long as there is room: a version never changes. What is not there is not remembered, because it
//! may be created at any moment.

use std::sync::Arc;

use annals_core::ids::EnvironmentId;
use moka::future::Cache;

use super::CompiledSchema;
use crate::store::StoreError;

/// The sum of [`CompiledSchema::weight`], which is about a tenth of the memory.
const WEIGHT_MAX: u64 = 16 * 1024 * 1024;

pub(in crate::tenants) struct RuleCache {
    compiled: Cache<(EnvironmentId, u32, Box<str>), Arc<CompiledSchema>>,
}

impl Default for RuleCache {
    fn default() -> Self {
        let weigher = |key: &(EnvironmentId, u32, Box<str>), schema: &Arc<CompiledSchema>| {
            schema.weight().saturating_add(key.2.len() as u32)
        };
        Self { compiled: Cache::builder().weigher(weigher).max_capacity(WEIGHT_MAX).build() }
    }
}

impl RuleCache {
    /// # Errors
    /// Those of `read`, which only runs when nothing is remembered.
    pub async fn find(
        &self,
        environment: EnvironmentId,
        action: &str,
        version: u32,
        read: impl Future<Output = Result<Option<Arc<CompiledSchema>>, StoreError>>,
    ) -> Result<Option<Arc<CompiledSchema>>, StoreError> {
        let key = (environment, version, Box::from(action));
        if let Some(schema) = self.compiled.get(&key).await {
            return Ok(Some(schema));
        }
        let Some(schema) = read.await? else { return Ok(None) };
        self.compiled.insert(key, Arc::clone(&schema)).await;
        Ok(Some(schema))
    }
}
