//! Another server's feed, copied while it and everything else misbehaves.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Ran, World, run};
use crate::server::{KEY, Server};

fn mirror(world: &World, from: &str, more: &[&str]) -> Command {
    let mut command = world.command(&[&["mirror", "--from", from][..], more].concat());
    command.env("ANNALS_MIRROR_API_KEY", KEY);
    command
}

fn once(world: &World, from: &str, more: &[&str]) -> Ran {
    run(&mut mirror(world, from, &[&["--once", "--json"], more].concat()))
}

/// What was copied: the original ids, in the order here.
fn origins(world: &World) -> Vec<String> {
    let events = world.json(&["events", "list"]);
    let origin = |event: &Value| event["context"]["mirrored_from"]["id"].as_str().map(str::to_owned);
    events.iter().filter_map(origin).collect()
}

fn counts(ran: &Ran) -> (i32, [u64; 3]) {
    let told = super::lines(&ran.out);
    (ran.code, ["mirrored", "repeated", "refused"].map(|name| told[0][name].as_u64().expect("a number")))
}

/// Events of an application, published at a source; their ids.
fn publish(world: &World, count: usize) -> Vec<String> {
    let http = reqwest::Client::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut ids = Vec::new();
    for begin in (0..count).step_by(1000) {
        let events: Vec<Value> = (begin..count.min(begin + 1000))
            .map(|number| json!({"event": "user.created", "data": {"id": format!("u{number}"), "n": 0.1}}))
            .collect();
        let sending = http.post(format!("{}/v1/events", world.server.url)).bearer_auth(KEY).json(&events).send();
        let answer: Value = runtime.block_on(async { sending.await.expect("an answer").json().await.expect("JSON") });
        ids.extend(answer["results"].as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("an id").to_owned()));
    }
    ids
}

