//! A consumer that follows the feed and one that watches the live tail, both through every restart.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use annals_client::event_names::EVERY_NAME;
use annals_client::{AuditEventFilter, EventQuery};
use futures::{Stream, TryStreamExt};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::patient_client;
use crate::failure::{Doing, Failure};
use crate::report::Report;

/// Between two questions of the feed's consumer at the end of the feed.
const POLL: Duration = Duration::from_millis(10);
/// For what was written last to arrive.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);

pub struct Watchers {
    feed: Arc<Mutex<Watched>>,
    tail: Arc<Mutex<Watched>>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Watched {
    ids: Vec<String>,
    ended: Option<String>,
}

impl Watchers {
    /// Before the first audit event is written: they must see all.
    pub async fn start(url: &str) -> Result<Self, Failure> {
        let client = patient_client(url)?;
        let tail = client.audit_events().tail(AuditEventFilter::default()).await.doing("cannot open the tail")?;
        let feed = client.events().follow(EventQuery::of([EVERY_NAME]), POLL);
        let mut watchers = Self { feed: Arc::default(), tail: Arc::default(), _tasks: JoinSet::new() };
        watchers._tasks.spawn(watch(tail.map_ok(|event| event.id), Arc::clone(&watchers.tail)));
        watchers._tasks.spawn(watch(feed.map_ok(|event| event.id), Arc::clone(&watchers.feed)));
        Ok(watchers)
    }

    /// They saw exactly this, in this order.
    pub async fn check(&self, feed: &[String], tail: &[String], report: &mut Report) {
        check_one("the consumer of the feed", &self.feed, feed, report).await;
        check_one("the live tail", &self.tail, tail, report).await;
    }
}

async fn watch(ids: impl Stream<Item = Result<String, annals_client::Error>>, watched: Arc<Mutex<Watched>>) {
    let watched = || watched.lock().unwrap_or_else(PoisonError::into_inner);
    let mut ids = std::pin::pin!(ids);
    loop {
        match ids.try_next().await {
            Ok(Some(id)) => watched().ids.push(id),
            Ok(None) => return watched().ended = Some("it ended".to_owned()),
            Err(error) => return watched().ended = Some(error.to_string()),
        }
    }
}

async fn check_one(who: &str, watched: &Mutex<Watched>, expected: &[String], report: &mut Report) {
    let watched = || watched.lock().unwrap_or_else(PoisonError::into_inner);
    let deadline = Instant::now() + ARRIVAL_LIMIT;
    while watched().ids.len() < expected.len() && watched().ended.is_none() && Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    let watched = watched();
    if let Some(why) = &watched.ended {
        report.fault(format!("{who} gave up: {why}"));
    }
    let differs = watched.ids.iter().zip(expected).position(|(seen, expected)| seen != expected);
    report.check(differs.is_none() && watched.ids.len() == expected.len(), || {
        let at = differs.unwrap_or_else(|| watched.ids.len().min(expected.len()));
        let (seen, expected_id) = (watched.ids.get(at), expected.get(at));
        format!("{who} saw {} of {}; at {at} it saw {seen:?} instead of {expected_id:?}", watched.ids.len(), expected.len())
    });
}
