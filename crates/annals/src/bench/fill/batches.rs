//! Events on their way from the generator to the engine: made on one thread, written as JSON and read again on others.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;

use annals_core::event::BatchItem;
use annals_core::time::Micros;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::tenants::Organizations;
use super::{FillArgs, Span};
use crate::bench::generate::{Delivery, Event, GeneratedEvent, Generator, Plan};

/// Batches that are made ahead.
const AHEAD: usize = 4;
/// Batches that are read at the same time.
const PARSING: usize = 2;

/// Events of one commit.
pub struct Batch {
    pub items: Vec<BatchItem>,
    /// Of the organizations, one for each event.
    pub ranks: Vec<u32>,
    /// The same events as lines of JSON, if they are wanted.
    pub lines: Vec<u8>,
    /// When the last of them arrived.
    pub received_at: Micros,
}

/// In the order of their arrival.
pub struct Batches {
    generated: mpsc::Receiver<(Vec<GeneratedEvent>, Micros)>,
    parsing: VecDeque<JoinHandle<Result<Batch, String>>>,
    ids: Arc<Organizations>,
    keys_from: Option<Micros>,
    with_lines: bool,
}

impl Batches {
    pub fn new(
        generator: Generator,
        plan: &Plan,
        span: Span,
        ids: Arc<Organizations>,
        args: &FillArgs,
        keys_from: Option<Micros>,
    ) -> Self {
        let (sender, generated) = mpsc::channel(AHEAD);
        let (plan, size) = (plan.clone(), usize::from(args.batch));
        std::thread::spawn(move || {
            // Retries leave nothing in the log.
            let mut events = generator.filter(|event| event.delivery == Delivery::First);
            loop {
                let batch: Vec<_> = events.by_ref().take(size).collect();
                let Some(last) = batch.last() else { return };
                let received_at = span.time_of(&plan, last.arrives_at);
                if sender.blocking_send((batch, received_at)).is_err() {
                    return;
                }
            }
        });
        Self { generated, parsing: VecDeque::new(), ids, keys_from, with_lines: args.lines.is_some() }
    }

    pub async fn next(&mut self) -> Result<Option<Batch>, Box<dyn Error>> {
        while self.parsing.len() < PARSING {
            let Some((events, received_at)) = self.generated.recv().await else { break };
            let (ids, with_lines) = (Arc::clone(&self.ids), self.with_lines);
            let with_keys = self.keys_from.is_some_and(|from| received_at >= from);
            let parse = move || {
                let items = parse(&events, &ids, with_keys)?;
                let lines = if with_lines { lines(&events, &ids)? } else { Vec::new() };
                let ranks = events.iter().map(|event| event.organization.rank).collect();
                Ok(Batch { items, ranks, lines, received_at })
            };
            self.parsing.push_back(tokio::task::spawn_blocking(parse));
        }
        match self.parsing.pop_front() {
            Some(parsing) => Ok(Some(parsing.await??)),
            None => Ok(None),
        }
    }
}

/// An item of a batch as a client writes it.
#[derive(Serialize)]
struct Item<'a> {
    organization_id: String,
    event: &'a Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
}

fn parse(events: &[GeneratedEvent], ids: &Organizations, with_keys: bool) -> Result<Vec<BatchItem>, String> {
    let mut text = Vec::new();
    let mut items = Vec::with_capacity(events.len());
    for generated in events {
        text.clear();
        write(generated, ids, with_keys, &mut text)?;
        items.push(BatchItem::parse(&text).map_err(|refused| format!("{refused:?}"))?);
    }
    Ok(items)
}

fn lines(events: &[GeneratedEvent], ids: &Organizations) -> Result<Vec<u8>, String> {
    let mut lines = Vec::new();
    for generated in events {
        write(generated, ids, false, &mut lines)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn write(generated: &GeneratedEvent, ids: &Organizations, with_key: bool, out: &mut Vec<u8>) -> Result<(), String> {
    let id = ids.get(&generated.organization.external_id).ok_or("an organization was not created")?;
    let idempotency_key = with_key.then_some(generated.idempotency_key.as_str());
    let item = Item { organization_id: id.to_string(), event: &generated.event, idempotency_key };
    serde_json::to_writer(out, &item).map_err(|error| error.to_string())
}
