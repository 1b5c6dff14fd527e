//! How long an organization's events are kept (wire contract §4). The policy is stored here; the purge reads it.

use annals_core::ids::OrganizationId;

use super::{EnvironmentScope, OrganizationError, OrganizationScope, Tenants};

/// A period that the wire contract allows: 30, 60 … 330 or 365, 730 … 3650 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionDays(u32);

impl RetentionDays {
    pub const ONE_YEAR: Self = Self(365);
    /// `None` for a number of days that the contract does not list.
    #[must_use]
    pub fn new(days: u32) -> Option<Self> {
        let months = days.is_multiple_of(30) && (30..=330).contains(&days);
        let years = days.is_multiple_of(365) && (365..=3650).contains(&days);
        (months || years).then_some(Self(days))
    }
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

/// `GET /organizations/{id}/audit_log_configuration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The organization's own period, or the server's default.
    pub retention_days: u32,
}

impl Tenants {
    /// `None`: never set.
    ///
    /// # Errors
    /// The organization was deleted since the scope was made, or the store fails.
    pub async fn retention(&self, scope: &OrganizationScope) -> Result<Option<u32>, OrganizationError> {
        Ok(self.organization(scope).await?.retention_days)
    }

    /// # Errors
    /// The organization is not there, or the store fails.
    pub async fn set_retention(
        &self,
        scope: &EnvironmentScope,
        id: OrganizationId,
        days: RetentionDays,
    ) -> Result<(), OrganizationError> {
        let set = |organization: &mut super::Organization| {
            organization.retention_days = Some(days.get());
            Ok(())
        };
        self.revise(scope, id, set).await.map(|_| ())
    }

    /// # Errors
    /// The organization was deleted since the scope was made, or the store fails.
    pub async fn configuration(&self, scope: &OrganizationScope) -> Result<Configuration, OrganizationError> {
        let own = self.retention(scope).await?;
        Ok(Configuration { retention_days: own.unwrap_or(self.inner().default_retention.get()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_periods_are_periods() {
        for days in [30, 60, 330, 365, 730, 3650] {
            assert_eq!(RetentionDays::new(days).map(RetentionDays::get), Some(days));
        }
        for days in [0, 1, 29, 31, 360, 364, 366, 3651, 4015, u32::MAX] {
            assert_eq!(RetentionDays::new(days), None, "{days}");
        }
    }
}
