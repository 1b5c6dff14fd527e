use std::io::Write;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::server::{Caller, Reply, TestServer, check_refused, event};

const BATCH: &str = "/v1/audit_log_events/batch";
const EVENTS: &str = "/audit_logs/events";

async fn server_with_action() -> (TestServer, String) {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    (server, organization)
}

fn by(organization: &str, actor: &str) -> Value {
    let mut item = event(organization);
    item["event"]["actor"]["id"] = json!(actor);
    item
}

fn with_key(mut item: Value, key: &str) -> Value {
    item["idempotency_key"] = json!(key);
    item
}

fn lines(items: &[Value]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn ndjson<'s>(server: &'s TestServer) -> Caller<'s> {
    server.caller().header("content-type", "application/x-ndjson")
}

/// The state of each item, with the status it would have had alone.
fn states(reply: &Reply) -> Vec<(&str, u64)> {
    let results = reply.body["results"].as_array().unwrap_or_else(|| panic!("{reply:?}"));
    let state = |result| {
        let result: &Value = result;
        (result["status"].as_str().unwrap(), result["http_status"].as_u64().unwrap_or_default())
    };
    results.iter().map(state).collect()
}

fn counts(reply: &Reply) -> [&Value; 3] {
    ["stored", "replayed", "refused"].map(|name| &reply.body[name])
}

/// The actors of everything that is recorded, in commit order.
async fn recorded(server: &TestServer, organization: &str) -> Vec<String> {
    let all = json!({"organization_id": organization, "range_start": "2022-01-01", "range_end": "2024-01-01"});
    let mut rows = crate::exports::rows(server, all).await;
    rows.sort_by(|a, b| a["id"].cmp(&b["id"]));
    rows.into_iter().map(|mut row| row.remove("actor_id").unwrap()).collect()
}

