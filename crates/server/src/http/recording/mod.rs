//! The log of requests to this server itself: every write, every link to an export's file and its use, every refused key, and reads when
//! a setting says so. Ingestion never gets an entry.
//!
//! An entry is written after the handler finished and before the answer is sent, so an answered change has its entry. When the log
//! cannot take it, the answer is sent all the same, because the act has happened; a counter and a warning say so. Request and entry are
//! a task of their own: a client that hangs up prevents neither.

mod head;
mod note;
mod operations;
mod pace;

use std::sync::Arc;
use std::time::Duration;

use annals_core::ids::OrganizationId;
use annals_core::limits::{BODY_BYTES_MAX, NAME_CHARS_MAX};
use annals_engine::api_requests::{OwnRequest, Requester};
use annals_engine::tenants::RefusedKey;
use axum::RequestExt;
use axum::body::{Body, to_bytes};
use axum::extract::{RawPathParams, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, describe_counter};

pub use head::{Peer, client_address};
pub use note::Note;

use super::App;
use super::envelope::settle;
use super::problem::Problem;
use head::{Head, without_keys};
use operations::{Kind, Operation, Target};
use pace::Pace;

const NOT_RECORDED: &str = "annals_own_requests_not_recorded_total";
/// Entries of refused keys a second. Whoever tries keys must not fill the log; the rest is counted.
const REFUSED_PER_SECOND_MAX: u32 = 100;
/// The answer waits no longer than this for its entry.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Writes the entries. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    app: App,
    refused: Arc<Pace>,
    warnings: Arc<Pace>,
}

/// A request that will get an entry.
pub struct Recording {
    recorder: Recorder,
    operation: &'static Operation,
    head: Head,
    /// The parameter of the path.
    named: Option<String>,
    note: Note,
}

/// Goes with the answer to a request whose key was refused.
#[derive(Debug, Clone)]
pub struct Refused(Arc<(RefusedKey, Head)>);

impl Refused {
    pub fn new(key: RefusedKey, parts: &Parts, app: &App) -> Self {
        let trust = app.config().trust_forwarded_for;
        Self(Arc::new((key, Head::of(&parts.method, &parts.uri, &parts.headers, &parts.extensions, trust))))
    }
}

impl Recorder {
    pub fn new(app: App) -> Self {
        describe_counter!(NOT_RECORDED, "Requests to this server that should have an entry in the API-request log and have none");
        Self { app, refused: Arc::new(Pace::new(REFUSED_PER_SECOND_MAX)), warnings: Arc::new(Pace::new(1)) }
    }

    /// `None`: no entry, and the request may run at once.
    pub fn operation(&self, request: &Request, route: &str) -> Option<&'static Operation> {
        let operation = Operation::of(request.method(), route)?;
        let recorded = match operation.kind {
            Kind::Always | Kind::Link => true,
            Kind::Read => self.app.config().record_reads,
            Kind::Ingestion => false,
        };
        recorded.then_some(operation)
    }

    /// Runs the request to its end and writes its entry, whether or not the client waits for the answer.
    pub async fn answer(&self, operation: &'static Operation, mut request: Request, next: Next, within: Duration) -> Response {
        let trust = self.app.config().trust_forwarded_for;
        let head = Head::of(request.method(), request.uri(), request.headers(), request.extensions(), trust);
        let parameters = request.extract_parts::<RawPathParams>().await.ok();
        let named = parameters.and_then(|all| all.iter().next().map(|(_, text)| text.to_owned()));
        let note = Note::kept();
        request.extensions_mut().insert(note.clone());
        let recording = Recording { recorder: self.clone(), operation, head, named, note };
        let task = self.app.background().spawn(async move { recording.write(settle(request, next, within).await).await });
        task.await.unwrap_or_else(|ended| Problem::internal(ended).into_response())
    }

    /// Writes the entry of a refused key, if the answer is such a refusal.
    pub async fn refusal(&self, response: &mut Response) {
        let Some(Refused(refused)) = response.extensions_mut().remove() else { return };
        if !self.refused.allows() {
            counter!(NOT_RECORDED, "reason" => "too many refused keys").increment(1);
            return;
        }
        let (key, head) = &*refused;
        let request = own_request("authentication.failed", head.clone(), response.status().as_u16());
        self.record(Requester::Refused(*key), request).await;
    }

    async fn record(&self, requester: Requester, request: OwnRequest) {
        let api_requests = self.app.engine().api_requests();
        let recorded = tokio::time::timeout(WAIT_MAX, api_requests.record(requester, request)).await;
        let failure = match recorded {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no commit in time".to_owned(),
        };
        counter!(NOT_RECORDED, "reason" => "unavailable").increment(1);
        if self.warnings.allows() {
            tracing::warn!(%failure, "a request has no entry in the API-request log");
        }
    }
}

impl Recording {
    async fn write(self, mut response: Response) -> Response {
        self.recorder.refusal(&mut response).await;
        let noted = self.note.read();
        // Nobody was identified: the request was refused before it could do anything.
        let Some(requester) = noted.requester else { return response };
        let (response, answer) = if self.reads_answer(&response) { read_answer(response).await } else { (response, None) };
        let links = answer.as_ref().is_some_and(|answer| answer.get("url").is_some());
        if self.operation.kind == Kind::Link && !links {
            return response;
        }
        let target = self.target(answer.as_ref());
        let organization = noted.organization.or_else(|| self.organization(target.as_ref()));
        let request = own_request(self.operation.action, self.head, response.status().as_u16());
        self.recorder.record(requester, OwnRequest { target, organization, ..request }).await;
        response
    }

    fn reads_answer(&self, response: &Response) -> bool {
        let told = matches!(self.operation.target, Target::Answer(_)) || self.operation.kind == Kind::Link;
        told && response.status().is_success()
    }

    /// Id and type.
    fn target(&self, answer: Option<&serde_json::Value>) -> Option<(String, String)> {
        let (id, kind) = match self.operation.target {
            Target::None => return None,
            Target::Path(kind) => (without_keys(self.named.as_ref()?), kind),
            Target::Answer(kind) => (answer?.get("id")?.as_str()?.to_owned(), kind),
        };
        (id.chars().count() <= NAME_CHARS_MAX).then(|| (id, kind.to_owned()))
    }

    /// The organization in the path, or the one that is the target.
    fn organization(&self, target: Option<&(String, String)>) -> Option<OrganizationId> {
        let in_path = self.named.as_ref().filter(|_| self.operation.names_organization());
        in_path.and_then(|text| text.parse().ok()).or_else(|| target?.0.parse().ok())
    }
}

fn own_request(action: &str, head: Head, status_code: u16) -> OwnRequest {
    let Head { method, path, client_ip, user_agent } = head;
    let action = action.to_owned();
    OwnRequest { action, client_ip, method, path, status_code, user_agent, target: None, organization: None }
}

/// The JSON that is about to be sent, and the answer made whole again.
async fn read_answer(response: Response) -> (Response, Option<serde_json::Value>) {
    let (parts, body) = response.into_parts();
    // Answers with ids are built in memory, so reading one neither waits nor fails.
    match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(bytes) => {
            let answer = serde_json::from_slice(&bytes).ok();
            (Response::from_parts(parts, Body::from(bytes)), answer)
        }
        Err(error) => (Problem::internal(error).into_response(), None),
    }
}
