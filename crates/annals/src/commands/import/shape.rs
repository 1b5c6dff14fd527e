//! What other systems write, line by line, and the event that it is here. Guesses nothing: what has no known shape is refused by its line.

use std::borrow::Cow;

use annals_core::json::{self, Json};

use super::legacy;

/// Members of a context that begin so are the server's own.
const OWN_PREFIX: &str = "annals.";
const TRAIL_MARK: &str = "annals.audit_trail";

/// An event from elsewhere.
#[derive(Debug, PartialEq)]
pub struct Foreign<'a> {
    /// Whose it was there.
    pub owner: Owner,
    pub source: Source,
    /// What it was called there.
    pub id: Option<String>,
    /// As `POST /audit_logs/events` takes it, unless something is wrong with it, which the server says.
    pub event: Json<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    Nobody,
    Organization(String),
    /// Of the older API: an organization's id, external id, domain or name.
    Group(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Annals,
    Workos,
}

impl Source {
    pub fn name(self) -> &'static str {
        match self {
            Self::Annals => "annals",
            Self::Workos => "workos",
        }
    }
}

pub type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// # Errors
/// A sentence: it is not JSON, or of no shape that is known here.
pub fn read(text: &[u8]) -> Result<Foreign<'_>, String> {
    let value = refused_before(json::parse(text).map_err(|error| format!("malformed JSON: {error}"))?);
    let is = |name: &str, kind: &str| value.member(name).is_some_and(|member| member.kind() == kind);
    let object = value.member("object").and_then(Json::as_str);
    match object {
        _ if !matches!(value, Json::Object(_)) => Err(format!("it is {}, not an object", value.kind())),
        Some("audit_log_event") => Ok(ours(value)),
        Some("event") if is("event", "a string") => {
            Err("it is an event of the feed, not an audit event: `annals mirror` copies those".to_owned())
        }
        Some("list") => Err("it is a whole list: put each of its events on a line of its own".to_owned()),
        _ if is("group", "a string") && (is("action", "a string") || is("action", "an object")) => Ok(legacy::read(&value)),
        _ if is("event", "an object") => Ok(wrapped(value)),
        _ if is("action", "a string") && is("actor", "an object") => {
            let owner = text_of(&value, "organization_id").map_or(Owner::Nobody, Owner::Organization);
            Ok(Foreign { owner, source: Source::Workos, id: text_of(&value, "id"), event: value })
        }
        _ => Err("it has the shape of no audit event that is known here".to_owned()),
    }
}

/// What an earlier import refused stands with its line number and the reason; it may be good now.
fn refused_before(value: Json<'_>) -> Json<'_> {
    let is_refused = ["line", "reason", "content"].iter().all(|name| value.member(name).is_some());
    match value {
        Json::Object(members) if is_refused => {
            members.into_iter().find(|(name, _)| name == "content").map_or(Json::Null, |(_, content)| content)
        }
        other => other,
    }
}

/// `annals export --format ndjson`.
fn ours(value: Json<'_>) -> Foreign<'_> {
    let owner = text_of(&value, "organization_id").map_or(Owner::Nobody, Owner::Organization);
    let id = text_of(&value, "id");
    let Json::Object(mut members) = value else {
        return Foreign { owner, source: Source::Annals, id, event: value };
    };
    members.retain(|(name, _)| !matches!(&**name, "object" | "id" | "organization_id" | "seq" | "received_at"));
    let mut of_trail = false;
    if let Some(Json::Object(context)) = member_of(&mut members, "context") {
        let mark = context.iter().position(|(name, _)| name == TRAIL_MARK).map(|place| context.swap_remove(place).1);
        context.retain(|(name, _)| !name.starts_with(OWN_PREFIX));
        if let Some(Json::Object(mark)) = mark {
            of_trail = true;
            for (name, value) in mark {
                legacy::add(context, name, value);
            }
        }
        // The log of an installation may have events without one; clients must send one.
        legacy::add(context, "location".into(), Json::String("".into()));
    }
    if of_trail {
        legacy::fit(&mut members);
    }
    Foreign { owner, source: Source::Annals, id, event: Json::Object(members) }
}

/// The body of `POST /audit_logs/events`, or an item of a batch.
fn wrapped(value: Json<'_>) -> Foreign<'_> {
    let owner = text_of(&value, "organization_id").map_or(Owner::Nobody, Owner::Organization);
    let id = value.member("imported").and_then(|mark| text_of(mark, "id"));
    let event = match value {
        Json::Object(members) => members.into_iter().find(|(name, _)| name == "event").map_or(Json::Null, |(_, event)| event),
        other => other,
    };
    Foreign { owner, source: Source::Workos, id: id.or_else(|| text_of(&event, "id")), event }
}

pub fn text_of(value: &Json<'_>, name: &str) -> Option<String> {
    value.member(name).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

pub fn member_of<'m, 'a>(members: &'m mut Members<'a>, name: &str) -> Option<&'m mut Json<'a>> {
    members.iter_mut().find(|(member, _)| member == name).map(|(_, value)| value)
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
