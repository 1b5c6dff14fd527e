//! Every kind of request that brings records: one event, batches, the older API, the feed, the API-request log.

use annals_client::{Client, Error, EventName, ObjectText};
use annals_core::event;
use annals_core::time::Micros;
use annals_core::wire::{
    ApiRequestActor, ApiRequestActorType, BatchItem, BatchResult, CreateApiRequest, CreateAuditEvent, CreateTrailEvent,
    MetadataValue, Moment, PublishEvent, Receipt,
};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::ledger::Content;
use crate::events::{self, normal_form};
use crate::failure::{Doing, Failure};

/// Groups of the older API that lead to no organization yet: the first event makes one.
const GROUPS: u32 = 5;
const BATCH_ITEMS_MAX: usize = 30;
const PUBLISH_ITEMS_MAX: usize = 5;

#[derive(Debug, Clone)]
pub enum Request {
    Event { key: String, event: CreateAuditEvent },
    Batch { items: Vec<BatchItem>, atomic: bool },
    Trail { key: String, event: CreateTrailEvent },
    Feed(Vec<PublishEvent>),
    ApiRequests(Vec<CreateApiRequest>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything in it is durable.
    Acknowledged,
    /// It may have been carried out or not.
    Unknown,
    /// It was not carried out, and never will be as it is.
    Refused(String),
}

impl Request {
    /// `name` is in the markers of all of its records.
    pub fn draw(random: &mut StdRng, name: &str, organizations: &[String]) -> Result<Self, Failure> {
        let organization = |random: &mut StdRng| organizations.choose(random).cloned().unwrap_or_default();
        Ok(match random.random_range(0..100) {
            0..55 => {
                let organization = organization(random);
                Self::Event { key: format!("key-{name}"), event: events::event(random, &organization, &marker(name, 0)) }
            }
            55..75 => {
                let item = |n: usize, random: &mut StdRng| {
                    let organization = organization(random);
                    let event = events::event(random, &organization, &marker(name, n));
                    let key = Some(format!("key-{name}-{n}"));
                    BatchItem { organization_id: organization, event: event.event, idempotency_key: key, imported: None }
                };
                let count = random.random_range(1..=BATCH_ITEMS_MAX);
                Self::Batch { items: (0..count).map(|n| item(n, random)).collect(), atomic: random.random() }
            }
            75..85 => Self::Trail { key: format!("key-{name}"), event: trail_event(random, &marker(name, 0)) },
            85..93 => {
                let count = random.random_range(1..=PUBLISH_ITEMS_MAX);
                Self::Feed((0..count).map(|n| feed_event(random, name, n)).collect::<Result<_, _>>()?)
            }
            _ => {
                let count = random.random_range(1..=PUBLISH_ITEMS_MAX);
                Self::ApiRequests((0..count).map(|n| api_request(random, name, n)).collect())
            }
        })
    }

    /// Markers and contents of its records.
    pub fn records(&self) -> Result<Vec<(String, Content)>, Failure> {
        match self {
            Self::Event { event, .. } => Ok(vec![audit_record(event)?]),
            Self::Batch { items, .. } => items.iter().map(|item| audit_record(&alone(item))).collect(),
            Self::Trail { event, .. } => {
                let body = serde_json::to_vec(event).doing("cannot write an event")?;
                let parsed = event::TrailEvent::parse(&body);
                let parsed = parsed.map_err(|error| Failure::new(format!("a generated event is not valid: {error:?}")))?;
                let normal = Box::new(parsed.into_marked().into_valid().into_event());
                Ok(vec![(event.target_id.clone(), Content::AuditEvent { organization: None, event: normal })])
            }
            Self::Feed(events) => events.iter().map(feed_record).collect(),
            Self::ApiRequests(requests) => Ok(requests.iter().map(api_request_record).collect()),
        }
    }

    /// Whether its records are stored all or none.
    pub fn is_whole(&self) -> bool {
        !matches!(self, Self::Batch { atomic: false, .. })
    }

    /// The same keys with other bodies.
    pub fn changed(&self) -> Self {
        let mut changed = self.clone();
        match &mut changed {
            Self::Event { event, .. } => event.event.actor.id.push_str(" changed"),
            Self::Batch { items, .. } => items.iter_mut().for_each(|item| item.event.actor.id.push_str(" changed")),
            Self::Trail { event, .. } => event.actor_id.push_str(" changed"),
            Self::Feed(events) => {
                if let Ok(data) = ObjectText::of_value(&json!({ "changed": true })) {
                    events.iter_mut().for_each(|event| event.data = data.clone());
                }
            }
            Self::ApiRequests(requests) => requests.iter_mut().for_each(|request| request.path.push_str("/changed")),
        }
        changed
    }

