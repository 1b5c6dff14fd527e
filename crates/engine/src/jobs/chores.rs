//! Small things that are done now and then, and may be skipped without harm.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::pause;
use crate::clock::Clock;
use crate::exports::ExportState;
use crate::read::ExportFiles;
use crate::store::{Store, StoreError};
use crate::tenants::Tenants;

const EVERY: Duration = Duration::from_secs(5);
/// How long idempotent answers count (wire contract §0.6).
const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
const ANSWERS_PER_CALL: u32 = 1000;
const EXPORTS_PER_LOOK: u32 = 100;

pub(crate) struct Chores {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub tenants: Tenants,
    pub files: ExportFiles,
    /// How long a finished file is kept.
    pub keep_exports: Duration,
}

impl Chores {
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.once().await {
                tracing::warn!(%error, "chores wait");
            }
            if !pause(EVERY, &stop).await {
                return;
            }
        }
    }

    pub(super) async fn once(&self) -> Result<(), StoreError> {
        self.tenants.flush_last_used().await?;
        let before = self.clock.now().saturating_sub(ANSWERS_KEPT);
        while self.store.expire_answers(before, ANSWERS_PER_CALL).await? == u64::from(ANSWERS_PER_CALL) {}
        self.expire_exports().await
    }

    /// The file goes first: an export that says `ready` without its file is found again by the next look.
    async fn expire_exports(&self) -> Result<(), StoreError> {
        let before = self.clock.now().saturating_sub(self.keep_exports);
        for (_, export) in self.store.exports_in_state(ExportState::Ready, before, EXPORTS_PER_LOOK).await? {
            match self.files.delete(export.id).await {
                Ok(()) => {
                    self.store.set_export_state(export.id, ExportState::Ready, ExportState::Expired, self.clock.now()).await?;
                }
                Err(error) => tracing::warn!(%error, export = %export.id, "an old export file stays for now"),
            }
        }
        Ok(())
    }
}
