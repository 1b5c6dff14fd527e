//! Events and storage for the tests of `lake` and `read`.

mod faulty;
mod hostile;

pub use faulty::{Fault, FaultyStore, When};
pub use hostile::committed_event;

use annals_core::event::{CommittedEvent, Context, NormalEvent, Party};
use annals_core::ids::{AuditEventId, CommitNumber, EnvironmentId, OrganizationId, ShardId};
use annals_core::time::Micros;
use url::Url;

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

pub fn url(folder: &std::path::Path) -> Url {
    Url::from_directory_path(folder).expect("an absolute path")
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
        self.commit += 1;
        self.received += after_micros;
        let received_at = Micros::saturating(NOW + self.received);
        let number = commit(self.commit);
        let place = |(index, (organization, event)): (usize, (OrganizationId, NormalEvent))| {
            let next = self.places.entry(organization).or_default();
            let seq = *next;
            *next += 1;
            CommittedEvent {
                id: AuditEventId::of_commit(received_at.id_millis(), shard(), number, u16::try_from(index).expect("small")),
                environment: EnvironmentId::from_parts(1_600_000_000_000, 1),
                organization,
                seq,
                received_at,
                event,
            }
        };
        events.into_iter().enumerate().map(place).collect()
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
