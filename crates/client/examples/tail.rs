//! Prints audit events as they are recorded; the arguments are actions, such as `user.*`.
//!
//! ```text
//! ANNALS_API_KEY=sk_… cargo run -p annals-client --example tail [action]…
//! ```

use annals_client::{AuditEventFilter, Client};
use futures::TryStreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = AuditEventFilter { actions: std::env::args().skip(1).collect(), ..AuditEventFilter::default() };
    let mut tail = Client::from_env()?.audit_events().tail(filter).await?;
    while let Some(event) = tail.try_next().await? {
        println!("{} {} {}", event.received_at.0, event.actor.id, event.action);
    }
    Ok(())
}
