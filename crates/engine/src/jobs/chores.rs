//! Small things that are done now and then, and may be skipped without harm.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::pause;
use crate::clock::Clock;
use crate::store::{Store, StoreError};
use crate::tenants::Tenants;

const EVERY: Duration = Duration::from_secs(5);
/// How long idempotent answers count (wire contract §0.6).
const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
const ANSWERS_PER_CALL: u32 = 1000;

pub(crate) struct Chores {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub tenants: Tenants,
}

impl Chores {
    pub async fn run(self, stop: CancellationToken) {
        while pause(EVERY, &stop).await {
            if let Err(error) = self.once().await {
                tracing::warn!(%error, "chores wait");
            }
        }
    }

    async fn once(&self) -> Result<(), StoreError> {
        self.tenants.flush_last_used().await?;
        let before = self.clock.now().saturating_sub(ANSWERS_KEPT);
        while self.store.expire_answers(before, ANSWERS_PER_CALL).await? == u64::from(ANSWERS_PER_CALL) {}
        Ok(())
    }
}
