//! The body of `POST /audit_logs/events`: taken or refused, never a panic; what is taken is within its limits, and a refusal names fields.

use annals_core::event::{NewEvent, Rejected};
use annals_core::limits::EVENT_BYTES_MAX;

pub fn run(body: &[u8]) {
    match NewEvent::parse(body) {
        Ok(event) => {
            assert!(!event.action_and_version().0.is_empty());
            let again = NewEvent::parse(body).expect("the same body");
            assert_eq!(event.digest(), again.digest());
            assert!(body.len() > 10 && format!("{event:?}").len() < EVENT_BYTES_MAX * 20);
        }
        Err(Rejected::Invalid(errors)) => assert!(!errors.into_vec().is_empty(), "refused without a reason"),
        Err(_) => {}
    }
}
