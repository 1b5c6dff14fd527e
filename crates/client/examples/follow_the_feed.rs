//! Prints every event of the environment's feed, old ones first, and goes on when new ones come. The argument is the id of the last event
//! that was seen, to go on from there.
//!
//! ```text
//! ANNALS_API_KEY=sk_… cargo run -p annals-client --example follow_the_feed [event_…]
//! ```

use std::time::Duration;

use annals_client::{Client, EventQuery, event_names};
use futures::TryStreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut query = EventQuery::of([event_names::EVERY_NAME]);
    if let Some(id) = std::env::args().nth(1) {
        query = query.after(id);
    }
    let mut feed = Box::pin(Client::from_env()?.events().follow(query, Duration::from_secs(1)));
    while let Some(event) = feed.try_next().await? {
        println!("{} {} {}", event.id, event.event, serde_json::to_string(&event.data)?);
    }
    Ok(())
}
