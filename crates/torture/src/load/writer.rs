//! One client that brings records, one request after the other.

use std::sync::Arc;
use std::time::Duration;

use annals_client::Client;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::watch;

use super::ledger::Ledger;
use super::request::{Outcome, Request};
use super::{Phase, until_not_down};

/// Acknowledged requests that it can say again, from all rounds.
const REMEMBERED_MAX: usize = 100;
/// After a request without an answer.
const REST: Duration = Duration::from_millis(20);

pub struct Writer {
    number: u32,
    client: Client,
    random: StdRng,
    ledger: Arc<Ledger>,
    organizations: Vec<String>,
    phase: watch::Receiver<Phase>,
    requests: u64,
    /// No answer yet; it will be said again.
    open: Option<Request>,
    remembered: Vec<Request>,
    /// When they were.
    age: Option<u64>,
}

impl Writer {
    pub fn new(
        number: u32,
        client: Client,
        random: StdRng,
        ledger: Arc<Ledger>,
        organizations: Vec<String>,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self { number, client, random, ledger, organizations, phase, requests: 0, open: None, remembered: Vec::new(), age: None }
    }

    pub async fn run(mut self) {
        loop {
            let phase = until_not_down(&mut self.phase).await;
            let age = self.ledger.age();
            if age.is_none() || age != std::mem::replace(&mut self.age, age) {
                self.remembered.clear();
            }
            match (self.open.take(), phase) {
                (Some(request), _) => self.say_again(request).await,
                (None, Phase::Settle) => return,
                (None, _) => match self.random.random_range(0..100) {
                    0..82 => self.say_new().await,
                    82..94 => self.repeat().await,
                    _ => self.change().await,
                },
            }
        }
    }

    async fn say_new(&mut self) {
        self.requests += 1;
        let name = format!("{}_{}", self.number, self.requests);
        let drawn = Request::draw(&mut self.random, &name, &self.organizations);
        let (request, records) = match drawn.and_then(|request| request.records().map(|records| (request, records))) {
            Ok(drawn) => drawn,
            Err(failure) => return self.ledger.wrong(failure.to_string()),
        };
        self.ledger.sent(records);
        match request.send(&self.client).await {
            Outcome::Unknown => {
                self.ledger.number(|numbers| numbers.unanswered += 1);
                // Some never learn: what they sent may be there once, or not at all.
                if self.random.random_bool(0.2) {
                    self.ledger.given_up(markers(&request), request.is_whole());
                } else {
                    self.open = Some(request);
                }
                tokio::time::sleep(REST).await;
            }
            outcome => self.settled(request, outcome),
        }
    }

    async fn say_again(&mut self, request: Request) {
        match request.send(&self.client).await {
            Outcome::Unknown => {
                self.open = Some(request);
                tokio::time::sleep(REST).await;
            }
            outcome => {
                self.ledger.number(|numbers| numbers.resolved += 1);
                self.settled(request, outcome);
            }
        }
    }

    fn settled(&mut self, request: Request, outcome: Outcome) {
        match outcome {
            Outcome::Refused(why) => self.ledger.wrong(format!("a good request was refused: {why}: {request:?}")),
            Outcome::Unknown => {}
            Outcome::Acknowledged => {
                self.ledger.acknowledged(markers(&request));
                if self.remembered.len() < REMEMBERED_MAX {
                    self.remembered.push(request);
                } else {
                    let at = self.random.random_range(0..REMEMBERED_MAX);
                    self.remembered[at] = request;
                }
            }
        }
    }

    /// The same key with the same body: nothing changes.
    async fn repeat(&mut self) {
        let Some(request) = self.any_remembered() else { return };
        match request.send(&self.client).await {
            Outcome::Acknowledged => self.ledger.number(|numbers| numbers.repeated += 1),
            Outcome::Unknown => tokio::time::sleep(REST).await,
            Outcome::Refused(why) => self.ledger.wrong(format!("a repeated request was refused: {why}: {request:?}")),
        }
    }

    /// The same key with another body: refused.
    async fn change(&mut self) {
        let Some(request) = self.any_remembered() else { return };
        match request.changed().send(&self.client).await {
            Outcome::Refused(_) => self.ledger.number(|numbers| numbers.changed_refused += 1),
            Outcome::Unknown => tokio::time::sleep(REST).await,
            Outcome::Acknowledged => self.ledger.wrong(format!("a known key was taken with another body: {request:?}")),
        }
    }

    fn any_remembered(&mut self) -> Option<Request> {
        if self.remembered.is_empty() {
            return None;
        }
        let at = self.random.random_range(0..self.remembered.len());
        self.remembered.get(at).cloned()
    }
}

fn markers(request: &Request) -> Vec<String> {
    request.records().unwrap_or_default().into_iter().map(|(marker, _)| marker).collect()
}
