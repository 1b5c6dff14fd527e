//! What the server itself says in an organization's log. Its actions begin with [`OWN_PREFIX`](super::OWN_PREFIX), so clients cannot send
//! them, and no schema binds them.

use std::borrow::Cow;

use super::{Context, MetadataText, NewEvent, NormalEvent, Party, ValidEvent};
use crate::ids::{OrganizationId, ShardId};
use crate::json::{self, Json};
use crate::time::Micros;

/// `annals.retention.purged`: the organization's oldest events in one shard, of which it has none from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionPurged {
    pub shard: ShardId,
    pub from_seq: u64,
    pub through_seq: u64,
    /// Every one of them was received before this.
    pub received_before: Micros,
}

impl RetentionPurged {
    pub const ACTION: &'static str = "annals.retention.purged";

    #[must_use]
    pub fn events(&self) -> u64 {
        // Places have no holes.
        self.through_seq.saturating_sub(self.from_seq) + 1
    }

    /// As an event of the organization, at this time.
    #[must_use]
    pub fn into_valid(self, organization: OrganizationId, at: Micros) -> ValidEvent {
        let party = |id: String, kind: &str| Party { id, kind: kind.to_owned(), name: None, metadata: None, extra: Vec::new() };
        let event = NormalEvent {
            action: Self::ACTION.to_owned(),
            version: None,
            occurred_at: at,
            actor: party("annals".to_owned(), "server"),
            targets: vec![party(organization.to_string(), "organization")],
            context: Context::default(),
            metadata: MetadataText::from_members(self.members()),
        };
        let NewEvent { event, bytes, .. } = NewEvent::new(organization.to_string(), event);
        ValidEvent { event, bytes }
    }

    fn members(&self) -> Vec<(Cow<'static, str>, Json<'static>)> {
        #[expect(clippy::cast_precision_loss, reason = "places are counted one by one and never reach 2^53")]
        let number = |name: &'static str, value: u64| (Cow::Borrowed(name), Json::Number(value as f64));
        let text = |name: &'static str, value: String| (Cow::Borrowed(name), Json::String(Cow::Owned(value)));
        vec![
            number("events", self.events()),
            number("from_seq", self.from_seq),
            text("received_before", self.received_before.wire()),
            text("shard", self.shard.to_string()),
            number("through_seq", self.through_seq),
        ]
    }

    /// `None` of another event.
    #[must_use]
    pub fn of(event: &NormalEvent) -> Option<Self> {
        if event.action != Self::ACTION {
            return None;
        }
        let metadata = json::parse(event.metadata.as_ref()?.as_str().as_bytes()).ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
        let number = |name| match metadata.member(name) {
            Some(Json::Number(value)) if *value >= 0.0 && value.fract() == 0.0 => Some(*value as u64),
            _ => None,
        };
        let text = |name| metadata.member(name).and_then(Json::as_str);
        Some(Self {
            shard: ShardId::new(u32::from_str_radix(text("shard")?, 16).ok()?),
            from_seq: number("from_seq")?,
            through_seq: number("through_seq")?,
            received_before: text("received_before")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_purge_comes_back_whole() {
        let organization = OrganizationId::from_parts(1, 1);
        let received_before = Micros::saturating(1_784_764_800_000_000);
        let purged = RetentionPurged { shard: ShardId::new(7), from_seq: 3, through_seq: 12, received_before };
        let event = purged.into_valid(organization, Micros::saturating(1_784_801_472_000_000)).event;
        assert_eq!((RetentionPurged::of(&event), purged.events()), (Some(purged), 10));
        assert_eq!(
            event.metadata.as_ref().map(MetadataText::as_str),
            Some(r#"{"events":10,"from_seq":3,"received_before":"2026-07-23T00:00:00.000Z","shard":"000007","through_seq":12}"#)
        );
        let other = NormalEvent { action: "user.signed_in".to_owned(), ..event };
        assert_eq!(RetentionPurged::of(&other), None);
    }
}
