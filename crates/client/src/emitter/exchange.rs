//! One request with a batch, and what its status says about all of it. What is in a good answer is the route's to read.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::route::{Certainty, Failure, Later, SplitReason};
use crate::Client;
use crate::error::Refusal;
use crate::transport::{Answer, Call, Unanswered};

/// A smaller body fits one or two packets anyway.
const COMPRESSED_FROM_BYTES: usize = 1024;

/// Whether the server's route reads compressed bodies: not all do (wire contract).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    Gzip,
    Plain,
}

pub(super) struct Body {
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

/// The answer, when it is a success.
pub(super) async fn post(client: &Client, path: &[&str], reads: Reads, body: Body) -> Result<Answer, Failure> {
    let call = call(path, reads, body).map_err(|why| later(Certainty::NotStored, why))?;
    match client.transport().once(&call).await {
        Ok(answer) if answer.status.is_success() => Ok(answer),
        Ok(answer) => Err(failure(&answer)),
        Err(Unanswered { why, certainly_not_done: true }) => Err(later(Certainty::NotStored, why)),
        Err(Unanswered { why, .. }) => Err(later(Certainty::Unknown, why)),
    }
}

/// An answer that is not understood: perhaps it is not from the server.
pub(super) fn not_understood(answer: &Answer, what: &str) -> Failure {
    later(Certainty::Unknown, answer.unexpected(what).to_string())
}

fn later(certainty: Certainty, why: String) -> Failure {
    Failure::Later(Later { certainty, after: None, why, needs_repair: false })
}

fn call(path: &[&str], reads: Reads, body: Body) -> Result<Call, String> {
    let plain = |bytes: Vec<u8>| Call::post_bytes(path, body.content_type, bytes.into(), None).map_err(|error| error.to_string());
    if reads == Reads::Plain || body.bytes.len() < COMPRESSED_FROM_BYTES {
        return plain(body.bytes);
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.bytes.len() / 8), Compression::fast());
    encoder.write_all(&body.bytes).map_err(|error| error.to_string())?;
    let bytes = encoder.finish().map_err(|error| error.to_string())?;
    Ok(plain(bytes)?.header("content-encoding", "gzip".to_owned()))
}

fn failure(answer: &Answer) -> Failure {
    let refusal = Refusal::read(answer.status.as_u16(), &answer.body, None);
    let is_split = match refusal.status {
        // Too large, or some item breaks a rule: smaller batches find out which. Not a wrong address or key.
        413 | 422 => true,
        400 => refusal.code.is_some() || !refusal.fields.is_empty(),
        404 => refusal.code.as_deref() == Some("entity_not_found"),
        _ => false,
    };
    if is_split {
        let body: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let errors = body.and_then(|mut body| body.get_mut("errors").map(serde_json::Value::take));
        return Failure::Split(SplitReason { http_status: refusal.status, message: refusal.message, code: refusal.code, errors });
    }
    // A store that fails says 503, and may have stored the batch all the same; so may anything behind a gateway.
    let is_unknown = matches!(refusal.status, 408 | 500..);
    Failure::Later(Later {
        certainty: if is_unknown { Certainty::Unknown } else { Certainty::NotStored },
        after: answer.retry_after(),
        why: format!("{}: {refusal}", answer.request),
        needs_repair: !is_unknown && refusal.status != 429,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &'static str, expected: &str) {
        let status = http::StatusCode::from_u16(status).expect("a status");
        let answer = Answer { request: "POST /x".to_owned(), status, headers: http::HeaderMap::new(), body: body.into() };
        let found = match failure(&answer) {
            Failure::Split(_) => "split".to_owned(),
            Failure::Later(later) => format!("{:?}{}", later.certainty, if later.needs_repair { " repair" } else { "" }),
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    #[test]
    fn a_status_says_whether_something_may_be_stored() {
        for status in [500, 502, 503, 504, 408] {
            check(status, "{}", "Unknown");
        }
        check(429, "{}", "NotStored");
        for status in [401, 403, 404, 405, 400, 301, 307] {
            check(status, r#"{"message":"no"}"#, "NotStored repair");
        }
        check(413, "<html>too large</html>", "split");
        check(422, "{}", "split");
        check(404, r#"{"message":"Organization not found","code":"entity_not_found","entity_id":"org_1"}"#, "split");
    }
}
