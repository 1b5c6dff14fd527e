//! The server's own marks on events: members of the context whose names begin with `annals.`. Clients cannot send them, so whoever
//! reads one knows that the server wrote it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::{BodyDigest, NewEvent, NormalEvent, Rejected, ValidEvent};
use crate::json::{self, Json, utf16_order};

/// Actions and context members that begin so are the server's own.
pub const OWN_PREFIX: &str = "annals.";

const IMPORTED: &str = "annals.imported";
const AUDIT_TRAIL: &str = "annals.audit_trail";

/// `annals.imported`: the event was recorded in another system before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub source: String,
    /// What it was called there.
    pub id: Option<String>,
}

/// `annals.audit_trail`: the event came over the older Audit Trail API (wire contract §7), with what only that API has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailMark {
    pub action_type: ActionType,
    /// As it was sent.
    pub group: String,
}

/// What an action does to its target, in the words of the older API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionType {
    Create,
    Read,
    Update,
    Delete,
}

/// An event that carries a mark. No action's schema binds it: it comes from elsewhere, where there was none.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkedEvent(NewEvent);

impl ActionType {
    /// As answers show it.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Create => "c",
            Self::Read => "r",
            Self::Update => "u",
            Self::Delete => "d",
        }
    }
}

impl FromStr for ActionType {
    type Err = ();
    /// One of `C R U D`, in either case.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "c" | "C" => Ok(Self::Create),
            "r" | "R" => Ok(Self::Read),
            "u" | "U" => Ok(Self::Update),
            "d" | "D" => Ok(Self::Delete),
            _ => Err(()),
        }
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

impl TrailMark {
    /// The mark of an event that came over the older API.
    #[must_use]
    pub fn of(event: &NormalEvent) -> Option<Self> {
        let (_, text) = event.context.extra.iter().find(|(name, _)| name == AUDIT_TRAIL)?;
        let mark = json::parse(text.as_bytes()).ok()?;
        let action_type = mark.member("action_type")?.as_str()?.parse().ok()?;
        Some(Self { action_type, group: mark.member("group")?.as_str()?.to_owned() })
    }
}

impl MarkedEvent {
    /// # Errors
    /// The event is too large with its mark.
    pub(super) fn imported(organization: String, event: NormalEvent, mark: &Imported) -> Result<Self, Rejected> {
        let members = [("source", Some(mark.source.as_str())), ("id", mark.id.as_deref())];
        Self::new(organization, event, IMPORTED, &members)
    }

    /// # Errors
    /// The event is too large with its mark.
    pub(super) fn of_trail(organization: String, event: NormalEvent, mark: &TrailMark) -> Result<Self, Rejected> {
        let members = [("action_type", Some(mark.action_type.letter())), ("group", Some(mark.group.as_str()))];
        Self::new(organization, event, AUDIT_TRAIL, &members)
    }

    fn new(organization: String, mut event: NormalEvent, name: &str, members: &[(&str, Option<&str>)]) -> Result<Self, Rejected> {
        let mark: Vec<_> = members
            .iter()
            .filter_map(|(name, text)| Some((Cow::Borrowed(*name), Json::String(Cow::Borrowed((*text)?)))))
            .collect();
        let extra = &mut event.context.extra;
        extra.push((name.to_owned(), Json::Object(mark).canonical()));
        extra.sort_by(|(a, _), (b, _)| utf16_order(a, b));
        NewEvent::within_limit(organization, event).map(Self)
    }

    /// As sent: it may not even be an id.
    #[must_use]
    pub fn organization(&self) -> &str {
        &self.0.organization
    }
    #[must_use]
    pub fn digest(&self) -> BodyDigest {
        self.0.digest()
    }
    #[must_use]
    pub fn into_valid(self) -> ValidEvent {
        ValidEvent { event: self.0.event, bytes: self.0.bytes }
    }
}
