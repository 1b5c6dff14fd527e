//! Publishing: all events of a request or none.

use std::time::Duration;

use annals_core::ids::{FeedEventId, OrganizationId};
use annals_core::record::{NewFeedEvent, ObjectText};
use annals_core::wire::PublishEvent;
use sha2::{Digest, Sha256};

use super::Feed;
use crate::commit_log::{Append, Appended, KeyMark, NewRecord, Together};
use crate::store::StoreError;
use crate::tenants::{Forbidden, OrganizationError, Scope};

/// Part of the digest of an idempotency key, so that a key of another request never counts here.
const REQUEST: &[u8] = b"POST /v1/events";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishReceipt {
    Stored(FeedEventId),
    /// The same key and event were published within the last 24 hours.
    Replayed,
}

/// Nothing was stored, except that it is not known after `Unavailable`.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// 404.
    #[error("organization {0} not found")]
    OrganizationNotFound(String),
    /// 422: the member `context` of the event at this place.
    #[error("the context of event {at} {reason}")]
    Context { at: usize, reason: String },
    /// 400: this key was used with another event.
    #[error("an idempotency key was reused with another event")]
    KeyReused { key: String },
    /// 503 with `Retry-After`; sending again with the same keys is safe.
    #[error("{reason}")]
    Unavailable { reason: &'static str, retry_after: Duration },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Feed {
    /// Puts events into the feed of the scope's environment, in their order and next to each other.
    ///
    /// # Errors
    /// Nothing was stored, except that it is not known after `Unavailable`.
    pub async fn publish(&self, scope: &Scope, events: Vec<PublishEvent>) -> Result<Vec<PublishReceipt>, PublishError> {
        let environment = scope.environment()?.environment_id();
        let keys: Vec<Option<String>> = events.iter().map(|event| event.idempotency_key.clone()).collect();
        let mut appends = Vec::with_capacity(events.len());
        for (at, event) in events.into_iter().enumerate() {
            let organization = match &event.organization_id {
                Some(id) => Some(self.organization(scope, id).await?),
                None => None,
            };
            let context = event.whole_context().map_err(|reason| PublishError::Context { at, reason })?;
            let key = event.idempotency_key.as_deref().map(|key| KeyMark::new(scope.owner_bytes(), REQUEST, key, digest(&event)));
            let record = NewFeedEvent { organization, name: event.event, data: event.data, context };
            appends.push(Append { environment, record: NewRecord::FeedEvent(record), key });
        }
        let outcomes = self.log.append_all(appends, Together::AllOrNone).await;
        let outcomes =
            outcomes.map_err(|refused| PublishError::Unavailable { reason: refused.reason, retry_after: refused.retry_after })?;
        let receipt = |(outcome, key): (Appended, Option<String>)| match outcome {
            Appended::Stored(id) => Some(Ok(PublishReceipt::Stored(id.into()))),
            Appended::Replayed => Some(Ok(PublishReceipt::Replayed)),
            Appended::KeyReused => Some(Err(PublishError::KeyReused { key: key.unwrap_or_default() })),
            // Because of another one, which is the one to tell.
            Appended::LeftOut => None,
        };
        outcomes.into_iter().zip(keys).filter_map(receipt).collect()
    }

    async fn organization(&self, scope: &Scope, id: &str) -> Result<OrganizationId, PublishError> {
        let not_found = || PublishError::OrganizationNotFound(id.to_owned());
        let parsed: OrganizationId = id.parse().map_err(|_| not_found())?;
        match self.tenants.organization_scope(scope, parsed).await {
            Ok(_) => Ok(parsed),
            Err(OrganizationError::Store(error)) => Err(error.into()),
            Err(_) => Err(not_found()),
        }
    }
}

/// Of everything but the key, with the length of each part so that no two events have one digest.
fn digest(event: &PublishEvent) -> [u8; 12] {
    let origin = event.mirrored_from.as_ref().map(|origin| format!("{} {}", origin.created_at.0, origin.id));
    let mut digest = Sha256::new();
    for part in [
        Some(event.event.as_str()),
        Some(event.data.as_str()),
        event.organization_id.as_deref(),
        event.context.as_ref().map(ObjectText::as_str),
        origin.as_deref(),
    ] {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        digest.update(length.to_be_bytes());
        digest.update(part.unwrap_or_default());
    }
    KeyMark::body(digest)
}
