//! The states of an audit event, one type each.
//!
//! ```text
//! bytes ── parse ──▶ NewEvent ── check ──▶ ValidEvent ── commit ──▶ CommittedEvent
//!          (shape)               (action's schema)        (id, seq, received time)
//! ```
//!
//! A [`MarkedEvent`] comes from elsewhere and carries a mark that says so; no schema binds it, so it becomes a [`ValidEvent`] by itself.
//!
//! A later state can only be made from the one before it. In particular a [`ValidEvent`] cannot be read from JSON:
//!
//! ```compile_fail
//! let _: annals_core::event::ValidEvent = serde_json::from_str("{}").unwrap();
//! ```

mod batch;
mod canonical;
mod mark;
mod metadata;
mod normal;
mod own;
mod parse;
mod trail;

pub use batch::{BatchEvent, BatchItem};
pub use canonical::PartyRef;
pub use mark::{ActionType, Imported, MarkedEvent, OWN_PREFIX, TrailMark};
pub use metadata::MetadataText;
pub use normal::{Context, Members, NormalEvent, Party};
pub use own::RetentionPurged;
pub use parse::{FieldError, FieldErrors, Rejected};
pub use trail::TrailEvent;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{AuditEventId, EnvironmentId, OrganizationId};
use crate::limits::EVENT_BYTES_MAX;
use crate::time::Micros;

/// What a client sent, with the right shape and in normal form. Not yet checked against its action's schema.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// As sent: it may not even be an id.
    pub organization: String,
    event: NormalEvent,
    bytes: usize,
    digest: BodyDigest,
}

/// The first 12 bytes of SHA-256 over organization and canonical text: tells a repeated request from a changed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyDigest(pub [u8; 12]);

/// An event that its action's schema allows.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidEvent {
    event: NormalEvent,
    bytes: usize,
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommittedEvent {
    pub id: AuditEventId,
    pub environment: EnvironmentId,
    pub organization: OrganizationId,
    /// 0-based, dense in (organization, shard of the id).
    pub seq: u64,
    /// The server's clock at the commit; never falls within a shard.
    pub received_at: Micros,
    pub event: NormalEvent,
}

/// What an action allows. Implemented by the engine's compiled schemas.
pub trait EventRules {
    /// Where the event breaks a rule: JSON pointers into the event, such as `/targets/0/type`. Empty when it is allowed.
    fn violations(&self, event: &NormalEvent) -> Vec<Violation>;
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A JSON pointer into the event (RFC 6901).
    pub instance_path: String,
    pub message: String,
}

impl NewEvent {
    /// Reads the body of `POST /audit_logs/events` (wire contract §1) and brings the event into normal form.
    ///
    /// # Errors
    /// The bytes are not JSON, or the shape is wrong: every wrong field is named.
    pub fn parse(body: &[u8]) -> Result<Self, Rejected> {
        parse::new_event(body)
    }

    fn within_limit(organization: String, event: NormalEvent) -> Result<Self, Rejected> {
        let event = Self::new(organization, event);
        if event.bytes <= EVENT_BYTES_MAX {
            return Ok(event);
        }
        let mut errors = FieldErrors::default();
        errors.add("event", format!("event must be at most {EVENT_BYTES_MAX} bytes"));
        Err(Rejected::Invalid(errors))
    }

    fn new(organization: String, event: NormalEvent) -> Self {
        let nil = OrganizationId::from_parts(0, 0);
        let text = event.canonical_text(AuditEventId::from_parts(0, 0), nil);
        let digest = Sha256::new().chain_update(&organization).chain_update([0]).chain_update(&text).finalize();
        let mut first = [0; 12];
        first.copy_from_slice(&digest[..12]);
        Self { organization, bytes: text.len(), event, digest: BodyDigest(first) }
    }

    #[must_use]
    pub fn event(&self) -> &NormalEvent {
        &self.event
    }

    /// Which schema binds it. A version that is not named is 1.
    #[must_use]
    pub fn action_and_version(&self) -> (&str, u32) {
        (&self.event.action, self.event.version.unwrap_or(1))
    }

    #[must_use]
    pub fn digest(&self) -> BodyDigest {
        self.digest
    }

    /// # Errors
    /// Every rule that the event breaks.
    pub fn check(self, rules: &dyn EventRules) -> Result<ValidEvent, Vec<Violation>> {
        let violations = rules.violations(&self.event);
        if violations.is_empty() { Ok(ValidEvent { event: self.event, bytes: self.bytes }) } else { Err(violations) }
    }
}

impl ValidEvent {
    /// Length of the canonical text.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
    /// The normal form, to be committed.
    #[must_use]
    pub fn into_event(self) -> NormalEvent {
        self.event
    }
}

impl CommittedEvent {
    /// RFC 8785 text of the normal form, version 1. Hashes are taken over it, so it is frozen.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        self.event.canonical_text(self.id, self.organization)
    }
}
