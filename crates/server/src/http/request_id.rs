//! One id per request, in every answer's `X-Request-Id` and in the log line of every failure.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderName, HeaderValue};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Unique within a process by counting, across processes by a random start.
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub fn new() -> Self {
        // The standard library seeds this from the system; the ids are names, not secrets.
        Self { process: RandomState::new().hash_one(std::process::id()), next: AtomicU64::new(1) }
    }

    pub fn next(&self) -> HeaderValue {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let text = format!("req_{:016x}{count:012x}", self.process);
        HeaderValue::from_str(&text).expect("hexadecimal digits are a header value")
    }
}