#[test]
fn another_annals_is_copied() {
    let (source, organization) = World::furnished();
    let here = World::new();
    source.ok(&["events", "publish", "user.created", r#"{"id":"u1","organization_id":"org_1","deep":[{"a":null,"b":1.5}]}"#]);
    let theirs = source.json(&["events", "list"]);
    let ran = once(&here, &source.server.url, &[]);
    assert_eq!(counts(&ran), (0, [theirs.len() as u64, 0, 0]), "{ran:?}");
    let ours = here.json(&["events", "list"]);
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!((&ours["event"], &ours["data"]), (&theirs["event"], &theirs["data"]));
        let origin = json!({"id": theirs["id"], "created_at": theirs["created_at"]});
        assert_eq!(ours["context"]["mirrored_from"], origin);
        assert_eq!(ours["context"]["actor"], theirs["context"]["actor"]);
    }
    // The organization is not here: the event stays, without belonging to it.
    assert_eq!(here.run(&["events", "list", "--org", &organization]).out.lines().count(), 1);

    // Again: nothing. Later: what is new. Without its state: nothing twice.
    assert_eq!(counts(&once(&here, &source.server.url, &[])), (0, [0, 0, 0]));
    publish(&source, 3);
    assert_eq!(counts(&once(&here, &source.server.url, &[])), (0, [3, 0, 0]));
    std::fs::remove_file(here.path("annals-mirror.state")).expect("removed");
    assert_eq!(counts(&once(&here, &source.server.url, &[])), (0, [0, theirs.len() as u64 + 3, 0]));
    let other = once(&here, &source.server.url, &["--state", "other", "--events", "user.created,user.updated"]);
    assert_eq!(counts(&other), (0, [0, 4, 0]));
    // A state is of two servers.
    let third = World::new();
    let wrong = once(&here, &third.server.url, &[]);
    assert!(wrong.code == 2 && wrong.err.contains("--state"), "{wrong:?}");
}

#[test]
fn organizations_that_are_here_keep_their_events() {
    let here = World::new();
    let organization = here.ok(&["orgs", "create", "Acme"]).trim().to_owned();
    let event = |id: &str, organization: &str| {
        json!({"object": "event", "id": id, "event": "user.created", "created_at": "2026-01-01T00:00:00.000Z",
            "data": {"id": id, "organization_id": organization}})
    };
    let unknown = "org_01EHWNCE74X7JSDV0X3SZ3KJNY";
    let source = Misbehaving::start(vec![event("event_1", &organization), event("event_2", unknown)], []);
    assert_eq!(counts(&once(&here, &source.url, &[])), (0, [2, 0, 0]));
    assert_eq!(here.json(&["events", "list", "user.created", "--org", &organization]).len(), 1);
    assert_eq!(here.json(&["events", "list", "user.created"])[1]["data"]["organization_id"], unknown);

    // Sent before without the organization, of which nobody knew; it is still the same event.
    let again = World::new();
    let organization = again.ok(&["orgs", "create", "Acme"]).trim().to_owned();
    let sent = json!({"event": "user.created", "data": {"id": "event_9"}, "idempotency_key": "mirror:event_9",
        "mirrored_from": {"id": "event_9", "created_at": "2026-01-01T00:00:00.000Z"}});
    post(&again, &sent);
    let source = Misbehaving::start(vec![event("event_9", &organization), event("event_10", &organization)], []);
    // A state that has seen nothing keeps the mirror from looking.
    again.write("s", &state(&source.url, &again.server.url, Duration::ZERO).to_string());
    assert_eq!(counts(&once(&again, &source.url, &["--state", "s"])), (0, [1, 1, 0]));
    assert_eq!(origins(&again), ["event_9", "event_10"]);
}

/// After a day the server has forgotten the idempotency keys, so these events were published without any.
#[test]
fn what_is_here_is_looked_up_when_keys_have_expired() {
    let here = World::new();
    let events = some_events(5);
    for event in &events[..3] {
        let origin = json!({"id": event["id"], "created_at": event["created_at"]});
        post(&here, &json!({"event": event["event"], "data": event["data"], "mirrored_from": origin}));
    }
    let source = Misbehaving::start(events, []);
    here.write("s", &state(&source.url, &here.server.url, Duration::from_secs(21 * 3600)).to_string());
    assert_eq!(counts(&once(&here, &source.url, &["--state", "s"])), (0, [2, 3, 0]));
    assert_eq!(origins(&here), ["event_0", "event_1", "event_2", "event_3", "event_4"]);
}

fn state(from: &str, to: &str, age: Duration) -> Value {
    let saved_at = annals_client::now().0.saturating_sub(age);
    json!({"version": 1, "from": from, "to": to, "after": null, "here": null, "saved_at": saved_at.canonical()})
}

fn post(world: &World, body: &Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = format!("{}/v1/events", world.server.url);
    let sending = reqwest::Client::new().post(url).bearer_auth(KEY).json(body).send();
    assert_eq!(runtime.block_on(sending).expect("an answer").status(), 201);
}

#[test]
fn killed_again_and_again_nothing_is_lost_or_doubled() {
    let (source, here) = (World::new(), World::new());
    let published = publish(&source, 3000);
    let after = || {
        let text = std::fs::read_to_string(here.path("annals-mirror.state")).ok()?;
        let state: Value = serde_json::from_str(&text).expect("a whole state, at any moment");
        state["after"].as_str().map(str::to_owned)
    };
    for kill in 0..6 {
        let mut child = mirror(&here, &source.server.url, &[]).spawn().expect("annals starts");
        let (before, started) = (after(), Instant::now());
        while after() == before {
            assert!(started.elapsed() < Duration::from_secs(60), "the mirror does not move");
        }
        std::thread::sleep(Duration::from_millis(9 * kill));
        child.kill().expect("killable");
        child.wait().expect("waitable");
    }
    assert_ne!(after().as_ref(), published.last(), "nothing was interrupted");
    assert_eq!(once(&here, &source.server.url, &[]).code, 0);
    assert_eq!(origins(&here), published);
}

#[test]
fn both_servers_are_killed_meanwhile_and_waited_for() {
    let (source, here) = (World::new(), World::new());
    let published = publish(&source, 2000);
    let mut child = mirror(&here, &source.server.url, &["--pause", "1", "--timeout", "5"]).spawn().expect("annals starts");
    while std::fs::metadata(here.path("annals-mirror.state")).is_err() {
        assert!(child.try_wait().expect("waitable").is_none(), "the mirror has ended");
    }
    let here = restarted(here);
    let source = restarted(source);
    let started = Instant::now();
    while origins(&here).len() < published.len() {
        assert!(started.elapsed() < Duration::from_secs(60), "the mirror does not go on");
        std::thread::sleep(Duration::from_millis(100));
    }
    super::terminate(&child);
    assert_eq!(child.wait().expect("waitable").code(), Some(0));
    assert_eq!(origins(&here), published);
    drop(source);
}

/// kill -9, and again at the same address after a while.
fn restarted(world: World) -> World {
    let World { folder, server } = world;
    let address = server.url.strip_prefix("http://").expect("an address").to_owned();
    server.kill();
    std::thread::sleep(Duration::from_millis(500));
    let server = Server::start_at(&address, &folder.path().join("data"), &[]);
    World { folder, server }
}

#[test]
fn a_source_that_misbehaves_is_asked_again() {
    let here = World::new();
    let faults = [
        Fault::Status(500),
        Fault::TooMany,
        Fault::HalfAPage,
        Fault::Reset,
        Fault::BrokenJson,
        Fault::Fine,
        Fault::HalfAPage,
        Fault::Status(503),
        Fault::Fine,
        Fault::Reset,
        Fault::Fine,
        Fault::BrokenJson,
    ];
    let events = some_events(250);
    let ids: Vec<String> = events.iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect();
    let source = Misbehaving::start(events, faults);
    let started = Instant::now();
    let ran = once(&here, &source.url, &["--retries", "20"]);
    assert_eq!(counts(&ran), (0, [250, 0, 0]), "{ran:?}");
    assert!(started.elapsed() >= Duration::from_secs(2), "the pause that the source asked for was not kept");
    assert_eq!(origins(&here), ids);
    let requests = source.requests.lock().expect("no panic").clone();
    assert!(
        requests[0].contains("limit=100") && requests[0].contains("user.created") && !requests[0].contains("events=*"),
        "{}",
        requests[0]
    );
}

#[test]
fn what_waiting_does_not_cure_ends_the_mirror() {
    let here = World::new();
    for (faults, code, said) in [
        (vec![Fault::Status(401)], 4, "the source: not allowed"),
        (vec![Fault::Status(403)], 4, "the source: not allowed"),
        (vec![Fault::Status(400)], 3, "the source: refused"),
        (vec![Fault::Status(404)], 5, "the source: not found"),
        (vec![Fault::Status(500); 3], 6, "the source: not available"),
        (vec![Fault::BrokenJson; 3], 1, "the source: unexpected answer"),
    ] {
        let source = Misbehaving::start(some_events(1), faults);
        let ran = once(&here, &source.url, &["--retries", "2", "--state", "s"]);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.lines().last().is_some_and(|line| line.contains(said)), "{ran:?}");
    }
    // The server here refuses the key.
    let source = Misbehaving::start(some_events(1), []);
    let ran = run(mirror(&here, &source.url, &["--once"]).env("ANNALS_API_KEY", "sk_wrong_key_0000000"));
    assert_eq!(ran.code, 4, "{ran:?}");
    assert_eq!(origins(&here).len(), 0);
}

