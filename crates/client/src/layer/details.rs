//! What an application knows about a request beyond HTTP.

use crate::wire::{ApiRequestActor, ApiRequestActorType, ApiRequestTarget};

/// Who made a request and what it was about, as far as somebody knows. It may come from three sides, and the later one wins:
/// the request's extensions (an outer layer put it there), [`describe`](super::RequestLogBuilder::describe), and the response's
/// extensions (the handler or an inner layer put it there).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestDetails {
    pub action: Option<String>,
    pub actor: Option<ApiRequestActor>,
    /// Must exist on the server: entries about others are refused.
    pub organization_id: Option<String>,
    pub target: Option<ApiRequestTarget>,
    /// Leaves no entry.
    pub is_unrecorded: bool,
}

impl RequestDetails {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// What the request does, such as `project.delete`. Otherwise it is the method and the route.
    #[must_use]
    pub fn action(self, action: impl Into<String>) -> Self {
        Self { action: Some(action.into()), ..self }
    }
    #[must_use]
    pub fn user(self, id: impl Into<String>) -> Self {
        self.actor(ApiRequestActor { id: id.into(), name: None, kind: ApiRequestActorType::User })
    }
    #[must_use]
    pub fn api_key(self, id: impl Into<String>) -> Self {
        self.actor(ApiRequestActor { id: id.into(), name: None, kind: ApiRequestActorType::ApiKey })
    }
    #[must_use]
    pub fn actor(self, actor: ApiRequestActor) -> Self {
        Self { actor: Some(actor), ..self }
    }
    #[must_use]
    pub fn organization(self, id: impl Into<String>) -> Self {
        Self { organization_id: Some(id.into()), ..self }
    }
    #[must_use]
    pub fn target(self, kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { target: Some(ApiRequestTarget { id: id.into(), kind: kind.into() }), ..self }
    }
    /// For health checks and the like.
    #[must_use]
    pub fn unrecorded(self) -> Self {
        Self { is_unrecorded: true, ..self }
    }

    /// What `later` says wins.
    pub(super) fn overlaid(self, later: Self) -> Self {
        Self {
            action: later.action.or(self.action),
            actor: later.actor.or(self.actor),
            organization_id: later.organization_id.or(self.organization_id),
            target: later.target.or(self.target),
            is_unrecorded: later.is_unrecorded || self.is_unrecorded,
        }
    }
}
