//! Lines on their way to the server, as many as one request takes.

use std::collections::HashSet;
use std::io::BufRead;

use annals_core::json::Json;
use annals_core::time::Micros;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::super::Failed;
use super::lines::{Content, Line, Lines};
use super::organizations::Organizations;
use super::shape::{self, Foreign};

/// Of one request: one commit, and what is sent again when nobody answered.
const LINES_MAX: usize = 1000;
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How much of a line that is no JSON is repeated with its refusal.
const SHOWN_CHARS_MAX: usize = 1000;

#[derive(Default)]
pub struct Batch {
    pub items: Vec<Item>,
    pub refused: Vec<Refused>,
}

/// A line that goes to the server.
pub struct Item {
    pub number: u64,
    /// An item of `POST /v1/audit_log_events/batch`.
    pub json: String,
    pub mark: Mark,
    /// Absent when it is wrong, which the server says.
    pub occurred_at: Option<Micros>,
    /// The line.
    text: Vec<u8>,
}

/// What names an imported event, here and in every attempt to import it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mark {
    pub organization: String,
    pub source: String,
    pub id: String,
}

/// A line of the file of refused lines.
#[derive(Debug, Serialize)]
pub struct Refused {
    pub line: u64,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<annals_client::wire::ItemProblem>,
    /// The line itself, when it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Box<RawValue>>,
    /// Its beginning, when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Batch {
    /// The next lines: those before `end` when it is given, otherwise as many as fit. `None`: there are no more.
    pub async fn read<R: BufRead>(
        lines: &mut Lines<R>,
        end: Option<u64>,
        source: Option<&str>,
        organizations: &mut Organizations<'_>,
    ) -> Result<Option<Self>, Failed> {
        let begin = lines.bytes;
        let mut batch = Self::default();
        let fits = |batch: &Self, bytes: u64| match end {
            Some(end) => bytes < end,
            None => batch.items.len() + batch.refused.len() < LINES_MAX && bytes - begin < BYTES_MAX as u64,
        };
        while fits(&batch, lines.bytes) {
            let Some(line) = lines.next()? else { break };
            match item(line, source, organizations).await? {
                Ok(item) => batch.items.push(item),
                Err(refused) => batch.refused.push(refused),
            }
        }
        Ok((lines.bytes > begin).then_some(batch))
    }

    /// Leaves out the items with these marks.
    pub fn without(&mut self, here: &HashSet<Mark>) -> u64 {
        let before = self.items.len();
        self.items.retain(|item| !here.contains(&item.mark));
        (before - self.items.len()) as u64
    }
}

impl Refused {
    pub fn of_line(line: u64, reason: String, text: &[u8]) -> Self {
        let content = std::str::from_utf8(text).ok().and_then(|text| RawValue::from_string(text.to_owned()).ok());
        let text = match content {
            Some(_) => None,
            None => Some(String::from_utf8_lossy(text).chars().take(SHOWN_CHARS_MAX).collect()),
        };
        Self { line, reason, code: None, errors: Vec::new(), content, text }
    }

    pub fn by_server(item: &Item, refused: annals_client::wire::RefusedItem) -> Self {
        let plain = Self::of_line(item.number, refused.message, &item.text);
        Self { code: refused.code, errors: refused.errors, ..plain }
    }
}

async fn item(line: Line, source: Option<&str>, organizations: &mut Organizations<'_>) -> Result<Result<Item, Refused>, Failed> {
    let number = line.number;
    let text = match line.content {
        Content::Text(text) => text,
        Content::TooLong => return Ok(Err(Refused::of_line(number, "it is longer than any event may be".to_owned(), b""))),
    };
    let foreign = match shape::read(&text) {
        Ok(foreign) => foreign,
        Err(reason) => return Ok(Err(Refused::of_line(number, reason, &text))),
    };
    let organization = match organizations.find(&foreign.owner).await? {
        Ok(organization) => organization,
        Err(reason) => return Ok(Err(Refused::of_line(number, reason, &text))),
    };
    let source = source.unwrap_or(foreign.source.name()).to_owned();
    // An event without an id is named by what it says and where it stands: the same line twice is two events.
    let id = foreign.id.clone().unwrap_or_else(|| format!("line:{number}:{}", &hex::encode(Sha256::digest(&text))[..32]));
    let mark = Mark { organization, source, id };
    let occurred_at = foreign.event.member("occurred_at").and_then(Json::as_str).and_then(|text| text.parse().ok());
    let json = mark.item(foreign);
    Ok(Ok(Item { number, json, mark, occurred_at, text }))
}

impl Mark {
    fn item(&self, foreign: Foreign<'_>) -> String {
        let text = |text: &str| Json::String(text.to_owned().into());
        let imported = vec![("source".into(), text(&self.source)), ("id".into(), text(&self.id))];
        let item = vec![
            ("organization_id".into(), text(&self.organization)),
            ("event".into(), foreign.event),
            ("idempotency_key".into(), text(&self.idempotency_key())),
            ("imported".into(), Json::Object(imported)),
        ];
        Json::Object(item).canonical()
    }

    fn idempotency_key(&self) -> String {
        let mut digest = Sha256::new();
        for text in [&self.source, &self.id, &self.organization] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        format!("import:{}", hex::encode(digest.finalize()))
    }
}
