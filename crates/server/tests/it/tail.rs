use std::collections::BTreeSet;
use std::time::Duration;

use annals_server::Config;
use serde_json::{Value, json};

use crate::audit_log_events::{by, flushed, record, server_that_flushes};
use crate::server::{Caller, TestServer, check_refused};

const TAIL: &str = "/v1/audit_log_events/tail";
const PATIENCE: Duration = Duration::from_secs(20);

/// A reader of server-sent events.
struct Reader {
    response: reqwest::Response,
    text: String,
    last_id: Option<String>,
}

impl Reader {
    async fn connect(caller: &Caller<'_>, query: &str) -> Self {
        Self { response: caller.follow(&format!("{TAIL}{query}")).await, text: String::new(), last_id: None }
    }

    /// The next event; `None` when the answer ends.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = self.read(&block) {
                    return Some(event);
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            self.text.push_str(std::str::from_utf8(&chunk.ok().flatten()?).unwrap());
        }
    }

    fn read(&mut self, block: &str) -> Option<Value> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        let Some(data) = field("data") else {
            assert!(block.starts_with(':'), "{block}");
            return None;
        };
        assert_eq!(field("event"), Some("audit_log_event"));
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(field("id"), event["id"].as_str());
        self.last_id = field("id").map(str::to_owned);
        Some(event)
    }

    async fn actor(&mut self) -> String {
        self.next().await.expect("an event")["actor"]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn events_come_as_they_are_recorded_and_pass_the_filter() {
    let server = server_that_flushes(1000).await;
    let (one, two) = (server.organization("One").await, server.organization("Two").await);
    record(&server, by(&one, "before")).await;
    let mut all = Reader::connect(&server.caller(), "").await;
    let mut of_two = Reader::connect(&server.caller(), &format!("?organization_id={two}")).await;
    let mut some = Reader::connect(&server.caller(), "?actor_ids=c,d").await;
    let (_, key) = server.organization_key(&two).await;
    let mut with_key = Reader::connect(&server.with_key(&key), "").await;
    for (organization, actor) in [(&one, "a"), (&two, "b"), (&one, "c"), (&two, "d")] {
        record(&server, by(organization, actor)).await;
    }
    for actor in ["a", "b", "c", "d"] {
        assert_eq!(all.actor().await, actor);
    }
    for reader in [&mut of_two, &mut with_key] {
        assert_eq!((reader.actor().await, reader.actor().await), ("b".to_owned(), "d".to_owned()));
    }
    assert_eq!((some.actor().await, some.actor().await), ("c".to_owned(), "d".to_owned()));
    let shown = server.caller().get(&format!("/v1/audit_log_events/{}", some.last_id.as_ref().unwrap())).await;
    assert_eq!(shown.body["actor"]["id"], "d");
    server.stop().await;
}

/// Writers go on while a reader leaves and comes back, over several flushes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_that_comes_back_misses_nothing_and_sees_nothing_twice() {
    const WRITERS: usize = 4;
    const EACH: usize = 60;
    let server = server_that_flushes(50).await;
    let organization = server.organization("One").await;
    record(&server, by(&organization, "first")).await;
    let first = server.caller().get("/v1/audit_log_events").await.ids()[0].to_owned();
    let write = async |writer: usize| {
        for number in 0..EACH {
            record(&server, by(&organization, &format!("{writer}-{number}"))).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let read = async {
        let (mut last, mut ids, mut actors) = (first.clone(), Vec::new(), BTreeSet::new());
        let mut visits = 0;
        while actors.len() < WRITERS * EACH {
            let mut reader = match visits % 2 {
                0 => Reader::connect(&server.caller().header("last-event-id", &last), "").await,
                _ => Reader::connect(&server.caller(), &format!("?last_event_id={last}")).await,
            };
            visits += 1;
            for _ in 0..visits * 7 {
                if actors.len() == WRITERS * EACH {
                    break;
                }
                assert!(actors.insert(reader.actor().await), "seen twice");
                last = reader.last_id.clone().unwrap();
                ids.push(last.clone());
            }
        }
        (visits, ids)
    };
    let ((visits, ids), _) = tokio::join!(read, futures::future::join_all((0..WRITERS).map(write)));
    assert!(visits > 3 && ids.is_sorted());
    flushed(&server, 2).await;
    // All of it once more, now that most of it is in the lake.
    let mut again = Reader::connect(&server.caller(), &format!("?last_event_id={first}")).await;
    for id in &ids {
        again.next().await.expect("an event");
        assert_eq!(again.last_id.as_ref(), Some(id));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_place_that_the_key_cannot_see_is_refused() {
    let server = server_that_flushes(1000).await;
    let (one, two) = (server.organization("One").await, server.organization("Two").await);
    record(&server, by(&one, "a")).await;
    let id = server.caller().get("/v1/audit_log_events").await.ids()[0].to_owned();
    let (_, key) = server.organization_key(&two).await;
    let (_, other_key) = server.engine.create_environment("other").await.unwrap();
    let refusal = json!({"message": "There is no event of this id to go on after.", "code": "unknown_event_id"});
    for (caller, id) in [
        (server.caller(), "evt_01EHWNCE74X7JSDV0X3SZ3KJNY"),
        (server.caller(), "x"),
        (server.caller(), &id.replace("evt_", "event_")),
        (server.with_key(&key), &id),
        (server.with_key(other_key.expose()), &id),
    ] {
        check_refused(&caller.get(&format!("{TAIL}?last_event_id={id}")).await, 400, refusal.clone());
        check_refused(&caller.clone().header("last-event-id", id).get(TAIL).await, 400, refusal.clone());
    }
    // The header counts, and an empty one does not.
    let both = server.caller().header("last-event-id", "x").get(&format!("{TAIL}?last_event_id={id}")).await;
    assert_eq!(both.status, 400);
    let mut reader = Reader::connect(&server.caller().header("last-event-id", ""), &format!("?last_event_id={id}")).await;
    record(&server, by(&one, "b")).await;
    assert_eq!(reader.actor().await, "b");
    server.stop().await;
}

#[tokio::test]
async fn a_tail_ends_with_its_key_and_with_the_server() {
    let mut server = server_that_flushes(1000).await;
    let organization = server.organization("One").await;
    let (key_id, key) = server.organization_key(&organization).await;
    let mut revoked = Reader::connect(&server.with_key(&key), "").await;
    let mut stays = Reader::connect(&server.caller(), "").await;
    record(&server, by(&organization, "a")).await;
    assert_eq!((revoked.actor().await, stays.actor().await), ("a".to_owned(), "a".to_owned()));
    assert_eq!(server.caller().delete(&format!("/api_keys/{key_id}")).await.status, 204);
    record(&server, by(&organization, "b")).await;
    assert_eq!(revoked.next().await, None, "nothing is sent with a deleted key");
    assert_eq!(stays.actor().await, "b");
    server.begin_stop();
    assert_eq!(stays.next().await, None);
    tokio::time::timeout(Duration::from_secs(10), server.stop()).await.expect("a tail does not hold the server up");
}

#[tokio::test]
async fn there_are_only_so_many_readers_and_those_that_leave_make_room() {
    let server = TestServer::start_with(Config { tails_max: 4, ..Config::default() }).await;
    let organization = server.organization("One").await;
    server.action("user.signed_in", &["team"]).await;
    let first = Reader::connect(&server.caller(), "").await;
    let second = Reader::connect(&server.caller(), "").await;
    // Half of the places are for others.
    let (_, key) = server.organization_key(&organization).await;
    let _other = Reader::connect(&server.with_key(&key), "").await;
    let refused = server.caller().get(TAIL).await;
    check_refused(&refused, 503, json!({"message": "Too many readers are following."}));
    assert_eq!(refused.header("retry-after"), Some("10"));
    drop((first, second));
    let mut status = 503;
    for _ in 0..100 {
        // A reader that only stops reading still wants the rest, so it takes a write to notice that it has gone. Comments do it too.
        record(&server, by(&organization, "a")).await;
        status = server.caller().get(TAIL).await.status.as_u16();
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status, 200);
    server.stop().await;
}
