//! Requests to this server itself.

use annals_core::ids::{ApiKeyId, EnvironmentId, OrganizationId};
use annals_core::record::{NewApiRequest, RequestActor, RequestActorKind, RequestFacts, RequestTarget};

use super::ApiRequests;
use crate::commit_log::{Append, NewRecord, NotAppended};
use crate::exports::TicketHolder;
use crate::tenants::{RefusedKey, Scope};

/// A request that was answered, or is about to be. Whoever sent it is told beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRequest {
    pub action: String,
    pub client_ip: String,
    pub method: String,
    pub path: String,
    pub status_code: u16,
    pub user_agent: Option<String>,
    /// Id and type.
    pub target: Option<(String, String)>,
    /// The organization that the request is about. Requests of an organization's own key belong to that organization, whatever they
    /// name: nobody else may learn of them.
    pub organization: Option<OrganizationId>,
}

/// Who sent it.
#[derive(Debug, Clone, Copy)]
pub enum Requester {
    Key(Scope),
    Refused(RefusedKey),
    /// Without a key, by a link that somebody with a key got.
    Link(TicketHolder),
}

/// The entry is missing, or it is not known whether it is.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(transparent)]
pub struct NotRecorded(#[from] NotAppended);

impl ApiRequests {
    /// Returns when the entry is durable.
    ///
    /// # Errors
    /// The log does not take it.
    pub async fn record(&self, requester: Requester, own: OwnRequest) -> Result<(), NotRecorded> {
        let (environment, organization, actor) = match requester {
            Requester::Key(scope) => {
                let environment = scope.environment_id();
                let organization = scope.organization_id().or(own.organization);
                (environment, organization, self.key_actor(environment, scope.key()).await)
            }
            Requester::Refused(refused) => match refused.known() {
                Some(known) => (known.environment, known.organization, self.key_actor(known.environment, known.key).await),
                None => (self.first_environment, None, actor("unknown".to_owned(), None)),
            },
            Requester::Link(TicketHolder { environment, organization }) => {
                (environment, Some(organization), actor("download_link".to_owned(), None))
            }
        };
        let OwnRequest { action, client_ip, method, path, status_code, user_agent, target, organization: _ } = own;
        let target = target.map(|(id, kind)| RequestTarget { id, kind });
        let request = RequestFacts { action, actor, client_ip, method, path, status_code, user_agent, target };
        let record = NewRecord::ApiRequest(NewApiRequest { organization, created_at: None, request });
        self.log.append(Append { environment, record, key: None }).await?;
        Ok(())
    }

    /// An entry without a name is better than none.
    async fn key_actor(&self, environment: EnvironmentId, key: ApiKeyId) -> RequestActor {
        actor(key.to_string(), self.tenants.api_key_name(environment, key).await.unwrap_or_default())
    }
}

fn actor(id: String, name: Option<String>) -> RequestActor {
    RequestActor { id, kind: RequestActorKind::ApiKey, name }
}
