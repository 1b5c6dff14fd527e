//! Our reader of JSON takes nothing that is no JSON, and what it writes is canonical.

use annals_core::json;

pub fn run(text: &[u8]) {
    let Ok(value) = json::parse(text) else { return };
    assert!(serde_json::from_slice::<serde_json::Value>(text).is_ok(), "taken, but it is no JSON");
    let canonical = value.canonical();
    let again = json::parse(canonical.as_bytes()).expect("what was written is JSON");
    assert_eq!(again.canonical(), canonical);
}
