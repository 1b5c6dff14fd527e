//! The `extra` column: canonical JSON of the members that we do not know, of actor, context and targets.
//!
//! ```text
//! {"actor":{"email":"jane@example.com"},"context":{"zone":"eu"},"targets":{"0":{"size":7}}}
//! ```
//! Only what exists is written, so most events have none. Targets are keyed by their place, so that ten targets of which the
//! last has a member cost no nine empty objects.

use annals_core::event::{Members, NormalEvent};
use annals_core::json::{self, Json, write_string};

/// The unknown members of one event.
#[derive(Debug, Default, PartialEq)]
pub struct Extra {
    pub actor: Members,
    pub context: Members,
    targets: Vec<(usize, Members)>,
}

impl Extra {
    /// Takes the members of a target out.
    pub fn take_target(&mut self, place: usize) -> Members {
        self.targets.iter_mut().find(|(at, _)| *at == place).map(|(_, members)| std::mem::take(members)).unwrap_or_default()
    }
    /// The last target that has members.
    pub fn last_target(&self) -> Option<usize> {
        self.targets.iter().map(|(place, _)| *place).max()
    }
}

/// `None` when there is nothing unknown.
pub fn write(event: &NormalEvent) -> Option<String> {
    let mut out = String::new();
    write_part("actor", &event.actor.extra, &mut out);
    write_part("context", &event.context.extra, &mut out);
    let mut targets = String::new();
    for (place, target) in event.targets.iter().enumerate() {
        write_part(&place.to_string(), &target.extra, &mut targets);
    }
    if !targets.is_empty() {
        separate(&mut out);
        out.push_str("\"targets\":");
        out.push_str(&targets);
        out.push('}');
    }
    if out.is_empty() {
        return None;
    }
    out.push('}');
    Some(out)
}

fn write_part(name: &str, members: &Members, out: &mut String) {
    if members.is_empty() {
        return;
    }
    separate(out);
    write_string(name, out);
    out.push(':');
    for (i, (name, text)) in members.iter().enumerate() {
        out.push(if i == 0 { '{' } else { ',' });
        write_string(name, out);
        out.push(':');
        out.push_str(text);
    }
    out.push('}');
}

fn separate(out: &mut String) {
    out.push(if out.is_empty() { '{' } else { ',' });
}

/// `None` when the text is not what [`write`] made.
pub fn read(text: &str) -> Option<Extra> {
    let mut extra = Extra::default();
    let Json::Object(parts) = json::parse(text.as_bytes()).ok()? else { return None };
    for (name, part) in parts {
        match name.as_ref() {
            "actor" => extra.actor = members(part)?,
            "context" => extra.context = members(part)?,
            "targets" => {
                let Json::Object(targets) = part else { return None };
                for (place, target) in targets {
                    extra.targets.push((place.parse().ok()?, members(target)?));
                }
            }
            _ => return None,
        }
    }
    Some(extra)
}

/// Stored in canonical order, so the order is kept and not made again.
fn members(value: Json<'_>) -> Option<Members> {
    let Json::Object(members) = value else { return None };
    Some(members.into_iter().map(|(name, value)| (name.into_owned(), value.canonical())).collect())
}
