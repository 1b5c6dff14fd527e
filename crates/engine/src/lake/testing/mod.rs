//! Records and storage for the tests of `lake`, `read` and the jobs.

mod faulty;
mod hostile;

pub use faulty::{Fault, FaultyStore, When};
pub use hostile::{api_request, committed_event, feed_event};

use std::path::Path;
use std::sync::Arc;

use annals_core::event::{CommittedEvent, Context, NormalEvent, Party};
use annals_core::ids::{CommitNumber, EnvironmentId, OrganizationId, RecordPlace, ShardId};
use annals_core::json;
use annals_core::record::{
    ApiRequest, FeedEvent, NewApiRequest, NewFeedEvent, ObjectText, RequestActor, RequestActorKind, RequestFacts, RequestTarget,
};
use annals_core::time::Micros;
use url::Url;

use super::durable::DurableFiles;
use super::storage::LakeStorage;
use super::{Lake, LakeSettings};

/// 2026-07-23T10:11:12Z.
pub const NOW: i64 = 1_784_801_472_000_000;

pub fn shard() -> ShardId {
    ShardId::new(0x00ab_c123)
}

pub fn commit(number: u64) -> CommitNumber {
    CommitNumber::new(number).expect("small")
}

pub fn organization(number: u64) -> OrganizationId {
    OrganizationId::from_parts(1_700_000_000_000, u128::from(number))
}

pub fn environment(number: u64) -> EnvironmentId {
    EnvironmentId::from_parts(1_600_000_000_000, u128::from(number))
}

pub fn url(folder: &Path) -> Url {
    Url::from_directory_path(folder).expect("an absolute path")
}

/// A lake whose writes can be made to fail.
pub async fn faulty_lake(folder: &Path, settings: LakeSettings) -> (Lake, Arc<FaultyStore>) {
    let files = DurableFiles::open(folder.to_owned()).expect("a folder");
    let store = Arc::new(FaultyStore::new(Arc::new(files)));
    let storage = LakeStorage::on(Arc::clone(&store) as _, &url(folder)).expect("a path");
    (Lake::open_on(storage, settings).await.expect("a lake"), store)
}

/// Gives events their places as a commit does.
#[derive(Debug, Default)]
pub struct Sequencer {
    commit: u64,
    received: i64,
    places: std::collections::HashMap<OrganizationId, u64>,
}

impl Sequencer {
    /// One commit, `after_micros` later than the one before.
    pub fn commit(&mut self, after_micros: i64, events: Vec<(OrganizationId, NormalEvent)>) -> Vec<CommittedEvent> {
        let (received_at, places) = self.next(after_micros);
        let committed = |(place, (organization, event)): (RecordPlace, _)| {
            let next = self.places.entry(organization).or_default();
            let seq = *next;
            *next += 1;
            CommittedEvent { id: place.into(), environment: environment(1), organization, seq, received_at, event }
        };
        places.zip(events).map(committed).collect()
    }

    /// The same with events of the feed.
    pub fn feed(&mut self, after_micros: i64, events: Vec<(EnvironmentId, NewFeedEvent)>) -> Vec<FeedEvent> {
        let (received_at, places) = self.next(after_micros);
        let committed =
            |(place, (environment, event)): (RecordPlace, _)| FeedEvent { id: place.into(), environment, received_at, event };
        places.zip(events).map(committed).collect()
    }

    /// The same with API requests.
    pub fn requests(&mut self, after_micros: i64, requests: Vec<(EnvironmentId, NewApiRequest)>) -> Vec<ApiRequest> {
        let (received_at, places) = self.next(after_micros);
        let committed = |(place, (environment, new)): (RecordPlace, (EnvironmentId, NewApiRequest))| ApiRequest {
            id: place.into(),
            environment,
            organization: new.organization,
            received_at,
            created_at: new.created_at.unwrap_or(received_at),
            request: new.request,
        };
        places.zip(requests).map(committed).collect()
    }

    /// The places of another commit, and when it is received.
    fn next(&mut self, after_micros: i64) -> (Micros, impl Iterator<Item = RecordPlace> + use<>) {
        self.commit += 1;
        self.received += after_micros;
        let received_at = Micros::saturating(NOW + self.received);
        let number = commit(self.commit);
        (received_at, (0..=u16::MAX).map(move |index| RecordPlace::of_commit(received_at.id_millis(), shard(), number, index)))
    }
}

/// An ordinary event, told apart by its number.
pub fn event(number: u64) -> NormalEvent {
    let party = |id: String, kind: &str| Party { id, kind: kind.to_owned(), name: None, metadata: None, extra: Vec::new() };
    NormalEvent {
        action: "user.signed_in".to_owned(),
        version: None,
        occurred_at: Micros::saturating(NOW + number.cast_signed()),
        actor: party(format!("user_{number}"), "user"),
        targets: vec![party("team_1".to_owned(), "team")],
        context: Context { location: Some("203.0.113.7".to_owned()), ..Context::default() },
        metadata: None,
    }
}

/// An ordinary event of the feed, told apart by its number.
pub fn feed_event_of(number: u64) -> NewFeedEvent {
    let data = format!(r#"{{"object":"user","number":{number}}}"#);
    NewFeedEvent {
        organization: (!number.is_multiple_of(3)).then(|| organization(number % 3)),
        name: if number.is_multiple_of(2) { "user.created" } else { "user.deleted" }.parse().expect("a name"),
        data: ObjectText::of(&json::parse(data.as_bytes()).expect("JSON")).expect("an object"),
        context: None,
    }
}

/// An ordinary API request, told apart by its number.
pub fn api_request_of(number: u64) -> NewApiRequest {
    NewApiRequest {
        organization: (!number.is_multiple_of(3)).then(|| organization(number % 3)),
        created_at: None,
        request: RequestFacts {
            action: "vm.create".to_owned(),
            actor: RequestActor { id: format!("user_{number}"), kind: RequestActorKind::User, name: None },
            client_ip: "203.0.113.7".to_owned(),
            method: "POST".to_owned(),
            path: format!("/v1/vms/{number}"),
            status_code: 200,
            user_agent: None,
            target: Some(RequestTarget { id: format!("vm_{number}"), kind: "vm".to_owned() }),
        },
    }
}
