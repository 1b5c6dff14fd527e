//! Metadata that fills an event up to its size: short values that depend on the action, then text. Stays inside the limits of
//! the API: 50 keys, 40 characters a key, 500 a value.

use std::borrow::Cow;

use super::draw::Draw;
use super::event::{Metadata, Value, json_bytes};
use super::ids::push_uuid;
use super::words::WORDS;

const KEYS_MAX: usize = 50;
const TEXT_CHARS_MAX: usize = 500;
/// What ordinary events have at most.
const USUAL_KEYS_MAX: usize = 6;
/// A key with less text than this would look odd; the event stays that much smaller instead.
const TEXT_CHARS_MIN: usize = 8;

enum Kind {
    Choice(&'static [&'static str]),
    /// Spread over the orders of magnitude up to this.
    CountBelow(u64),
    Ratio,
    Flag,
    Id,
}

const SHORT_KEYS: [(&str, Kind); 24] = [
    ("source", Kind::Choice(&["web", "api", "mobile", "desktop", "import"])),
    ("plan", Kind::Choice(&["free", "team", "business", "enterprise"])),
    ("duration_ms", Kind::CountBelow(60_000)),
    ("success", Kind::Flag),
    ("region", Kind::Choice(&["eu-west-1", "us-east-1", "us-west-2", "ap-southeast-2"])),
    ("request_id", Kind::Id),
    ("auth_method", Kind::Choice(&["password", "sso", "oauth", "magic_link", "passkey"])),
    ("attempt", Kind::CountBelow(5)),
    ("size_bytes", Kind::CountBelow(500_000_000)),
    ("mime_type", Kind::Choice(&["application/pdf", "image/png", "text/csv", "application/zip", "text/plain"])),
    ("role", Kind::Choice(&["viewer", "editor", "admin", "owner", "billing"])),
    ("previous_role", Kind::Choice(&["viewer", "editor", "admin", "member"])),
    ("mfa", Kind::Flag),
    ("country", Kind::Choice(&["US", "DE", "GB", "FR", "BR", "IN", "JP", "CA", "NL", "PL", "AU", "ES"])),
    ("rows", Kind::CountBelow(1_000_000)),
    ("environment", Kind::Choice(&["production", "staging", "sandbox"])),
    ("visibility", Kind::Choice(&["private", "team", "organization", "public"])),
    ("risk_score", Kind::Ratio),
    ("version_number", Kind::CountBelow(300)),
    ("trace_id", Kind::Id),
    ("amount_cents", Kind::CountBelow(5_000_000)),
    ("currency", Kind::Choice(&["USD", "EUR", "GBP", "JPY", "BRL"])),
    ("automated", Kind::Flag),
    ("status_code", Kind::Choice(&["200", "201", "204", "400", "403", "404", "429", "500"])),
];

/// How far the keys of one action lie from those of the action before it. It shares no divisor with the number of keys.
pub const KEYS_BETWEEN_ACTIONS: usize = 5;
/// Where `role` is: actors have it too.
pub const ROLE_KEY: usize = 10;

#[rustfmt::skip]
const TEXT_KEYS: [&str; KEYS_MAX] = [
    "reason", "summary", "note", "changes", "description", "comment", "detail_07", "detail_08", "detail_09", "detail_10",
    "detail_11", "detail_12", "detail_13", "detail_14", "detail_15", "detail_16", "detail_17", "detail_18", "detail_19",
    "detail_20", "detail_21", "detail_22", "detail_23", "detail_24", "detail_25", "detail_26", "detail_27", "detail_28",
    "detail_29", "detail_30", "detail_31", "detail_32", "detail_33", "detail_34", "detail_35", "detail_36", "detail_37",
    "detail_38", "detail_39", "detail_40", "detail_41", "detail_42", "detail_43", "detail_44", "detail_45", "detail_46",
    "detail_47", "detail_48", "detail_49", "detail_50",
];

/// The short values that fit, at most `wanted`, from the key number `first` on. What is left of `room` is for text.
pub fn add_short(metadata: &mut Metadata, first: usize, wanted: usize, room: &mut usize, draw: &mut Draw) {
    for place in 0..wanted.min(USUAL_KEYS_MAX) {
        let (key, kind) = &SHORT_KEYS[(first + place) % SHORT_KEYS.len()];
        if !add(metadata, key, kind.draw(draw), room) {
            return;
        }
    }
}

/// As much text as there is room for.
pub fn add_text(metadata: &mut Metadata, room: &mut usize, draw: &mut Draw) {
    for key in TEXT_KEYS {
        let framing = json_bytes::entry(key, &Value::Text("".into())) + opening(metadata);
        let chars = room.saturating_sub(framing).min(TEXT_CHARS_MAX);
        if chars < TEXT_CHARS_MIN || metadata.0.len() == KEYS_MAX {
            return;
        }
        add(metadata, key, Value::Text(text_of(chars, draw).into()), room);
    }
}

/// How many keys of text this room will need.
pub fn text_keys_for(room: usize) -> usize {
    room.div_ceil(TEXT_CHARS_MAX)
}

/// How many short values an event would like to have: two or three, never so many that text has no place.
pub fn short_keys_wanted(text_keys: usize, draw: &mut Draw) -> usize {
    const WEIGHTS: [usize; 16] = [0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6];
    draw.pick(&WEIGHTS).min(USUAL_KEYS_MAX.saturating_sub(text_keys))
}

fn add(metadata: &mut Metadata, key: &'static str, value: Value, room: &mut usize) -> bool {
    let bytes = json_bytes::entry(key, &value) + opening(metadata);
    let Some(left) = room.checked_sub(bytes) else { return false };
    *room = left;
    metadata.0.push((key, value));
    true
}

fn opening(metadata: &Metadata) -> usize {
    if metadata.is_empty() { json_bytes::METADATA } else { 0 }
}

impl Kind {
    fn draw(&self, draw: &mut Draw) -> Value {
        match self {
            Kind::Choice(values) => {
                // The first is the usual one.
                let first = draw.chance(0.5);
                Value::Text(Cow::Borrowed(if first { values[0] } else { draw.pick(values) }))
            }
            Kind::CountBelow(end) => Value::Count((*end as f64).powf(draw.unit()) as u64),
            Kind::Ratio => Value::Ratio((1 + draw.below(99)) as f64 / 100.0),
            Kind::Flag => Value::Flag(draw.chance(0.9)),
            Kind::Id => {
                let mut id = String::with_capacity(36);
                push_uuid(&mut id, draw);
                Value::Text(id.into())
            }
        }
    }
}

/// Words, exactly so many characters, all of them ASCII.
fn text_of(chars: usize, draw: &mut Draw) -> String {
    let mut text = String::with_capacity(chars + 12);
    while text.len() < chars {
        // Eight words from one draw, eight bits each.
        for index in draw.bits().to_le_bytes() {
            text.push_str(WORDS[usize::from(index)]);
            text.push(' ');
            if text.len() >= chars {
                break;
            }
        }
    }
    text.truncate(chars);
    if text.ends_with(' ') {
        text.pop();
        text.push('.');
    }
    text
}