#[test]
fn events_that_cannot_be_copied_do_not_hold_up_the_others() {
    let here = World::new();
    let mut events = some_events(4);
    events[1]["event"] = json!("Not-A-Name");
    events[2]["data"] = json!({"text": "x".repeat(70_000)});
    let source = Misbehaving::start(events.clone(), []);
    let ran = once(&here, &source.url, &[]);
    assert_eq!(counts(&ran), (3, [2, 0, 2]), "{ran:?}");
    assert_eq!(origins(&here), ["event_0", "event_3"]);
    let kept = super::lines(&here.file("annals-mirror.state.refused.ndjson"));
    let kept_ids: Vec<_> = kept.iter().map(|line| line["event"]["id"].clone()).collect();
    assert_eq!(kept_ids, ["event_1", "event_2"]);
    assert!(kept[1]["reason"].as_str().is_some_and(|reason| reason.contains("data")), "{}", kept[1]["reason"]);
}

#[test]
fn a_signal_ends_it_well() {
    let here = World::new();
    let source = Misbehaving::start(some_events(10), []);
    let mut child =
        mirror(&here, &source.url, &["--pause", "3600"]).stdout(std::process::Stdio::piped()).spawn().expect("annals starts");
    let started = Instant::now();
    while origins(&here).len() < 10 {
        assert!(started.elapsed() < Duration::from_secs(30), "nothing is mirrored");
    }
    super::terminate(&child);
    let mut told = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut told).expect("text");
    assert_eq!(
        (child.wait().expect("waitable").code(), told.as_str()),
        (Some(0), "10 mirrored, 0 were here already, 0 refused\n")
    );
}

