//! An answer that was read to its end.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::retry::retry_after;
use crate::error::{Error, Refusal};

/// A page of the largest events with room around it: more than any correct answer has.
pub(crate) const ANSWER_BYTES_MAX: usize = 80 * 1024 * 1024;
const _: () = assert!(ANSWER_BYTES_MAX > 1000 * annals_core::limits::EVENT_BYTES_MAX);

#[derive(Debug)]
pub(crate) struct Answer {
    /// Method and path of the request.
    pub request: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why a body could not be read.
pub(super) enum Unread {
    EndedEarly(reqwest::Error),
    TooLong,
}

pub(super) async fn read_body(response: reqwest::Response) -> Result<Bytes, Unread> {
    let mut body = BytesMut::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(Unread::EndedEarly)?;
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(Unread::TooLong);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

impl Answer {
    /// Whether the same request may get another answer later.
    pub fn is_temporary(&self) -> bool {
        self.status.is_server_error() || matches!(self.status.as_u16(), 408 | 429)
    }

    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.headers.get(RETRY_AFTER)?.to_str().ok()?)
    }

    /// # Errors
    /// It is not a success.
    pub fn success(self) -> Result<Self, Error> {
        if self.status.is_success() {
            return Ok(self);
        }
        if self.status.is_redirection() {
            return Err(self.unexpected("a redirection"));
        }
        let request_id = self.headers.get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let refusal = Refusal::read(self.status.as_u16(), &self.body, request_id);
        tracing::debug!(request = self.request, %refusal, request_id = refusal.request_id, "refused");
        Err(Error::from_refusal(refusal, self.retry_after()))
    }

    /// # Errors
    /// It is not a success, or not of this shape.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let answer = self.success()?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("no content type");
            answer.unexpected(&format!("{kind}, {} bytes: {error}", answer.body.len()))
        })
    }

    pub fn unexpected(&self, what: &str) -> Error {
        Error::Unexpected { request: self.request.clone(), what: format!("status {}: {what}", self.status.as_u16()) }
    }
}
