//! The two smaller kinds of records, beside audit events ([`crate::event`]): events of an environment's feed and API requests. Each is
//! new until the commit log gives it an id and a received time.

mod event_name;
mod object_text;

pub use event_name::{EventName, EventNameError};
pub use object_text::{ObjectText, ObjectTextError};

use serde::{Deserialize, Serialize};

use crate::ids::{ApiRequestId, EnvironmentId, FeedEventId, OrganizationId};
use crate::time::Micros;

/// An event of the feed (wire contract §6) that has no place in it yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFeedEvent {
    /// The organization it is about, which filters use.
    pub organization: Option<OrganizationId>,
    pub name: EventName,
    pub data: ObjectText,
    pub context: Option<ObjectText>,
}

/// An event of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedEvent {
    pub id: FeedEventId,
    pub environment: EnvironmentId,
    /// When the server received it: `created_at` on the wire. Never falls within a shard.
    pub received_at: Micros,
    pub event: NewFeedEvent,
}

/// An HTTP request that somebody made (wire contract §8), without a place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewApiRequest {
    /// Whose administrators may see it; `None` is for the environment only.
    pub organization: Option<OrganizationId>,
    /// When the request was made. Absent means when the entry is received.
    pub created_at: Option<Micros>,
    pub request: RequestFacts,
}

/// An entry of the API-request log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiRequest {
    pub id: ApiRequestId,
    pub environment: EnvironmentId,
    pub organization: Option<OrganizationId>,
    /// The server's clock at the commit; never falls within a shard.
    pub received_at: Micros,
    pub created_at: Micros,
    pub request: RequestFacts,
}

/// What was asked, by whom, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFacts {
    pub action: String,
    pub actor: RequestActor,
    pub client_ip: String,
    pub method: String,
    /// Without the query string, which may hold secrets.
    pub path: String,
    pub status_code: u16,
    pub user_agent: Option<String>,
    pub target: Option<RequestTarget>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestActor {
    pub id: String,
    pub kind: RequestActorKind,
    pub name: Option<String>,
}

/// The two kinds that the clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RequestActorKind {
    User,
    ApiKey,
}

/// The thing that was made, changed or read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTarget {
    pub id: String,
    pub kind: String,
}

impl NewFeedEvent {
    /// Roughly what it takes in memory and in a commit.
    #[must_use]
    pub fn bytes(&self) -> usize {
        100 + self.name.as_str().len() + self.data.as_str().len() + self.context.as_ref().map_or(0, |text| text.as_str().len())
    }
}

impl NewApiRequest {
    /// Roughly what it takes in memory and in a commit.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let RequestFacts { action, actor, client_ip, method, path, status_code: _, user_agent, target } = &self.request;
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        300 + [action, &actor.id, client_ip, method, path].into_iter().map(String::len).sum::<usize>()
            + optional(&actor.name)
            + optional(user_agent)
            + target.as_ref().map_or(0, |target| target.id.len() + target.kind.len())
    }
}

impl RequestActorKind {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ApiKey => "api_key",
        }
    }
    /// From the word on the wire.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::User, Self::ApiKey].into_iter().find(|kind| kind.as_str() == name)
    }
}
