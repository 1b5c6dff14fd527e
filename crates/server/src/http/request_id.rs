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
        // On the way of every request: a formatter would take longer than all the rest of it.
        let mut text = *b"req_0000000000000000000000000000";
        write_hex(&mut text[4..20], self.process);
        write_hex(&mut text[20..], count);
        HeaderValue::from_bytes(&text).expect("hexadecimal digits are a header value")
    }
}

/// The lowest digits of the number, as many as there is room for.
fn write_hex(room: &mut [u8], mut number: u64) {
    for place in room.iter_mut().rev() {
        *place = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_in_hexadecimal() {
        let ids = RequestIds { process: 0xab, next: AtomicU64::new(0x1f) };
        assert_eq!(ids.next(), "req_00000000000000ab00000000001f");
        assert_eq!(ids.next(), "req_00000000000000ab000000000020");
    }
}
