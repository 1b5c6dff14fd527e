//! An emitter against a server that misbehaves in every way that the network and the contract know.

mod delivery;
mod modes;
mod server;
mod time;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use server::Server;

use super::{Emitter, EmitterBuilder, Mode, NotEmitted, Spool, SpoolSync, Trouble};
use crate::Client;
use crate::wire::{Actor, AuditEvent, CreateAuditEvent};

/// Longer than any test takes when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

fn event(number: usize) -> CreateAuditEvent {
    named("note.added", number)
}

fn named(action: &str, number: usize) -> CreateAuditEvent {
    AuditEvent::new(action, crate::now(), Actor::new("user", number.to_string())).of("org_1")
}

fn builder(url: &str, mode: Mode) -> EmitterBuilder {
    let client = Client::builder().api_key("sk_test_0123456789").base_url(url).timeout(Duration::from_secs(5)).build();
    Emitter::builder(client.expect("a client")).mode(mode).batch(50, 1024 * 1024).linger(Duration::from_millis(5))
}

fn spool(folder: &Path) -> Mode {
    // The tests kill no machine, and their disk may be slow.
    Mode::Spool(Spool::at(folder).sync(SpoolSync::OsOnly))
}

async fn flush(emitter: &Emitter) {
    assert!(tokio::time::timeout(PATIENCE, emitter.flush()).await.expect("flushed in time"), "the emitter goes on");
}

/// The troubles that an emitter reports.
#[derive(Clone, Default)]
struct Troubles(Arc<Mutex<Vec<Trouble>>>);

impl Troubles {
    fn hear(&self, builder: EmitterBuilder) -> EmitterBuilder {
        let heard = Arc::clone(&self.0);
        builder.on_trouble(move |trouble| heard.lock().expect("unpoisoned").push(trouble.clone()))
    }

    fn take(&self) -> Vec<Trouble> {
        std::mem::take(&mut self.0.lock().expect("unpoisoned"))
    }
}