fn some_events(count: usize) -> Vec<Value> {
    let event = |number: usize| {
        json!({"object": "event", "id": format!("event_{number}"), "event": "user.created", "created_at": "2026-01-01T00:00:00.000Z",
            "data": {"id": format!("u{number}"), "name": "Ada"}, "context": {"client_id": "c"}})
    };
    (0..count).map(event).collect()
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Fine,
    Status(u16),
    /// 429 with two seconds.
    TooMany,
    HalfAPage,
    BrokenJson,
    Reset,
}

/// A server with a feed that answers wrongly for a while, then well.
struct Misbehaving {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Misbehaving {
    fn start(events: Vec<Value>, faults: impl IntoIterator<Item = Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (record, mut faults) = (Arc::clone(&requests), faults.into_iter().collect::<VecDeque<_>>());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.expect("a connection");
                let mut reader = BufReader::new(&connection);
                let mut target = String::new();
                reader.read_line(&mut target).expect("a request");
                let mut line = String::new();
                while reader.read_line(&mut line).expect("a header") > 2 {
                    line.clear();
                }
                record.lock().expect("no panic").push(target.clone());
                answer(connection, faults.pop_front().unwrap_or(Fault::Fine), &page(&events, &target));
            }
        });
        Self { url, requests }
    }
}

fn page(events: &[Value], target: &str) -> String {
    let after = target.split(['?', '&', ' ']).find_map(|pair| pair.strip_prefix("after="));
    let begin = after.map_or(0, |after| events.iter().position(|event| event["id"] == after).expect("a cursor of ours") + 1);
    let end = events.len().min(begin + 100);
    let next = (end < events.len()).then(|| events[end - 1]["id"].clone());
    json!({"object": "list", "data": events[begin..end], "list_metadata": {"before": null, "after": next}}).to_string()
}

fn answer(mut connection: TcpStream, fault: Fault, page: &str) {
    let head = |status: u16, more: &str, length: usize| {
        format!(
            "HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Type: application/json\r\n{more}Content-Length: {length}\r\n\r\n"
        )
    };
    let text = match fault {
        Fault::Fine => head(200, "", page.len()) + page,
        Fault::Status(status) => head(status, "", 2) + "{}",
        Fault::TooMany => head(429, "Retry-After: 2\r\n", 2) + "{}",
        Fault::HalfAPage => head(200, "", page.len()) + &page[..page.len() / 2],
        Fault::BrokenJson => head(200, "", page.len() / 2) + &page[..page.len() / 2],
        Fault::Reset => return,
    };
    // Whoever asked may have gone.
    let _ = connection.write_all(text.as_bytes());
}
