//! Ids, which are also cursors, and times: one text each. What is read is written the same, so nothing has two names.

use annals_core::ids::{ApiRequestId, AuditEventId, FeedEventId, OrganizationId};
use annals_core::time::Micros;

pub fn run(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    for line in text.lines() {
        one_name::<AuditEventId>(line);
        one_name::<FeedEventId>(line);
        one_name::<ApiRequestId>(line);
        one_name::<OrganizationId>(line);
        if let Ok(time) = line.parse::<Micros>() {
            let canonical = time.canonical();
            assert_eq!(canonical.parse::<Micros>().ok(), Some(time), "{line}: {canonical}");
        }
    }
}

fn one_name<T: std::str::FromStr + std::fmt::Display>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string(), text);
    }
}