    pub async fn send(&self, client: &Client) -> Outcome {
        match self {
            Self::Event { key, event } => of_unit(client.audit_events().idempotency_key(key).create(event).await),
            Self::Batch { items, atomic } => {
                let events = client.audit_events();
                let answer = if *atomic { events.batch_all_or_none(items).await } else { events.batch(items).await };
                answer.map_or_else(|error| of_error(&error), |answer| of_results(&answer.results))
            }
            Self::Trail { key, event } => of_unit(client.audit_trail().idempotency_key(key).create(event).await),
            Self::Feed(events) => of_receipts(client.events().publish_all(events).await),
            Self::ApiRequests(requests) => of_receipts(client.api_requests().publish_all(requests).await),
        }
    }
}

/// Markers as they stand in any text, such as a file of an export.
pub fn markers_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(MARK).map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

const MARK: &str = "mk_";

fn marker(name: &str, n: usize) -> String {
    format!("{MARK}{name}_{n}")
}

fn alone(item: &BatchItem) -> CreateAuditEvent {
    CreateAuditEvent { organization_id: item.organization_id.clone(), event: item.event.clone() }
}

fn audit_record(event: &CreateAuditEvent) -> Result<(String, Content), Failure> {
    let marker = event.event.targets.first().map(|target| target.id.clone()).unwrap_or_default();
    let organization = Some(event.organization_id.clone());
    Ok((marker, Content::AuditEvent { organization, event: Box::new(normal_form(event)?) }))
}

fn trail_event(random: &mut StdRng, marker: &str) -> CreateTrailEvent {
    CreateTrailEvent {
        group: format!("group-{}", random.random_range(0..GROUPS)),
        action: "user.searched_directories".to_owned(),
        action_type: (*["C", "R", "U", "D"].choose(random).unwrap_or(&"C")).to_owned(),
        actor_name: "Grüße".to_owned(),
        actor_id: format!("user_{}", random.random_range(0..100)),
        target_name: String::new(),
        target_id: marker.to_owned(),
        location: "1.1.1.1".to_owned(),
        occurred_at: Moment(Micros::saturating(1_600_000_000_000_000 + i64::from(random.random::<u32>()))),
        metadata: [("n".to_owned(), MetadataValue::Number(f64::from(random.random::<u16>())))].into(),
    }
}

fn feed_event(random: &mut StdRng, name: &str, n: usize) -> Result<PublishEvent, Failure> {
    let names = ["user.created", "torture.happened", "session.revoked"];
    let event: EventName = names.choose(random).unwrap_or(&names[0]).parse().doing("a generated name is not valid")?;
    let data = json!({ "marker": marker(name, n), "nested": { "list": [1, null, "é"] }, "n": random.random::<u32>() });
    let data = ObjectText::of_value(&data).doing("generated data is not valid")?;
    let key = Some(format!("feed-{name}-{n}"));
    Ok(PublishEvent { event, data, organization_id: None, context: None, idempotency_key: key, mirrored_from: None })
}

fn feed_record(event: &PublishEvent) -> Result<(String, Content), Failure> {
    let Ok(Value::Object(data)) = serde_json::from_str(event.data.as_str()) else {
        return Err(Failure::new("generated data is no object"));
    };
    let marker = data.get("marker").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((marker, Content::FeedEvent { name: event.event.as_str().to_owned(), data }))
}

fn api_request(random: &mut StdRng, name: &str, n: usize) -> CreateApiRequest {
    let actor = ApiRequestActor { id: "user_1".to_owned(), name: None, kind: ApiRequestActorType::User };
    CreateApiRequest {
        action: "project.create".to_owned(),
        actor,
        client_ip: "203.0.113.7".to_owned(),
        method: "POST".to_owned(),
        path: format!("/torture/{}", marker(name, n)),
        status_code: random.random_range(200..600),
        user_agent: Some("torture".to_owned()),
        target: None,
        organization_id: None,
        created_at: None,
        idempotency_key: Some(format!("request-{name}-{n}")),
    }
}

fn api_request_record(request: &CreateApiRequest) -> (String, Content) {
    let marker = markers_in(&request.path).next().unwrap_or_default().to_owned();
    let CreateApiRequest { path, action, status_code, .. } = request.clone();
    (marker, Content::ApiRequest { path, action, status_code })
}

fn of_unit(answer: Result<(), Error>) -> Outcome {
    answer.map_or_else(|error| of_error(&error), |()| Outcome::Acknowledged)
}

fn of_receipts(answer: Result<Vec<Receipt>, Error>) -> Outcome {
    answer.map_or_else(|error| of_error(&error), |_receipts| Outcome::Acknowledged)
}

fn of_results(results: &[BatchResult]) -> Outcome {
    let is_good = |result: &&BatchResult| matches!(result, BatchResult::Stored { .. } | BatchResult::Replayed);
    match results.iter().find(|result| !is_good(result)) {
        None => Outcome::Acknowledged,
        Some(refused) => Outcome::Refused(format!("{refused:?}")),
    }
}

fn of_error(error: &Error) -> Outcome {
    if error.is_temporary() { Outcome::Unknown } else { Outcome::Refused(error.to_string()) }
}
