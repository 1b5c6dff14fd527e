//! Exports of one organization's events to CSV (wire contract §2): the job, its states and its file.

use std::sync::Arc;
use std::time::Duration;

use annals_core::ids::{EnvironmentId, ExportId, OrganizationId};
use bytes::Bytes;
use futures::stream::BoxStream;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::Notify;

use crate::clock::Clock;
pub use crate::entities::{Export, ExportFilter, ExportState};
use crate::random::random;
use crate::read::{ExportFileError, ExportFiles};
use crate::store::{Keep, Store, StoreError};
use crate::tenants::{OrganizationScope, Scope};

/// How long a download link works (wire contract §2).
const TICKET_LIFETIME: Duration = Duration::from_secs(600);
/// Clocks are corrected by a little now and then; a link made just before still works.
const TICKET_SLACK: Duration = Duration::from_secs(60);
/// Exports of one environment that may wait.
const PENDING_MAX: u64 = 1000;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("export not found")]
    NotFound,
    /// 400 `invalid_audit_log_export_range_date`.
    #[error("invalid date range")]
    InvalidRange,
    /// 429/503: too many exports wait.
    #[error("too many exports are waiting")]
    Full { retry_after: std::time::Duration },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The query string of a download URL, made by [`Exports::ticket`]; nobody else can make one that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadTicket {
    /// Unix milliseconds.
    pub expires: i64,
    pub nonce: String,
    /// Lower-case hex.
    pub signature: String,
}

/// Whose export a good ticket opens. Only a ticket that verified gives one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketHolder {
    pub(crate) environment: EnvironmentId,
    pub(crate) organization: OrganizationId,
}

/// A file on its way to whoever holds a ticket.
pub struct Download {
    pub bytes: u64,
    pub stream: BoxStream<'static, Result<Bytes, object_store::Error>>,
}

/// 403 or 404: expired, altered, or the file is gone. Or a failure.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("the link has expired or was altered")]
    Refused,
    #[error("the file is no longer there")]
    Gone,
    #[error("the file cannot be read: {0}")]
    Files(#[source] ExportFileError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Exports as the server sees them; `jobs::exports` does the work behind. Cheap to clone.
#[derive(Clone)]
pub struct Exports {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    files: ExportFiles,
    signing_secret: [u8; 32],
    /// Wakes the job.
    created: Arc<Notify>,
}

impl Exports {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        files: ExportFiles,
        signing_secret: [u8; 32],
        created: Arc<Notify>,
    ) -> Self {
        Self { store, clock, files, signing_secret, created }
    }

    /// # Errors
    /// The range is backwards, or too many exports of the environment wait.
    pub async fn create(
        &self,
        scope: &OrganizationScope,
        filter: ExportFilter,
        keep: Keep<'_, Export>,
    ) -> Result<Export, ExportError> {
        if filter.range_start > filter.range_end {
            return Err(ExportError::InvalidRange);
        }
        if self.store.pending_exports(scope.environment_id()).await? >= PENDING_MAX {
            return Err(ExportError::Full { retry_after: Duration::from_secs(30) });
        }
        let now = self.clock.now();
        let id = ExportId::from_parts(now.id_millis(), u128::from_be_bytes(random()?));
        let organization = scope.organization_id();
        let export = Export { id, organization, state: ExportState::Pending, filter, created_at: now, updated_at: now };
        let inserted = self.store.insert_export(scope.environment_id(), &export, keep).await;
        // Also after an error: it may have been stored.
        self.created.notify_one();
        inserted?;
        Ok(export)
    }

    /// # Errors
    /// `NotFound` also when the key may not see its organization.
    pub async fn get(&self, scope: &Scope, id: ExportId) -> Result<Export, ExportError> {
        match self.store.export(id).await? {
            Some((environment, export)) if scope.may_see(environment, export.organization) => Ok(export),
            _ => Err(ExportError::NotFound),
        }
    }

    /// A link's query, good for ten minutes. Each call makes another one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn ticket(&self, export: &Export) -> Result<DownloadTicket, StoreError> {
        let expires = self.clock.now().saturating_add(TICKET_LIFETIME).get() / 1000;
        let nonce = hex::encode(random::<8>()?);
        let signature = hex::encode(self.mac(export.id, expires, &nonce).finalize().into_bytes());
        Ok(DownloadTicket { expires, nonce, signature })
    }

    /// Needs no key: the ticket is the right.
    ///
    /// # Errors
    /// `Refused` tells nothing about whether the export exists.
    pub async fn verify(&self, id: ExportId, ticket: &DownloadTicket) -> Result<TicketHolder, DownloadError> {
        let signature = hex::decode(&ticket.signature).map_err(|_| DownloadError::Refused)?;
        // Compares in constant time.
        self.mac(id, ticket.expires, &ticket.nonce).verify_slice(&signature).map_err(|_| DownloadError::Refused)?;
        let now = self.clock.now();
        // One that works for longer was made before the clock was set back: it would come to life again.
        let latest = now.saturating_add(TICKET_LIFETIME + TICKET_SLACK);
        if now.get() / 1000 > ticket.expires || latest.get() / 1000 < ticket.expires {
            return Err(DownloadError::Refused);
        }
        let (environment, export) = self.store.export(id).await?.ok_or(DownloadError::Gone)?;
        Ok(TicketHolder { environment, organization: export.organization })
    }

    /// # Errors
    /// The file is gone or cannot be read.
    pub async fn download(&self, id: ExportId, _: &TicketHolder) -> Result<Download, DownloadError> {
        match self.files.open(id).await {
            Ok(file) => Ok(Download { bytes: file.size, stream: file.bytes }),
            Err(ExportFileError::NotFound) => Err(DownloadError::Gone),
            Err(error) => Err(DownloadError::Files(error)),
        }
    }

    fn mac(&self, id: ExportId, expires: i64, nonce: &str) -> Hmac<Sha256> {
        // HMAC takes keys of any length; 32 bytes cannot fail.
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.signing_secret).expect("any length is a key");
        mac.update(format!("annals export download v1\n{id}\n{expires}\n{nonce}").as_bytes());
        mac
    }
}
