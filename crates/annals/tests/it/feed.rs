//! The Events API under everything at once: writers that publish and change organizations, consumers that poll, records that move into
//! the lake, and a process that is killed twice in the middle.
//!
//! What must hold at the end: whoever replays the feed from its beginning has exactly what the server has, and every consumer saw exactly
//! the events that it asked for, in the order of the feed, none twice, none missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use crate::server::{KEY, Server};

const PUBLISHERS: usize = 3;
const CHANGERS: usize = 3;
const PUBLISHED_NAMES: [&str; 4] = ["user.created", "user.updated", "my_app.invoice.paid", "session.created"];

/// Where the server is now; it comes back on another port.
#[derive(Clone)]
struct World {
    url: Arc<RwLock<String>>,
    http: reqwest::Client,
    writing: Arc<AtomicBool>,
    writes: Arc<AtomicUsize>,
}

impl World {
    /// `None`: nobody knows what came of it.
    async fn try_send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let url = format!("{}{path}", self.url.read().await);
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, url).bearer_auth(KEY).timeout(Duration::from_secs(10));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        (status < 500).then(|| (status, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// Again until it is answered, as clients with idempotency keys may.
    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        loop {
            if let Some(answer) = self.try_send(method, path, body).await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn page(&self, path: &str) -> Value {
        let (status, page) = self.send("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    async fn whole_feed(&self) -> Vec<Value> {
        let (mut events, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.page(&format!("/events?events=*&limit=100&after={after}")).await;
            events.extend(page["data"].as_array().expect("a list").iter().cloned());
            match page["list_metadata"]["after"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => return events,
            }
        }
    }
}

/// Publishes until told to stop; what it published, in order.
async fn publisher(world: World, number: usize) -> Vec<(String, Value)> {
    let mut rng = StdRng::seed_from_u64(number as u64);
    let mut published = Vec::new();
    while world.writing.load(Ordering::Relaxed) {
        let count = rng.random_range(1..4);
        let first = published.len();
        let events: Vec<(String, Value)> = (0..count)
            .map(|n| {
                let name = PUBLISHED_NAMES[rng.random_range(0..PUBLISHED_NAMES.len())];
                (name.to_owned(), json!({"publisher": number, "n": first + n}))
            })
            .collect();
        let item = |(n, (name, data)): (usize, &(String, Value))| json!({"event": name, "data": data, "idempotency_key": format!("{number}/{}", first + n)});
        let body: Vec<Value> = events.iter().enumerate().map(item).collect();
        let (status, answer) = world.send("POST", "/v1/events", Some(&body.into())).await;
        assert_eq!(status, 201, "{answer}");
        published.extend(events);
        world.writes.fetch_add(1, Ordering::Relaxed);
    }
    published
}

/// Creates, changes and deletes organizations and keys, not caring for answers that were lost.
async fn changer(world: World, number: usize) {
    let mut rng = StdRng::seed_from_u64(1000 + number as u64);
    let mut round = 0;
    while world.writing.load(Ordering::Relaxed) {
        round += 1;
        let name = format!("{number}-{round}");
        let domain = |n: u32, state: &str| json!({"domain": format!("{n}.{name}.example"), "state": state});
        let new = json!({"name": name, "domain_data": [domain(1, "verified"), domain(2, "pending")]});
        let Some((201, organization)) = world.try_send("POST", "/organizations", Some(&new)).await else { continue };
        let path = format!("/organizations/{}", organization["id"].as_str().expect("an id"));
        let key = world.try_send("POST", &format!("{path}/api_keys"), Some(&json!({"name": "k"}))).await;
        for n in 0..rng.random_range(0..3) {
            let change = match rng.random_range(0..4) {
                0 => json!({"name": format!("{name} {n}")}),
                1 => json!({"domain_data": [domain(2, "verified"), domain(3 + n, "pending")]}),
                2 => json!({"metadata": {"n": n.to_string()}}),
                _ => json!({"name": name}),
            };
            world.try_send("PUT", &path, Some(&change)).await;
        }
        if let Some(id) = key.as_ref().and_then(|(_, key)| key["id"].as_str()) {
            match rng.random_range(0..3) {
                0 => drop(world.try_send("DELETE", &format!("/api_keys/{id}"), None).await),
                1 => drop(world.try_send("POST", &format!("/api_keys/{id}/expire"), Some(&json!({}))).await),
                _ => {}
            }
        }
        if rng.random_range(0..2) == 0 {
            world.try_send("DELETE", &path, None).await;
        }
        world.writes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls for some names with a page size of its own until it has seen the id that it is told at the end.
async fn consumer(world: World, names: Vec<String>, limit: usize, done: Arc<AtomicBool>) -> Vec<String> {
    let (mut seen, mut after) = (Vec::<String>::new(), String::new());
    let names = names.join(",");
    loop {
        let finished = done.load(Ordering::SeqCst);
        let page = world.page(&format!("/events?events={names}&limit={limit}&after={after}")).await;
        let ids: Vec<String> = page["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|event| event["id"].as_str().expect("an id").to_owned())
            .collect();
        match ids.last() {
            Some(last) => after.clone_from(last),
            None if finished => return seen,
            None => tokio::time::sleep(Duration::from_millis(3)).await,
        }
        seen.extend(ids);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_see_every_event_once_and_in_order_whatever_happens() {
    let folder = tempfile::tempdir().expect("temp folder");
    let start = || Server::start(folder.path(), &["--flush-events", "60", "--flush-seconds", "1"]);
    let mut server = start();
    let world = World {
        url: Arc::new(RwLock::new(server.url.clone())),
        http: reqwest::Client::new(),
        writing: Arc::new(AtomicBool::new(true)),
        writes: Arc::default(),
    };
    let (mut publishers, mut changers, mut consumers) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    (0..PUBLISHERS).for_each(|number| drop(publishers.spawn(publisher(world.clone(), number))));
    (0..CHANGERS).for_each(|number| drop(changers.spawn(changer(world.clone(), number))));
    let done = Arc::new(AtomicBool::new(false));
    for (limit, names) in [
        (1, vec!["user.created"]),
        (7, vec!["*"]),
        (100, vec!["*"]),
        (3, vec!["organization.created", "organization.deleted", "session.created"]),
        (2, vec!["organization_domain.verified", "nobody.published"]),
        (10, vec!["api_key.created", "api_key.revoked", "my_app.invoice.paid"]),
    ] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let consumer = consumer(world.clone(), names.clone(), limit, Arc::clone(&done));
        consumers.spawn(async move { (names, limit, consumer.await) });
    }
    for _ in 0..2 {
        let before = world.writes.load(Ordering::Relaxed);
        while world.writes.load(Ordering::Relaxed) < before + 150 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Killed while everybody writes; nobody is told.
        let mut url = world.url.write().await;
        server = tokio::task::block_in_place(|| {
            server.kill();
            start()
        });
        server.url.clone_into(&mut url);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.writing.store(false, Ordering::Relaxed);
    let published = publishers.join_all().await;
    changers.join_all().await;
    let feed = settled_feed(&world).await;
    done.store(true, Ordering::SeqCst);
    let consumers = consumers.join_all().await;

    let ids: Vec<&str> = feed.iter().map(|event| event["id"].as_str().expect("an id")).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "ids rise");
    check_published(&feed, &published);
    for (names, limit, seen) in consumers {
        let wanted = |event: &&Value| names.iter().any(|name| name == "*" || event["event"] == name.as_str());
        let expected: Vec<_> = feed.iter().filter(wanted).map(|event| event["id"].as_str().expect("an id")).collect();
        assert_eq!(seen, expected, "{names:?} in pages of {limit}");
    }
    check_replica(&world, &feed).await;
    assert_eq!(tokio::task::block_in_place(|| server.stop()).code(), Some(0));
}

/// The feed when the events of the last changes have arrived.
async fn settled_feed(world: &World) -> Vec<Value> {
    let mut feed = world.whole_feed().await;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let again = world.whole_feed().await;
        if again.len() == feed.len() {
            return again;
        }
        feed = again;
    }
}

fn check_published(feed: &[Value], published: &[Vec<(String, Value)>]) {
    for of_one in published {
        let number = &of_one[0].1["publisher"];
        let found: Vec<_> = feed
            .iter()
            .filter(|event| event["data"]["publisher"] == *number)
            .map(|event| (event["event"].as_str().expect("a name").to_owned(), event["data"].clone()))
            .collect();
        assert_eq!(&found, of_one);
    }
    assert!(published.len() == PUBLISHERS && feed.len() > 300, "{} events", feed.len());
}

/// Replays the server's own events. An event that is missing, twice, or out of its place does not fit what is there already.
async fn check_replica(world: &World, feed: &[Value]) {
    let mut objects: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let mut verified = BTreeSet::new();
    for event in feed.iter().filter(|event| event["data"].get("publisher").is_none()) {
        let name = event["event"].as_str().expect("a name");
        let (kind, what) = name.split_once('.').expect("two words");
        let known = objects.entry(kind.to_owned()).or_default();
        let mut data = event["data"].clone();
        let id = data["id"].as_str().expect("an id").to_owned();
        match what {
            "created" => assert!(known.insert(id, data).is_none(), "created twice: {event}"),
            "updated" => {
                let in_data = data.as_object_mut().expect("an object").remove("previous_attributes");
                let previous = in_data.unwrap_or_else(|| event["context"]["previous_attributes"].clone());
                let mut before = data.clone();
                for (member, was) in previous.as_object().expect("previous attributes") {
                    before[member] = was.clone();
                }
                let replaced = known.insert(id, data).unwrap_or_else(|| panic!("updated before it was created: {event}"));
                let shown = |object: &Value| {
                    let mut members = object.as_object().expect("an object").clone();
                    // A revision, and what an absent member and null share.
                    members.retain(|name, value| name != "updated_at" && !value.is_null());
                    members
                };
                assert_eq!(shown(&replaced), shown(&before), "{event}");
            }
            "deleted" | "revoked" => assert_eq!(known.remove(&id), Some(data), "{event}"),
            "verified" => {
                assert_eq!((known.get(&id), &data["state"]), (Some(&data), &json!("verified")), "{event}");
                assert!(verified.insert(id), "verified twice: {event}");
            }
            other => panic!("{other}: {event}"),
        }
    }
    let (mut organizations, mut domains, mut keys) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let by_id = |object: &Value| (object["id"].as_str().expect("an id").to_owned(), object.clone());
    let mut after = String::new();
    loop {
        let page = world.page(&format!("/organizations?limit=100&after={after}")).await;
        for organization in page["data"].as_array().expect("a list") {
            domains.extend(organization["domains"].as_array().expect("a list").iter().map(by_id));
            let path = format!("/organizations/{}/api_keys?limit=100", organization["id"].as_str().expect("an id"));
            keys.extend(world.page(&path).await["data"].as_array().expect("a list").iter().map(by_id));
            organizations.extend([by_id(organization)]);
        }
        match page["list_metadata"]["after"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert!(organizations.len() > 10 && domains.len() > 10 && !keys.is_empty());
    for (kind, held) in [("organization", organizations), ("organization_domain", domains), ("api_key", keys)] {
        assert_eq!(objects.remove(kind).unwrap_or_default(), held, "{kind}");
    }
}
