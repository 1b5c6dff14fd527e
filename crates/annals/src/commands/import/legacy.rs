//! Events of the older Audit Trail API (wire contract §7), as they were posted and as its lists show them. What only that API has goes into
//! the context: `group`, `action_type`, `latitude` and `longitude`, and metadata whose keys are not allowed any more as
//! `legacy_metadata`.

use std::borrow::Cow;

use annals_core::json::Json;
use annals_core::limits::METADATA_KEY_CHARS_MAX;

use super::shape::{Foreign, Members, Owner, Source, member_of, text_of};

/// What kinds of things acted and were acted upon. The older API does not say.
const ACTOR_TYPE: &str = "user";
const TARGET_TYPE: &str = "resource";
/// An actor who had neither id nor name.
const UNKNOWN: &str = "unknown";

pub fn read<'a>(value: &Json<'a>) -> Foreign<'a> {
    let copied = |name: &'static str| value.member(name).map(|member| (Cow::Borrowed(name), member.clone()));
    let action = value.member("action").and_then(|action| action.member("name").or(Some(action))).cloned();
    let kind = ["action_type", "type", "event_type"].into_iter().find_map(|name| text_of(value, name));
    let kind = kind.map(|kind| (Cow::Borrowed("action_type"), text(kind.to_lowercase())));
    let context: Members<'a> =
        [copied("location"), copied("group"), copied("latitude"), copied("longitude"), kind].into_iter().flatten().collect();
    let mut event: Members<'a> = vec![
        ("action".into(), action.unwrap_or(Json::Null)),
        ("actor".into(), party(value, ["actor_id", "actor_name"], ACTOR_TYPE)),
        ("targets".into(), Json::Array(vec![party(value, ["target_id", "target_name"], TARGET_TYPE)])),
        ("context".into(), Json::Object(context)),
    ];
    event.extend(["occurred_at", "metadata"].into_iter().filter_map(copied));
    if let Some(Json::Object(context)) = member_of(&mut event, "context") {
        add(context, "location".into(), text(String::new()));
    }
    fit(&mut event);
    let owner = text_of(value, "group").map_or(Owner::Nobody, Owner::Group);
    Foreign { owner, source: Source::Workos, id: text_of(value, "id"), event: Json::Object(event) }
}

fn text<'a>(text: String) -> Json<'a> {
    Json::String(text.into())
}

fn party<'a>(value: &Json<'a>, [id, name]: [&str; 2], kind: &'static str) -> Json<'a> {
    let id = value.member(id).cloned().unwrap_or_else(|| text(String::new()));
    let mut party: Members<'a> = vec![("id".into(), id), ("type".into(), Json::String(kind.into()))];
    party.extend(value.member(name).map(|name| ("name".into(), name.clone())));
    Json::Object(party)
}

/// Adds a member unless there is one of this name.
pub fn add<'a>(members: &mut Members<'a>, name: Cow<'a, str>, value: Json<'a>) {
    if !members.iter().any(|(member, _)| *member == name) {
        members.push((name, value));
    }
}

/// Makes what the older API allowed what is allowed now: ids that are not empty, and plain keys of metadata.
pub fn fit(event: &mut Members<'_>) {
    if let Some(actor) = member_of(event, "actor") {
        name_as_id(actor);
        if let Json::Object(actor) = actor
            && let Some(id) = member_of(actor, "id")
            && id.as_str() == Some("")
        {
            *id = Json::String(UNKNOWN.into());
        }
    }
    if let Some(Json::Array(targets)) = member_of(event, "targets") {
        targets.iter_mut().for_each(name_as_id);
        // Nothing is known about it.
        targets.retain(|target| target.member("id").and_then(Json::as_str) != Some(""));
    }
    let Some(Json::Object(metadata)) = member_of(event, "metadata") else { return };
    metadata.retain(|(_, value)| !value.is_null());
    let (plain, other): (Members<'_>, Members<'_>) = metadata.drain(..).partition(|(key, _)| is_plain(key));
    *metadata = plain;
    if !other.is_empty()
        && let Some(Json::Object(context)) = member_of(event, "context")
    {
        add(context, "legacy_metadata".into(), Json::Object(other));
    }
}

fn is_plain(key: &str) -> bool {
    key.len() <= METADATA_KEY_CHARS_MAX && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn name_as_id(party: &mut Json<'_>) {
    let name = party.member("name").cloned();
    if let Json::Object(members) = party
        && let Some(id) = member_of(members, "id")
        && id.as_str() == Some("")
        && let Some(name) = name
    {
        *id = name;
    }
}
