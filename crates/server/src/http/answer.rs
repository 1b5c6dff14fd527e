//! Successful answers: a status and its JSON, written once, so that the same bytes can be sent and stored.

use annals_core::wire::{Receipt, Receipts};
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

impl Answer {
    /// What was published: one receipt for an object, a list of them for an array.
    pub fn published(mut results: Vec<Receipt>, is_array: bool) -> Self {
        match (results.pop(), is_array) {
            (Some(Receipt::Replayed), false) => Self::ok(&Receipt::Replayed),
            (Some(only), false) => Self::created(&only),
            (last, _) => {
                results.extend(last);
                Self::created(&Receipts { results })
            }
        }
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
