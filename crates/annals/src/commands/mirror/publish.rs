//! Pages of the source on their way into the feed here.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use annals_client::wire::{Event, EventContext, MirroredFrom, PublishEvent, Receipt};
use annals_client::{Client, Error, EventQuery, ObjectText, event_names};
use futures::StreamExt;
use serde::Serialize;

use super::super::{Failed, printable};
use super::state::State;

/// What became of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    pub mirrored: u64,
    /// They were here already.
    pub repeated: u64,
    pub refused: u64,
}

/// What became of a page.
#[derive(Default)]
pub struct Published {
    pub counts: Counts,
    /// The last event that was published.
    pub last: Option<String>,
}

/// An event that cannot be published here, with the reason.
#[derive(Serialize)]
struct Refused<'a> {
    reason: String,
    event: &'a Event,
}

pub struct Publisher {
    client: Client,
    refused_path: PathBuf,
    /// Organizations that are here.
    organizations: HashSet<String>,
    /// Ids of the source that are known to be here.
    here: HashSet<String>,
}

/// What became of one event that was sent alone.
enum Alone {
    Receipt(Receipt),
    Refused(String),
}

impl Publisher {
    pub fn new(client: Client, refused_path: PathBuf) -> Self {
        Self { client, refused_path, organizations: HashSet::new(), here: HashSet::new() }
    }

    /// Learns what has been mirrored since the state was saved, or ever when there is none.
    pub async fn read_back(&mut self, state: Option<&State>) -> Result<(), Error> {
        let mut query = EventQuery::of([event_names::EVERY_NAME]);
        query.paging.after = state.and_then(|state| state.here.clone());
        let mut events = std::pin::pin!(self.client.events().list_all(query));
        while let Some(event) = events.next().await {
            self.here.extend(event?.context.and_then(|context| context.mirrored_from).map(|origin| origin.id));
        }
        Ok(())
    }

    /// Everything of it is durable when this returns.
    ///
    /// # Errors
    /// Nobody knows whether it is; the same page can be published again.
    pub async fn publish(&mut self, page: &[Event]) -> Result<Published, PublishError> {
        let mut published = Published::default();
        let mut good: Vec<(&Event, PublishEvent)> = Vec::new();
        let mut refused = Vec::new();
        for event in page {
            if self.here.contains(&event.id) {
                published.counts.repeated += 1;
                continue;
            }
            match self.copy_of(event).await? {
                Ok(copy) => good.push((event, copy)),
                Err(reason) => refused.push(Refused { reason, event }),
            }
        }
        let copies: Vec<PublishEvent> = good.iter().map(|(_, copy)| copy.clone()).collect();
        let together = if copies.is_empty() { Ok(Vec::new()) } else { self.client.events().publish_all(&copies).await };
        match together {
            Ok(receipts) => receipts.into_iter().for_each(|receipt| published.note(receipt)),
            // All or none: one that cannot be published holds up the others.
            Err(Error::Refused(_) | Error::NotFound(_)) => {
                for (event, copy) in good {
                    match self.alone(copy).await? {
                        Alone::Receipt(receipt) => published.note(receipt),
                        Alone::Refused(reason) => refused.push(Refused { reason, event }),
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
        published.counts.refused = refused.len() as u64;
        self.keep(&refused)?;
        Ok(published)
    }

    /// The inner error is the reason why it cannot be published.
    async fn copy_of(&mut self, event: &Event) -> Result<Result<PublishEvent, String>, PublishError> {
        let name = match event.event.parse() {
            Ok(name) => name,
            Err(error) => return Ok(Err(format!("its name {error}"))),
        };
        let organization_id = match organization_of(event) {
            Some(id) if self.is_here(id).await? => Some(id.to_owned()),
            _ => None,
        };
        let context = event.context.clone().map(|context| EventContext { mirrored_from: None, ..context });
        let context = context.filter(|context| *context != EventContext::default());
        let context = match context.map(|context| ObjectText::of_value(&context)).transpose() {
            Ok(context) => context,
            Err(error) => return Ok(Err(format!("its context {error}"))),
        };
        let data = match ObjectText::of_value(&event.data) {
            Ok(data) => data,
            Err(error) => return Ok(Err(format!("its data {error}"))),
        };
        let origin = MirroredFrom { id: event.id.clone(), created_at: event.created_at };
        let key = Some(format!("mirror:{}", event.id));
        let copy = PublishEvent::new(name, data);
        Ok(Ok(PublishEvent { organization_id, context, mirrored_from: Some(origin), idempotency_key: key, ..copy }))
    }

    /// Only ids that are here are remembered: others may come.
    async fn is_here(&mut self, id: &str) -> Result<bool, Error> {
        if self.organizations.contains(id) {
            return Ok(true);
        }
        match self.client.organizations().get(id).await {
            Ok(_) => Ok(self.organizations.insert(id.to_owned())),
            Err(Error::NotFound(_) | Error::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn alone(&mut self, copy: PublishEvent) -> Result<Alone, Error> {
        match self.client.events().publish(&copy).await {
            // Its organization has been deleted meanwhile.
            Err(Error::NotFound(_)) if copy.organization_id.is_some() => {
                copy.organization_id.as_ref().map(|id| self.organizations.remove(id));
                let again = self.client.events().publish(&PublishEvent { organization_id: None, ..copy }).await;
                told(again)
            }
            answer => told(answer),
        }
    }

    /// On disk before the cursor moves on.
    fn keep(&self, refused: &[Refused<'_>]) -> Result<(), Failed> {
        if refused.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for event in refused {
            eprintln!("annals: {}", printable(&format!("{} is refused: {}", event.event.id, event.reason)));
            serde_json::to_writer(&mut text, event).map_err(Failed::other)?;
            text.push(b'\n');
        }
        let write = || {
            let mut file = File::options().create(true).append(true).open(&self.refused_path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(|error: std::io::Error| Failed::other(format!("{}: {error}", self.refused_path.display())))
    }
}

fn told(answer: Result<Receipt, Error>) -> Result<Alone, Error> {
    match answer {
        Ok(receipt) => Ok(Alone::Receipt(receipt)),
        Err(Error::Refused(refusal)) => match refusal.status {
            // Only this mirror uses the key of this event: it is here, as it looked before its organization came or went.
            400 if refusal.message.starts_with("Another idempotency key") => Ok(Alone::Receipt(Receipt::Replayed)),
            400 | 413 | 422 => Ok(Alone::Refused(refusal.to_string())),
            _ => Err(Error::Refused(refusal)),
        },
        Err(error) => Err(error),
    }
}

/// The organization that an event is about, as it is called at the source.
fn organization_of(event: &Event) -> Option<&str> {
    let text = |name: &str| event.data.get(name).and_then(|value| value.as_str());
    let id = if text("object") == Some("organization") { text("id") } else { text("organization_id") };
    id.filter(|id| id.starts_with("org_"))
}

impl Published {
    fn note(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Stored { id } => {
                self.counts.mirrored += 1;
                self.last = Some(id);
            }
            Receipt::Replayed => self.counts.repeated += 1,
        }
    }
}

/// The server's word, or what went wrong on this machine.
pub enum PublishError {
    Server(Error),
    Here(Failed),
}

impl From<Error> for PublishError {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl From<Failed> for PublishError {
    fn from(failed: Failed) -> Self {
        Self::Here(failed)
    }
}
