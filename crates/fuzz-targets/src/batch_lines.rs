//! The lines of a batch: each is taken or refused alone, as it would be in any other batch.

use annals_core::event::BatchItem;
use annals_core::limits::IDEMPOTENCY_KEY_BYTES_MAX;

pub fn run(text: &[u8]) {
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let Ok(item) = BatchItem::parse(line) else { continue };
        assert!(item.idempotency_key.as_ref().is_none_or(|key| !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_BYTES_MAX));
        assert!(!item.event.organization().is_empty());
        let again = BatchItem::parse(line).expect("the same line");
        assert_eq!(item.event.digest(), again.event.digest());
    }
}
