//! How long an organization's audit events are kept.

use annals_core::wire::{AuditLogConfiguration, PurgeEvents, PurgedEvents, Retention as Period, SetRetention};

use super::resource;
use crate::error::Error;
use crate::transport::Call;

resource!(
    /// Retention of audit events: [`Client::retention`](crate::Client::retention).
    Retention
);

impl Retention {
    /// Days, `None` when they were never set.
    ///
    /// # Errors
    /// Not found when the organization does not exist.
    pub async fn get(&self, organization_id: &str) -> Result<Option<u32>, Error> {
        let call = Call::get(&["organizations", organization_id, "audit_logs_retention"])?;
        let period: Period = self.client.transport().send(&call).await?.json()?;
        Ok(period.retention_period_in_days)
    }

    /// 30 to 330 days in steps of 30, or 365 to 3,650 in steps of 365.
    ///
    /// # Errors
    /// Not found when the organization does not exist; refused for other numbers.
    pub async fn set(&self, organization_id: &str, days: u32) -> Result<Option<u32>, Error> {
        let set = SetRetention { retention_period_in_days: days };
        let call = Call::put(&["organizations", organization_id, "audit_logs_retention"], &set)?;
        let period: Period = self.client.transport().send(&call).await?.json()?;
        Ok(period.retention_period_in_days)
    }

    /// Removes what organizations keep no longer, or only says what would go.
    ///
    /// # Errors
    /// Refused for an organization's own key.
    pub async fn purge(&self, dry_run: bool) -> Result<PurgedEvents, Error> {
        let call = Call::post(&["v1", "audit_log_events", "purge"], &PurgeEvents { dry_run }, None)?;
        self.client.transport().send(&call).await?.json()
    }

    /// The audit log settings of an organization.
    ///
    /// # Errors
    /// Not found when the organization does not exist.
    pub async fn configuration(&self, organization_id: &str) -> Result<AuditLogConfiguration, Error> {
        let call = Call::get(&["organizations", organization_id, "audit_log_configuration"])?;
        self.client.transport().send(&call).await?.json()
    }
}
