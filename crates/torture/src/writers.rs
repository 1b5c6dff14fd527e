//! Clients that record one event after the other and remember what they were told. A refused event is sent again, with the same idempotency
//! key, until it is taken: so everything that was ever sent is there exactly once in the end, whatever happened in between.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use tokio::task::JoinSet;

use crate::events;
use crate::failure::{Doing, Failure};
use crate::random;
use crate::report::Report;

/// Longest pause before a refused event is sent again: shorter than what the server asks for, to keep up the pressure.
const PAUSE_MAX: Duration = Duration::from_millis(100);
const RETRY_AFTER_MAX: u64 = 60;

/// Who records what, and where.
#[derive(Debug, Clone)]
pub struct Order {
    pub url: String,
    pub key: String,
    pub organization: String,
    /// Part of every marker: two orders of one run must not share it.
    pub name: &'static str,
    pub seed: u64,
    pub writers: u32,
    /// Between two requests of one writer.
    pub pause: Duration,
}

/// What was answered so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// By marker: the actor's id, to compare with what is read.
    pub acknowledged: HashMap<String, String>,
    pub statuses: BTreeMap<u16, u64>,
    /// Of accepted requests.
    pub latencies: Vec<Duration>,
    /// No answer at all.
    pub lost_answers: u64,
    pub faults: Vec<String>,
}

pub struct Writers {
    order: Order,
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
    /// Events that were sent and not yet taken.
    open: Arc<AtomicU32>,
    tasks: JoinSet<()>,
}

