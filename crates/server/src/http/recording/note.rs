//! What handlers find out about a request while it runs, for its entry in the log.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use annals_core::ids::OrganizationId;
use annals_engine::api_requests::Requester;
use annals_engine::exports::TicketHolder;
use annals_engine::tenants::Scope;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Goes along with requests that get an entry. Of all others it is empty, and writing to it does nothing.
#[derive(Clone, Default)]
pub struct Note(Option<Arc<Mutex<Noted>>>);

#[derive(Debug, Clone, Copy, Default)]
pub struct Noted {
    /// Absent: nobody was identified.
    pub requester: Option<Requester>,
    pub organization: Option<OrganizationId>,
}

impl Note {
    /// One that keeps what it is told.
    pub fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    pub fn of(parts: &Parts) -> Self {
        parts.extensions.get().cloned().unwrap_or_default()
    }

    pub fn caller(&self, scope: Scope) {
        self.write(|noted| noted.requester = Some(Requester::Key(scope)));
    }
    /// Somebody who has no key, but a link that works.
    pub fn link(&self, holder: TicketHolder) {
        self.write(|noted| noted.requester = Some(Requester::Link(holder)));
    }
    /// The organization that the request is about, where neither its path nor its key says so.
    pub fn organization(&self, id: OrganizationId) {
        self.write(|noted| noted.organization = Some(id));
    }

    pub fn read(&self) -> Noted {
        self.0.as_ref().map_or_else(Noted::default, |noted| *noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Noted)) {
        if let Some(noted) = &self.0 {
            change(&mut noted.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Note {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
