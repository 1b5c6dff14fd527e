//! One file per resource: what can be asked of it.

mod api_keys;
mod api_requests;
mod audit_events;
mod audit_logs;
mod audit_trail;
mod events;
mod exports;
mod organizations;
mod retention;
mod schemas;

pub use api_keys::ApiKeys;
pub use api_requests::{ApiRequestQuery, ApiRequests, CountedPage, SortField};
pub use audit_events::{AuditEventFilter, AuditEventQuery, AuditEvents, StatsQuery};
pub use audit_logs::AuditLogs;
pub use audit_trail::{AuditTrail, TrailQuery};
pub use events::{EventQuery, Events};
pub use exports::{ExportFailed, Exports};
pub use organizations::{OrganizationQuery, Organizations};
pub use retention::Retention;
pub use schemas::Schemas;

/// The text of a value that is one word on the wire.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Declares the handle of a resource. `keyed` ones have POST requests.
macro_rules! resource {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            client: crate::Client,
        }

        impl $name {
            pub(crate) fn new(client: &crate::Client) -> Self {
                Self { client: client.clone() }
            }
        }
    };
    ($(#[$doc:meta])* keyed $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            client: crate::Client,
            key: Option<String>,
        }

        impl $name {
            pub(crate) fn new(client: &crate::Client) -> Self {
                Self::keyed(client, None)
            }

            pub(super) fn keyed(client: &crate::Client, key: Option<&str>) -> Self {
                Self { client: client.clone(), key: key.map(str::to_owned) }
            }

            /// Names the request that is made with this handle, so that a repetition of it, within 24 hours and from whatever process, is
            /// carried out once. Without it a key is drawn for each call, which covers the repetitions that the client makes by itself.
            #[must_use]
            pub fn idempotency_key(self, key: impl Into<String>) -> Self {
                Self { key: Some(key.into()), ..self }
            }

            fn key(&self) -> Option<&str> {
                self.key.as_deref()
            }
        }
    };
}
use resource;