impl Writers {
    pub fn start(http: &Client, order: Order) -> Self {
        let (tally, stop, open) = (Arc::<Mutex<Tally>>::default(), Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let mut tasks = JoinSet::new();
        for number in 0..order.writers {
            let writer = Writer {
                http: http.clone(),
                order: order.clone(),
                number,
                tally: Arc::clone(&tally),
                stop: Arc::clone(&stop),
                open: Arc::clone(&open),
            };
            tasks.spawn(writer.run());
        }
        Self { order, tally, stop, open, tasks }
    }

    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often this status was answered so far.
    pub fn answered(&self, status: u16) -> u64 {
        self.tally().statuses.get(&status).copied().unwrap_or(0)
    }

    /// Whether `count` more answers of this status come within the time.
    pub async fn wait_for_more(&self, status: u16, count: u64, within: Duration) -> bool {
        let (until, wanted) = (Instant::now() + within, self.answered(status) + count);
        while self.answered(status) < wanted {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// No new events; returns when all that were sent are taken. What went wrong on the way goes into the report.
    pub async fn finish(mut self, within: Duration, report: &mut Report) -> Result<(Order, Tally), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = tokio::time::timeout(within, async { while self.tasks.join_next().await.is_some() {} }).await;
        let open = self.open.load(Ordering::Relaxed);
        report.check(ended.is_ok(), || format!("{open} events of {} are still refused after {within:?}", self.order.name));
        self.tasks.shutdown().await;
        let tally = std::mem::take(&mut *self.tally());
        report.count("events acknowledged", tally.acknowledged.len() as u64);
        let refused: u64 = tally.statuses.iter().filter(|(status, _)| **status != 200).map(|(_, count)| count).sum();
        report.count("requests refused", refused);
        tally.faults.iter().for_each(|fault| report.fault(fault));
        Ok((self.order, tally))
    }
}

struct Writer {
    http: Client,
    order: Order,
    number: u32,
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
    open: Arc<AtomicU32>,
}

impl Writer {
    async fn run(self) {
        let mut random = random::stream(self.order.seed, &format!("writer {} of {}", self.number, self.order.name));
        for count in 0_u64.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let marker = format!("{}-{}-{count}", self.order.name, self.number);
            let event = events::event(&mut random, &self.order.organization, &marker);
            let Ok(body) = serde_json::to_vec(&event) else { return };
            self.open.fetch_add(1, Ordering::Relaxed);
            while !self.send(&marker, &event.event.actor.id, body.clone()).await {
                tokio::time::sleep(PAUSE_MAX).await;
            }
            self.open.fetch_sub(1, Ordering::Relaxed);
            if !self.order.pause.is_zero() {
                tokio::time::sleep(self.order.pause).await;
            }
        }
    }

    /// Whether the event was taken.
    async fn send(&self, marker: &str, actor: &str, body: Vec<u8>) -> bool {
        let started = Instant::now();
        let request = self.http.post(format!("{}/audit_logs/events", self.order.url)).bearer_auth(&self.order.key);
        let request = request.header("content-type", "application/json").header("idempotency-key", marker).body(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(_) => {
                self.note(|tally| tally.lost_answers += 1);
                return false;
            }
        };
        let took = started.elapsed();
        let (status, fault) = (answer.status(), refusal_fault(&answer));
        // Read to the end, so that the connection is used again.
        drop(answer.bytes().await);
        self.note(|tally| {
            *tally.statuses.entry(status.as_u16()).or_default() += 1;
            tally.faults.extend(fault);
            if status == StatusCode::OK {
                tally.latencies.push(took);
                tally.acknowledged.insert(marker.to_owned(), actor.to_owned());
            }
        });
        status == StatusCode::OK
    }

    fn note(&self, note: impl FnOnce(&mut Tally)) {
        note(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What is wrong with a refusal.
fn refusal_fault(answer: &reqwest::Response) -> Option<String> {
    let status = answer.status();
    if status == StatusCode::OK {
        return None;
    }
    if !matches!(status.as_u16(), 429 | 503) {
        return Some(format!("an event was answered with {status}"));
    }
    let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match after {
        Some(1..=RETRY_AFTER_MAX) => None,
        _ => Some(format!("{status} with Retry-After {:?}", answer.headers().get("retry-after"))),
    }
}

/// Reads everything of an organization and compares it with what was acknowledged. Every writer must have finished.
pub async fn verify(http: &Client, order: &Order, tally: &Tally, report: &mut Report) -> Result<(), Failure> {
    let mut found: HashMap<String, u32> = HashMap::new();
    let mut seqs = Vec::new();
    let mut after = String::new();
    loop {
        let query = if after.is_empty() { String::new() } else { format!("&after={after}") };
        let url = format!("{}/v1/audit_log_events?organization_id={}&limit=1000{query}", order.url, order.organization);
        let answer = http.get(url).bearer_auth(&order.key).send().await.doing("cannot read events")?;
        let status = answer.status();
        let page: serde_json::Value = answer.json().await.doing("cannot read a page")?;
        if status != StatusCode::OK {
            return Err(Failure::new(format!("a page is answered with {status}: {page}")));
        }
        for event in page["data"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let marker = event["targets"][0]["id"].as_str().unwrap_or_default();
            let actor = event["actor"]["id"].as_str().unwrap_or_default();
            *found.entry(marker.to_owned()).or_default() += 1;
            seqs.extend(event["seq"].as_u64());
            let sent = tally.acknowledged.get(marker);
            report.check(sent.is_none_or(|sent| sent == actor), || format!("{marker} came back with another actor"));
        }
        match page["list_metadata"]["after"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    let missing = tally.acknowledged.keys().filter(|marker| !found.contains_key(*marker)).count();
    let unknown = found.keys().filter(|marker| !tally.acknowledged.contains_key(*marker)).count();
    let doubled = found.values().filter(|count| **count > 1).count();
    report.check(missing == 0, || format!("{missing} acknowledged events of {} are lost", order.name));
    report.check(doubled == 0, || format!("{doubled} events of {} are there twice", order.name));
    report.check(unknown == 0, || format!("{unknown} events of {} are there that nobody was told of", order.name));
    seqs.sort_unstable();
    let dense = seqs.iter().zip(0_u64..).all(|(seq, expected)| *seq == expected);
    report.check(dense, || format!("the seqs of {} have a hole", order.name));
    Ok(())
}

/// The duration below which so many of a hundred lie.
pub fn percentile(latencies: &mut [Duration], percent: usize) -> Duration {
    latencies.sort_unstable();
    latencies.get(latencies.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
}
