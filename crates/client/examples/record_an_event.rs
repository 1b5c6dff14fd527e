//! Records one event, with everything that it needs: an organization and the action's schema.
//!
//! ```text
//! ANNALS_API_KEY=sk_… cargo run -p annals-client --example record_an_event
//! ```

use annals_client::wire::{Actor, AuditEvent, CreateOrganization, CreateSchema, Target};
use annals_client::{Client, now};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env()?;

    // The keys make the example repeatable: a second run within a day finds what the first one made.
    let organization = CreateOrganization { name: "Acme".to_owned(), ..CreateOrganization::default() };
    let organization = client.organizations().idempotency_key("example-acme").create(&organization).await?;
    let schema = CreateSchema::of_targets(["team"]);
    client.schemas().idempotency_key("example-signed-in").create("user.signed_in", &schema).await?;

    let event = AuditEvent::new("user.signed_in", now(), Actor::new("user", "user_1").name("Support"))
        .target(Target::new("team", "team_1"))
        .location("203.0.113.7")
        .user_agent("Chrome/104.0.0.0")
        .metadata("mfa", true);
    client.audit_events().create(&event.of(&organization.id)).await?;
    println!("recorded an event of {} ({})", organization.name, organization.id);
    Ok(())
}
