//! The calls of WorkOS Audit Logs, under the names that its clients have for them.

use annals_core::wire::{CreateAuditEvent, CreateExport, CreateSchema, Export, Schema};

use super::{AuditEvents, Exports, Schemas, resource};
use crate::error::Error;

resource!(
    /// WorkOS Audit Logs by its own names: [`Client::audit_logs`](crate::Client::audit_logs). What stands behind each is documented where it
    /// is linked to; a program that is not being moved from another client has no need of these.
    keyed AuditLogs
);

impl AuditLogs {
    /// # Errors
    /// As [`AuditEvents::create`].
    pub async fn create_event(&self, new: &CreateAuditEvent) -> Result<(), Error> {
        AuditEvents::keyed(&self.client, self.key()).create(new).await
    }

    /// # Errors
    /// As [`Exports::create`].
    pub async fn create_export(&self, new: &CreateExport) -> Result<Export, Error> {
        Exports::keyed(&self.client, self.key()).create(new).await
    }

    /// # Errors
    /// As [`Exports::get`].
    pub async fn get_export(&self, id: &str) -> Result<Export, Error> {
        Exports::new(&self.client).get(id).await
    }

    /// # Errors
    /// As [`Schemas::create`].
    pub async fn create_schema(&self, action: &str, new: &CreateSchema) -> Result<Schema, Error> {
        Schemas::keyed(&self.client, self.key()).create(action, new).await
    }
}
