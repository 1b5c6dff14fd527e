//! When keys were last used, gathered in memory: a write for every request would cost more than the request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use annals_core::ids::ApiKeyId;
use annals_core::time::Micros;

use crate::store::{Store, StoreError};

/// More keys than this in use between two flushes: some times of last use are missed.
const KEYS_MAX: usize = 10_000;
const KEYS_PER_CALL: usize = 1_000;

/// The lock is a std one: it is never held across an await.
#[derive(Default)]
pub(in crate::tenants) struct LastUses {
    noted: Mutex<HashMap<ApiKeyId, Micros>>,
}

impl LastUses {
    pub fn note(&self, key: ApiKeyId, at: Micros) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = noted.get_mut(&key) {
            *known = at.max(*known);
        } else if noted.len() < KEYS_MAX {
            noted.insert(key, at);
        }
    }

    pub async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        let noted: Vec<_> = noted.into_iter().collect();
        for (done, chunk) in (0..).step_by(KEYS_PER_CALL).zip(noted.chunks(KEYS_PER_CALL)) {
            if let Err(error) = store.touch_api_keys(chunk).await {
                // Repeating a time that was stored after all is harmless.
                noted[done..].iter().for_each(|(key, at)| self.note(*key, *at));
                return Err(error);
            }
        }
        Ok(())
    }
}
