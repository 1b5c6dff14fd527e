//! Successful answers: a status and its JSON, written once, so that the same bytes can be sent and stored.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Answer {
    pub fn ok(body: &impl Serialize) -> Self {
        Self { status: StatusCode::OK, body: json_bytes(body) }
    }
    pub fn created(body: &impl Serialize) -> Self {
        Self { status: StatusCode::CREATED, body: json_bytes(body) }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, JSON)], self.body).into_response()
    }
}

pub fn json_bytes(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).expect("bodies have text keys and no failing parts").into()
}