#[tokio::test]
async fn a_batch_is_recorded_in_order() {
    let (server, organization) = server_with_action().await;
    let items: Vec<_> = (0..50).map(|i| by(&organization, &format!("u{i}"))).collect();
    let reply = server.caller().post(BATCH, json!(items)).await;
    assert_eq!((reply.status.as_u16(), counts(&reply)), (200, [&json!(50), &json!(0), &json!(0)]), "{reply:?}");
    let ids: Vec<_> = reply.body["results"].as_array().unwrap().iter().map(|result| result["id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| id.starts_with("evt_")) && ids.is_sorted(), "{ids:?}");
    let expected: Vec<_> = (0..50).map(|i| format!("u{i}")).collect();
    assert_eq!(recorded(&server, &organization).await, expected);

    let empty = server.caller().post(BATCH, json!([])).await;
    check_refused(&empty, 200, json!({"stored": 0, "replayed": 0, "refused": 0, "results": []}));
    server.stop().await;
}

#[tokio::test]
async fn every_encoding_and_both_formats_say_the_same() {
    let (server, organization) = server_with_action().await;
    let items = [by(&organization, "a"), by(&organization, "b")];
    let (array, lines) = (json!(items).to_string(), lines(&items).replace("}\n{", "}\r\n\n  \n{"));
    for (kind, text) in
        [("application/json", &array), ("application/x-ndjson", &lines), ("application/x-ndjson; charset=utf-8", &lines)]
    {
        let packed = [
            ("identity", text.clone().into_bytes()),
            ("gzip", gzip(text.as_bytes())),
            ("zstd", zstd::bulk::compress(text.as_bytes(), 3).unwrap()),
        ];
        for (encoding, body) in packed {
            let caller = server.caller().header("content-type", kind).header("content-encoding", encoding);
            let reply = caller.post_bytes(BATCH, body).await;
            assert_eq!((reply.status.as_u16(), states(&reply)), (200, vec![("stored", 0); 2]), "{kind} {encoding}: {reply:?}");
        }
    }
    assert_eq!(recorded(&server, &organization).await, ["a", "b"].repeat(9));
    server.stop().await;
}

#[tokio::test]
async fn bad_items_are_refused_alone() {
    let (server, organization) = server_with_action().await;
    let mut unknown_action = event(&organization);
    unknown_action["event"]["action"] = json!("user.vanished");
    let mut wrong_target = event(&organization);
    wrong_target["event"]["targets"][0]["type"] = json!("door");
    let mut own_mark = event(&organization);
    own_mark["event"]["context"]["annals.imported"] = json!({"source": "x"});
    let mut wrong_import = event(&organization);
    wrong_import["imported"] = json!({"id": "x"});
    let nowhere = event("org_01EHWNCE74X7JSDV0X3SZ3KJNY");
    let items = json!([
        by(&organization, "first"),
        {},
        5,
        unknown_action,
        wrong_target,
        nowhere,
        own_mark,
        wrong_import,
        with_key(event(&organization), &"k".repeat(513)),
        by(&organization, "last")
    ]);
    let reply = server.caller().post_bytes(BATCH, items.to_string()).await;
    let expected = [
        ("stored", 0),
        ("refused", 422),
        ("refused", 422),
        ("refused", 400),
        ("refused", 400),
        ("refused", 404),
        ("refused", 422),
        ("refused", 422),
        ("refused", 422),
        ("stored", 0),
    ];
    assert_eq!((reply.status.as_u16(), states(&reply)), (200, expected.to_vec()), "{reply:?}");
    assert_eq!(counts(&reply), [&json!(2), &json!(0), &json!(8)]);
    let results = &reply.body["results"];
    for (item, field) in [
        (1, "organization_id"),
        (2, "item"),
        (6, "event.context.annals.imported"),
        (7, "imported.source"),
        (8, "idempotency_key"),
    ] {
        assert_eq!(
            (&results[item]["message"], &results[item]["errors"][0]["field"]),
            (&json!("Validation failed."), &json!(field))
        );
    }
    assert!(results[3]["message"].as_str().unwrap().contains("'user.vanished', version '1' has not been configured"));
    assert_eq!(results[4]["code"], "invalid_audit_log_event");
    assert_eq!(results[4]["errors"][0]["instancePath"], "/targets");
    assert_eq!(results[5]["code"], "entity_not_found");
    assert_eq!(recorded(&server, &organization).await, ["first", "last"]);
    server.stop().await;
}

#[tokio::test]
async fn torn_lines_and_malformed_items_are_refused_by_their_place() {
    let (server, organization) = server_with_action().await;
    let good = event(&organization).to_string();
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let text = format!("{good}\n\n{}\nnonsense\n{}\n{{\"event\":{deep}}}\n{good}", &good[..good.len() - 5], "{\"a\":1,\"a\":2}");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"\n\"\xff\"");
    let reply = ndjson(&server).post_bytes(BATCH, bytes).await;
    let malformed = ("refused", 400);
    let expected = vec![("stored", 0), malformed, malformed, malformed, malformed, ("stored", 0), malformed];
    assert_eq!((reply.status.as_u16(), states(&reply)), (200, expected), "{reply:?}");
    for (result, begins) in [
        (1, "line 3: malformed JSON: EOF"),
        (2, "line 4: "),
        (3, "line 5: malformed JSON: duplicate member"),
        (4, "line 6: malformed JSON: nested"),
        (6, "line 8: "),
    ] {
        let message = reply.body["results"][result]["message"].as_str().unwrap();
        assert!(message.starts_with(begins) && !message.contains("at line 1"), "{message}");
    }

    let reply = server.caller().post_bytes(BATCH, format!("[{good}, {{\"a\":1,\"a\":2}}]")).await;
    assert_eq!(states(&reply), [("stored", 0), malformed]);
    assert!(reply.body["results"][1]["message"].as_str().unwrap().starts_with("item 1: malformed JSON"), "{reply:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_batch_is_refused_as_a_whole() {
    let (server, organization) = server_with_action().await;
    let good = event(&organization).to_string();
    for body in ["", "{}", &good, "null", "5", "[", "[1", "[1,]", "[1] 2", &format!("[{good}"), &format!("[{good}\n{good}]")] {
        let reply = server.caller().post_bytes(BATCH, body).await;
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
    }
    let array = format!("[{good}]");
    for (encoding, body, status) in [
        ("gzip", array.clone().into_bytes(), 400),
        ("zstd", array.clone().into_bytes(), 400),
        (
            "gzip",
            {
                let mut torn = gzip(array.as_bytes());
                torn.truncate(torn.len() - 9);
                torn
            },
            400,
        ),
        ("gzip", gzip(&gzip(array.as_bytes())), 400),
        ("br", array.clone().into_bytes(), 415),
        ("gzip, gzip", gzip(&gzip(array.as_bytes())), 415),
    ] {
        let reply = server.caller().header("content-encoding", encoding).post_bytes(BATCH, body).await;
        assert_eq!(reply.status, status, "{encoding}: {reply:?}");
    }
    for kind in ["text/plain", "text/csv", "application/x-www-form-urlencoded"] {
        assert_eq!(server.caller().header("content-type", kind).post_bytes(BATCH, array.clone()).await.status, 415, "{kind}");
    }
    for (query, field) in [
        ("atomic=yes", "atomic"),
        ("atomic", "atomic"),
        ("atomic=true&atomic=false", "atomic"),
        ("atomic=false&atomic[]=true", "atomic"),
        ("atomc=true", "atomc"),
        ("atomic=true&dry_run=true", "dry_run"),
    ] {
        let reply = server.caller().post_bytes(&format!("{BATCH}?{query}"), array.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body["errors"][0]["field"]), (422, &json!(field)), "{query}");
    }
    assert!(recorded(&server, &organization).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_batch_has_a_largest_size_before_and_after_decompression() {
    const MEBIBYTE: usize = 1024 * 1024;
    let (server, organization) = server_with_action().await;
    let spaces = vec![b' '; 17 * MEBIBYTE];
    let too_large = json!({"message": "request entity too large"});
    check_refused(&server.caller().post_bytes(BATCH, spaces.clone()).await, 413, too_large.clone());
    // A gigabyte in a megabyte.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        bomb.write_all(&spaces[..16 * MEBIBYTE]).unwrap();
    }
    for (encoding, body) in
        [("gzip", gzip(&spaces)), ("gzip", bomb.finish().unwrap()), ("zstd", zstd::bulk::compress(&spaces, 3).unwrap())]
    {
        assert!(body.len() < 2 * MEBIBYTE);
        let reply = server.caller().header("content-encoding", encoding).post_bytes(BATCH, body).await;
        check_refused(&reply, 413, too_large.clone());
    }
    // Numbers that are longer in their canonical text than in the request: more than one commit holds.
    let long = json!({"numbers": vec![1; 3000]}).to_string().replace('1', "1e15");
    let item = event(&organization).to_string().replacen("{\"id\"", &format!("{{\"more\":{long},\"id\""), 1);
    let items = format!("[{}]", vec![item; 900].join(","));
    check_refused(&server.caller().post_bytes(BATCH, items).await, 413, too_large);
    // One item is no larger than the body of a request for it alone.
    let long =
        event(&organization).to_string().replacen("{\"id\"", &format!("{{\"more\":[{}1],\"id\"", "1,".repeat(MEBIBYTE / 2)), 1);
    for reply in [server.caller().post_bytes(BATCH, format!("[{long}]")).await, ndjson(&server).post_bytes(BATCH, long).await] {
        assert_eq!((reply.status.as_u16(), states(&reply)), (200, vec![("refused", 413)]), "{reply:?}");
    }

    let item = event(&organization).to_string();
    let too_many = json!({"message": "a batch must have at most 10000 items"});
    let body = format!("[{}]", vec![item.as_str(); 10_001].join(","));
    check_refused(&server.caller().post_bytes(BATCH, body).await, 413, too_many.clone());
    check_refused(&ndjson(&server).post_bytes(BATCH, (item.clone() + "\n").repeat(10_001)).await, 413, too_many.clone());
    check_refused(&server.caller().post_bytes(BATCH, format!("[{}1]", "1,".repeat(4_000_000))).await, 413, too_many);
    assert!(recorded(&server, &organization).await.is_empty());

    let reply = ndjson(&server).post_bytes(BATCH, (item + "\n").repeat(10_000)).await;
    assert_eq!((reply.status.as_u16(), counts(&reply)), (200, [&json!(10_000), &json!(0), &json!(0)]));
    server.stop().await;
}

#[tokio::test]
async fn keys_are_those_of_single_events() {
    let (server, organization) = server_with_action().await;
    let (one, two) = (by(&organization, "one"), by(&organization, "two"));
    assert_eq!(server.caller().header("idempotency-key", "single").post(EVENTS, one.clone()).await.status, 200);

    let items = json!([
        with_key(one.clone(), "single"),
        with_key(two.clone(), "single"),
        with_key(two.clone(), "twice"),
        with_key(two.clone(), "twice"),
        with_key(one.clone(), "twice"),
        with_key(two.clone(), ""),
    ]);
    let reply = server.caller().post(BATCH, items.clone()).await;
    let reused = ("refused", 400);
    assert_eq!(states(&reply), [("replayed", 0), reused, ("stored", 0), ("replayed", 0), reused, ("stored", 0)], "{reply:?}");
    assert_eq!(
        reply.body["results"][1]["message"],
        "Another idempotency key (single) with different request parameters was found. Please use a different idempotency key."
    );
    let again = server.caller().post(BATCH, items).await;
    assert_eq!(states(&again), [("replayed", 0), reused, ("replayed", 0), ("replayed", 0), reused, ("stored", 0)]);
    let single = server.caller().header("idempotency-key", "twice");
    assert_eq!(single.post(EVENTS, two.clone()).await.status, 200);
    assert_eq!(single.post(EVENTS, one.clone()).await.status, 400);
    assert_eq!(recorded(&server, &organization).await, ["one", "two", "two", "two"]);

    // A reused key is told before what else is wrong.
    let mut unknown = with_key(two.clone(), "twice");
    unknown["event"]["action"] = json!("user.vanished");
    let reply = server.caller().post_bytes(BATCH, json!([unknown]).to_string()).await;
    assert!(reply.body["results"][0]["message"].as_str().unwrap().starts_with("Another idempotency key (twice)"), "{reply:?}");
    server.clock.advance(Duration::from_secs(24 * 60 * 60 + 60));
    assert_eq!(states(&server.caller().post(BATCH, json!([with_key(one, "twice")])).await), [("stored", 0)]);
    server.stop().await;
}

#[tokio::test]
async fn the_headers_key_gives_every_item_its_own() {
    let (server, organization) = server_with_action().await;
    let caller = server.caller().header("idempotency-key", "batch-1");
    let items = json!([by(&organization, "a"), with_key(by(&organization, "b"), "own"), by(&organization, "c")]);
    assert_eq!(states(&caller.post(BATCH, items.clone()).await), [("stored", 0); 3]);
    assert_eq!(states(&caller.post(BATCH, items).await), [("replayed", 0); 3]);
    for (key, actor) in [("batch-1/0", "a"), ("own", "b"), ("batch-1/2", "c")] {
        let reply = server.caller().post(BATCH, json!([with_key(by(&organization, actor), key)])).await;
        assert_eq!(states(&reply), [("replayed", 0)], "{key}");
    }
    assert_eq!(recorded(&server, &organization).await, ["a", "b", "c"]);
    server.stop().await;
}

#[tokio::test]
async fn the_same_batch_at_once_is_recorded_once() {
    let (server, organization) = server_with_action().await;
    let caller = server.caller().header("idempotency-key", "k");
    let items = json!((0..20).map(|i| by(&organization, &format!("u{i}"))).collect::<Vec<_>>());
    let replies = join_all((0..8).map(|_| caller.post(BATCH, items.clone()))).await;
    let stored: u64 = replies.iter().map(|reply| reply.body["stored"].as_u64().unwrap()).sum();
    assert_eq!(stored, 20);
    assert_eq!(recorded(&server, &organization).await.len(), 20);
    server.stop().await;
}

#[tokio::test]
async fn an_atomic_batch_is_stored_whole_or_not_at_all() {
    let (server, organization) = server_with_action().await;
    let atomic = &format!("{BATCH}?atomic=true");
    let good = by(&organization, "good");
    let mut unknown = good.clone();
    unknown["event"]["action"] = json!("user.vanished");
    assert_eq!(states(&server.caller().post(atomic, json!([with_key(good.clone(), "k")])).await), [("stored", 0)]);
    let reused = with_key(by(&organization, "other"), "k");
    for (bad, status) in [(json!({}), 422), (unknown, 400), (event("org_01EHWNCE74X7JSDV0X3SZ3KJNY"), 404), (reused, 400)] {
        let reply = server.caller().post_bytes(atomic, json!([good, bad, good]).to_string()).await;
        let expected = vec![("not_stored", 0), ("refused", status), ("not_stored", 0)];
        assert_eq!((reply.status.as_u16(), states(&reply)), (422, expected), "{reply:?}");
        assert_eq!(counts(&reply), [&json!(0), &json!(0), &json!(1)]);
        assert_eq!(reply.message(), "Nothing was stored: 1 of 3 items were refused.");
    }
    let torn = ndjson(&server).post_bytes(atomic, format!("{good}\n{{")).await;
    assert_eq!((torn.status.as_u16(), states(&torn)), (422, vec![("not_stored", 0), ("refused", 400)]));
    let replay = server.caller().post(atomic, json!([with_key(good.clone(), "k"), good])).await;
    assert_eq!((replay.status.as_u16(), states(&replay)), (200, vec![("replayed", 0), ("stored", 0)]));
    assert_eq!(recorded(&server, &organization).await, ["good", "good"]);
    server.stop().await;
}

#[tokio::test]
async fn imported_events_need_no_schema_but_a_key_of_the_environment() {
    let (server, organization) = server_with_action().await;
    let imported = |source: Value| {
        let mut item = event(&organization);
        item["event"]["action"] = json!("never.configured");
        item["imported"] = source;
        item
    };
    let items = json!([
        imported(json!({"source": "workos", "id": "evt_1"})),
        imported(json!({"source": "workos"})),
        imported(Value::Null)
    ]);
    let reply = server.caller().post_bytes(BATCH, items.to_string()).await;
    assert_eq!(states(&reply), [("stored", 0), ("stored", 0), ("refused", 400)], "{reply:?}");
    for (result, mark) in [(0, json!({"source": "workos", "id": "evt_1"})), (1, json!({"source": "workos"}))] {
        let id = reply.body["results"][result]["id"].as_str().unwrap();
        let read = server.caller().get(&format!("/v1/audit_log_events/{id}")).await;
        assert_eq!(read.body["context"], json!({"location": "1.2.3.4", "annals.imported": mark}), "{read:?}");
    }

    let (_, key) = server.organization_key(&organization).await;
    let items = json!([imported(json!({"source": "workos"})), event(&organization)]);
    let reply = server.with_key(&key).post(BATCH, items).await;
    assert_eq!(states(&reply), [("refused", 403), ("stored", 0)], "{reply:?}");
    server.stop().await;
}

#[tokio::test]
async fn when_nothing_can_be_stored_the_whole_batch_is_to_come_back() {
    let (server, organization) = server_with_action().await;
    let items = json!([event(&organization), {}]);
    assert_eq!(server.caller().post_bytes(BATCH, items.to_string()).await.status, 200);
    server.engine.close().await;
    // Key, organization and schema are still remembered.
    for path in [BATCH, &format!("{BATCH}?atomic=false")] {
        let reply = server.caller().post_bytes(path, items.to_string()).await;
        assert_eq!(
            (reply.status.as_u16(), reply.message()),
            (503, "Not accepting events now: the server is stopping."),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn an_organizations_key_records_for_its_organization_only() {
    let (server, organization) = server_with_action().await;
    let other = server.organization("Bar").await;
    let (_, key) = server.organization_key(&organization).await;
    let items = json!([with_key(event(&organization), "k"), with_key(event(&other), "k")]);
    let reply = server.with_key(&key).post(BATCH, items).await;
    assert_eq!(states(&reply), [("stored", 0), ("refused", 404)], "{reply:?}");
    // Keys of one owner never meet those of another.
    let reply = server.caller().post(BATCH, json!([with_key(by(&organization, "another"), "k")])).await;
    assert_eq!(states(&reply), [("stored", 0)]);
    server.stop().await;
}

#[tokio::test]
async fn clients_that_send_slowly_hold_nobody_up() {
    let (server, organization) = server_with_action().await;
    let (_, key) = server.organization_key(&organization).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head =
            format!("POST {BATCH} HTTP/1.1\r\nhost: annals\r\nauthorization: Bearer {key}\r\ncontent-length: 1000000\r\n\r\n[");
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let caller = server.caller();
    let batch = caller.post(BATCH, json!([event(&organization)]));
    let reply = tokio::time::timeout(Duration::from_secs(10), batch).await.expect("an answer before the slow ones are refused");
    assert_eq!(states(&reply), [("stored", 0)]);
    drop(slow);
    server.stop().await;
}
