//! What can go wrong, sorted by what the caller does next.

use std::fmt;
use std::time::Duration;

use annals_core::wire::{BrokenRule, FieldProblem};
use serde_json::Value;

use crate::transport::Call;

/// A request that did not succeed. Requests that could be repeated have been repeated by then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Change the request: the server will not take it as it is (400, 409, 413, 422 and other 4xx).
    #[error("refused: {0}")]
    Refused(Box<Refusal>),
    /// Use another key: this one is wrong or expired (401), or may not do this (403).
    #[error("not allowed: {0}")]
    Unauthorized(Box<Refusal>),
    /// There is no such thing, or this key cannot see it (404).
    #[error("not found: {0}")]
    NotFound(Box<Refusal>),
    /// Send it again later (408, 429 and 5xx). A POST that is sent again needs the same idempotency key, or it may count twice.
    #[error("not available: {refusal}")]
    Unavailable {
        refusal: Box<Refusal>,
        /// What the server asked for.
        retry_after: Option<Duration>,
    },
    /// Nobody answered, or the answer ended early. Like [`Error::Unavailable`], it may have been carried out.
    #[error("no answer to {request}")]
    Transport {
        /// Method and path.
        request: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Report it: the answer is not one that this version understands. Is the base URL the right one?
    #[error("unexpected answer to {request}: {what}")]
    Unexpected {
        /// Method and path.
        request: String,
        what: String,
    },
    /// Change the call: there is no way to send this, so nothing was sent.
    #[error("cannot be sent: {0}")]
    Unsendable(String),
}

/// What a server said when it did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// For people.
    pub message: String,
    /// For programs, where the API names one, such as `invalid_cursor`.
    pub code: Option<String>,
    /// The wrong fields, by their paths.
    pub fields: Vec<FieldProblem>,
    /// Where an audit event breaks its action's schema.
    pub broken_rules: Vec<BrokenRule>,
    /// `X-Request-Id`: the server's log has more under this id.
    pub request_id: Option<String>,
}

impl Error {
    /// What the server said, if it said anything.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::Unauthorized(refusal) | Self::NotFound(refusal) => Some(refusal),
            Self::Unavailable { refusal, .. } => Some(refusal),
            Self::Transport { .. } | Self::Unexpected { .. } | Self::Unsendable(_) => None,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Transport { .. })
    }

    pub(crate) fn unexpected(call: &Call, what: &str) -> Self {
        Self::Unexpected { request: call.name(), what: what.to_owned() }
    }

    pub(crate) fn from_refusal(refusal: Refusal, retry_after: Option<Duration>) -> Self {
        let refusal = Box::new(refusal);
        match refusal.status {
            401 | 403 => Self::Unauthorized(refusal),
            404 => Self::NotFound(refusal),
            408 | 429 | 500.. => Self::Unavailable { refusal, retry_after },
            _ => Self::Refused(refusal),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (status {}", self.message, self.status)?;
        if let Some(code) = &self.code {
            write!(f, ", {code}")?;
        }
        for problem in &self.fields {
            write!(f, "; {}: {}", problem.field, problem.code)?;
        }
        for rule in &self.broken_rules {
            write!(f, "; {}: {}", rule.instance_path, rule.message)?;
        }
        f.write_str(")")
    }
}

/// Of a page that is no JSON, this much is repeated.
const SHOWN_CHARS_MAX: usize = 200;

impl Refusal {
    /// Reads every form of refusal in the wire contract §10, and whatever a proxy puts in front of it.
    pub(crate) fn read(status: u16, body: &[u8], request_id: Option<String>) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_else(|_| Value::String(shown(body)));
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let message = match body.get("message") {
            Some(Value::Array(sentences)) => sentences.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
            _ => text("message").or_else(|| body.as_str().map(str::to_owned)).unwrap_or_default(),
        };
        let message = if message.is_empty() { "no reason given".to_owned() } else { message };
        let errors = body.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
        let read = |error: &Value| serde_json::from_value(error.clone()).ok();
        Self {
            status,
            message,
            code: text("code"),
            fields: errors.iter().filter_map(read).collect(),
            broken_rules: errors.iter().filter_map(broken_rule).collect(),
            request_id,
        }
    }
}

/// Only the path is certain to be there (wire contract §1).
fn broken_rule(error: &Value) -> Option<BrokenRule> {
    let instance_path = error.get("instancePath")?.as_str()?.to_owned();
    let message = error.get("message").and_then(Value::as_str).unwrap_or("breaks the schema").to_owned();
    Some(BrokenRule { instance_path, message })
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN_CHARS_MAX * 4)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, shown: &str) {
        assert_eq!(Refusal::read(status, body.as_bytes(), None).to_string(), shown, "{body}");
    }

    #[test]
    fn every_form_of_refusal_is_read() {
        check(401, r#"{"message":"Unauthorized"}"#, "Unauthorized (status 401)");
        check(400, r#"{"message":"Invalid.","code":"invalid_cursor"}"#, "Invalid. (status 400, invalid_cursor)");
        check(400, r#"{"message":["a","b"],"error":"Bad Request"}"#, "a; b (status 400)");
        check(
            422,
            r#"{"message":"Validation failed.","errors":[{"field":"name","code":"required"}]}"#,
            "Validation failed. (status 422; name: required)",
        );
        check(
            400,
            r#"{"message":"No.","code":"c","errors":[{"instancePath":"/targets"},{"instancePath":"/a","message":"m"}]}"#,
            "No. (status 400, c; /targets: breaks the schema; /a: m)",
        );
        check(502, "<html>\n  <h1>Bad Gateway</h1>", "<html> <h1>Bad Gateway</h1> (status 502)");
        check(500, "", "no reason given (status 500)");
        check(500, "[1]", "no reason given (status 500)");
        check(400, r#"{"message":5,"errors":"x"}"#, "no reason given (status 400)");
        check(400, "\u{0}\u{e9}", "\u{0}\u{e9} (status 400)");
    }

    #[test]
    fn statuses_say_what_to_do_next() {
        let error = |status| Error::from_refusal(Refusal::read(status, b"{}", None), None);
        assert!(matches!((error(401), error(403)), (Error::Unauthorized(_), Error::Unauthorized(_))));
        assert!(matches!(error(404), Error::NotFound(_)));
        assert!(matches!((error(400), error(409), error(422)), (Error::Refused(_), Error::Refused(_), Error::Refused(_))));
        for status in [408, 429, 500, 503, 599] {
            assert!(error(status).is_temporary(), "{status}");
        }
    }
}
