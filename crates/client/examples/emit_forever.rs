//! Emits numbered events through a spool until it is killed, and prints each number once `emit` has acknowledged it: whatever
//! was printed reaches the server exactly once, also over `kill -9` of this program and of the server.
//!
//! ```text
//! ANNALS_API_KEY=sk_… cargo run --example emit_forever -- ./spool org_01EHZNVPK3SFK441A1RGBFSHRT note.added
//! ```

use std::path::PathBuf;
use std::time::Duration;

use annals_client::emitter::{Emitter, Mode, NotEmitted, Spool};
use annals_client::wire::{Actor, AuditEvent, Target};
use annals_client::{Client, now};

/// Events that wait for the disk at the same time.
const AT_ONCE: usize = 8;

pub struct Plan {
    pub spool: PathBuf,
    pub organization: String,
    pub action: String,
    pub first: usize,
}

pub async fn emit_forever(plan: Plan, mut acknowledged: impl FnMut(usize)) -> Result<(), Box<dyn std::error::Error>> {
    let emitter = Emitter::builder(Client::from_env()?).mode(Mode::Spool(Spool::at(&plan.spool))).build()?;
    for first in (plan.first..).step_by(AT_ONCE) {
        // All of them are on their way before the first one is waited for: they share a sync of the disk.
        let emitted: Vec<_> = (first..first + AT_ONCE).map(|number| (number, emitter.emit(event(&plan, number)))).collect();
        for (number, emitted) in emitted {
            match emitted.await {
                Ok(_) => acknowledged(number),
                Err(NotEmitted::QueueFull | NotEmitted::SpoolFull { .. }) => tokio::time::sleep(Duration::from_secs(1)).await,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn event(plan: &Plan, number: usize) -> annals_client::wire::CreateAuditEvent {
    AuditEvent::new(&plan.action, now(), Actor::new("user", number.to_string()))
        .target(Target::new("team", "team_1"))
        .location("203.0.113.7")
        .of(&plan.organization)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next =
        |name: &str| arguments.next().ok_or(format!("usage: emit_forever SPOOL ORGANIZATION ACTION; {name} is missing"));
    let (spool, organization, action) = (next("SPOOL")?.into(), next("ORGANIZATION")?, next("ACTION")?);
    emit_forever(Plan { spool, organization, action, first: 0 }, |number| println!("{number}")).await
}
