use std::time::Duration;

use annals_engine::FlushSettings;
use annals_server::Config;
use serde_json::{Value, json};

use crate::server::{Caller, Reply, TestServer, check_refused, event};

const EVENTS: &str = "/v1/audit_log_events";

/// A server that flushes as soon as so many records wait.
pub async fn server_that_flushes(records: usize) -> TestServer {
    let server = TestServer::start_on(Config::default(), |settings| {
        settings.flush = FlushSettings { records, age: Duration::from_secs(3600) };
    })
    .await;
    server.action("user.signed_in", &["team"]).await;
    server
}

pub async fn record(server: &TestServer, event: Value) {
    let reply = server.caller().post("/audit_logs/events", event).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// By an actor of this id.
pub fn by(organization: &str, actor: &str) -> Value {
    let mut event = event(organization);
    event["event"]["actor"]["id"] = json!(actor);
    event
}

/// Data files of audit events in the lake.
pub fn files(server: &TestServer) -> usize {
    let days = std::fs::read_dir(server.folder().join("lake/audit_events")).unwrap();
    let days = days.map(|day| day.unwrap().path()).filter(|day| day.to_string_lossy().contains("date="));
    days.map(|day| std::fs::read_dir(day).unwrap().count()).sum()
}

pub async fn flushed(server: &TestServer, at_least: usize) {
    for _ in 0..600 {
        if files(server) >= at_least {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no flush");
}

fn actors(reply: &Reply) -> Vec<&str> {
    let events = reply.body["data"].as_array().unwrap_or_else(|| panic!("{reply:?}"));
    events.iter().map(|event| event["actor"]["id"].as_str().unwrap()).collect()
}

async fn found(caller: &Caller<'_>, query: &str) -> Vec<String> {
    let reply = caller.get(&format!("{EVENTS}?order=asc&{query}")).await;
    actors(&reply).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_event_is_read_as_it_was_sent() {
    let server = server_that_flushes(1000).await;
    let organization = server.organization("Foo").await;
    let mut sent = event(&organization);
    sent["event"]["actor"] = json!({"id": "u", "type": "user", "name": "Ann", "metadata": {"n": 5, "f": 1.5}, "email": "a@b.c", "deep": {"x": [1, null]}});
    sent["event"]["targets"] = json!([{"id": "t", "type": "team", "size": 7}, {"id": "t2", "type": "team"}]);
    sent["event"]["context"] = json!({"location": "1.2.3.4", "user_agent": "curl", "zone": "eu"});
    sent["event"]["metadata"] = json!({"owner": "x", "paid": true});
    sent["event"]["occurred_at"] = json!("2022-08-29T19:47:52.336123Z");
    record(&server, sent.clone()).await;
    let list = server.caller().get(EVENTS).await;
    let read = &list.body["data"][0];
    for name in ["action", "actor", "targets", "context", "metadata", "occurred_at"] {
        assert_eq!(read[name], sent["event"][name], "{name}");
    }
    assert_eq!((&read["organization_id"], &read["seq"], &read["version"]), (&json!(organization), &json!(0), &json!(1)));
    assert_eq!(read["received_at"].as_str().unwrap().len(), "2022-08-29T19:47:52.336123Z".len());
    assert_eq!((list.body["list_metadata"]["before"].is_null(), list.body["list_metadata"]["after"].is_null()), (true, true));
    let id = read["id"].as_str().unwrap();
    assert_eq!(&server.caller().get(&format!("{EVENTS}/{id}")).await.body, read);
    for unknown in ["evt_01EHWNCE74X7JSDV0X3SZ3KJNY", "evt_x", &id.to_lowercase(), &organization] {
        let reply = server.caller().get(&format!("{EVENTS}/{unknown}")).await;
        assert_eq!((reply.status.as_u16(), &reply.body["code"]), (404, &json!("entity_not_found")), "{unknown}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_filter_finds_its_events() {
    let server = server_that_flushes(6).await;
    let (one, two) = (server.organization("One").await, server.organization("Two").await);
    server.action("invoice.paid", &["invoice"]).await;
    for second in 0..8 {
        let mut event = by(if second < 6 { &one } else { &two }, &format!("u{second}"));
        event["event"]["occurred_at"] = json!(format!("2022-08-29T00:00:0{second}.000Z"));
        event["event"]["actor"]["name"] = json!(if second % 2 == 0 { "Ann, A." } else { "Ben" });
        if second == 3 {
            event["event"]["action"] = json!("invoice.paid");
            event["event"]["targets"] = json!([{"id": "i1", "type": "invoice", "name": "März \"7\""}]);
            event["event"]["actor"]["type"] = json!("service");
        }
        event["event"]["context"]["location"] = json!(format!("10.0.0.{}", second / 4));
        event["event"]["metadata"] = json!({"tag": if second < 2 { "a,b" } else { "c" }, "n": second, "even": second % 2 == 0});
        record(&server, event).await;
    }
    flushed(&server, 1).await;
    let caller = server.caller();
    for (query, expected) in [
        ("", &["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"][..]),
        (&format!("organization_id={two}"), &["u6", "u7"]),
        ("actions=invoice.paid", &["u3"]),
        ("actions=inv*&actions[]=nothing", &["u3"]),
        ("actions=*.paid", &[]),
        ("actions=*&limit=2", &["u0", "u1"]),
        ("actor_ids=u1,u7", &["u1", "u7"]),
        ("actor_ids[]=u1&actor_ids=u7&actor_ids=", &["u1", "u7"]),
        ("actor_names=Ben&occurred_at_max=2022-08-29T00:00:03Z", &["u1", "u3"]),
        ("actor_types=service", &["u3"]),
        ("target_ids=i1", &["u3"]),
        ("target_types=invoice", &["u3"]),
        ("locations=10.0.0.1", &["u4", "u5", "u6", "u7"]),
        ("occurred_at_min=2022-08-29T00:00:05.000Z&occurred_at_max=2022-08-29T02:00:06%2B02:00", &["u5", "u6"]),
        ("received_at_max=2022-01-01", &[]),
        ("received_at_min=2022-01-01&actor_ids=u0", &["u0"]),
        ("metadata=tag%3Da,b", &["u0", "u1"]),
        ("metadata=n=3&metadata=n=5", &["u3", "u5"]),
        ("metadata=n=4&metadata=even=true", &["u4"]),
        ("metadata=n=4&metadata=even=false", &[]),
        ("search=M%C3%84RZ+%22", &["u3"]),
        ("search=INVOICE", &["u3"]),
        ("search=tag", &[]),
        ("unknown=&actor_ids=u2&search=", &["u2"]),
    ] {
        assert_eq!(found(&caller, query).await, expected, "{query}");
    }
    let (_, key) = server.organization_key(&two).await;
    assert_eq!(found(&server.with_key(&key), "").await, ["u6", "u7"]);
    assert_eq!(found(&server.with_key(&key), "actor_ids=u1").await, Vec::<String>::new());
    assert_eq!(server.with_key(&key).get(&format!("{EVENTS}?organization_id={one}")).await.status, 404);
    let of_one = server.caller().get(&format!("{EVENTS}?organization_id={one}&limit=1")).await;
    assert_eq!(server.with_key(&key).get(&format!("{EVENTS}/{}", of_one.ids()[0])).await.status, 404);
    let (_, other_key) = server.engine.create_environment("other").await.unwrap();
    let other = server.with_key(other_key.expose());
    assert_eq!(found(&other, "").await, Vec::<String>::new());
    assert_eq!(other.get(&format!("{EVENTS}?organization_id={one}")).await.status, 404);
    assert_eq!(other.get(&format!("{EVENTS}/{}", of_one.ids()[0])).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn cursors_walk_both_ways_over_tail_and_lake() {
    let server = server_that_flushes(8).await;
    let (one, two) = (server.organization("One").await, server.organization("Two").await);
    for number in 0..23 {
        record(&server, by(if number % 3 == 0 { &two } else { &one }, &format!("u{number:02}"))).await;
        if number == 9 {
            flushed(&server, 1).await;
        }
    }
    flushed(&server, 2).await;
    let caller = server.caller();
    for (filter, order) in
        [("", "desc"), ("", "asc"), (&format!("organization_id={one}")[..], "desc"), (&format!("organization_id={one}"), "asc")]
    {
        let mut expected = found(&caller, &format!("{filter}&limit=1000")).await;
        if order == "desc" {
            expected.reverse();
        }
        let page = async |cursor: &str| caller.get(&format!("{EVENTS}?{filter}&order={order}&limit=4{cursor}")).await;
        let (mut forward, mut pages, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let reply = page(&cursor).await;
            assert_eq!(reply.body["list_metadata"], reply.body["listMetadata"]);
            assert_eq!(reply.body["list_metadata"]["before"].is_null(), forward.is_empty(), "{reply:?}");
            forward.extend(actors(&reply).into_iter().map(str::to_owned));
            pages.push(reply.text.clone());
            let Some(after) = reply.body["list_metadata"]["after"].as_str() else {
                cursor = reply.body["list_metadata"]["before"].as_str().unwrap().to_owned();
                break;
            };
            cursor = format!("&after={after}");
        }
        assert_eq!(forward, expected, "{filter} {order}");
        let mut backward = expected[expected.len().div_ceil(4) * 4 - 4..].to_vec();
        loop {
            let reply = page(&format!("&before={cursor}")).await;
            let page: Vec<_> = actors(&reply).into_iter().map(str::to_owned).collect();
            backward.splice(0..0, page);
            match reply.body["list_metadata"]["before"].as_str() {
                Some(before) => before.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(backward, expected, "{filter} {order}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters_order_and_owner() {
    let server = server_that_flushes(1000).await;
    let organization = server.organization("One").await;
    for number in 0..5 {
        record(&server, by(&organization, &format!("u{number}"))).await;
    }
    let caller = server.caller();
    let first = caller.get(&format!("{EVENTS}?limit=2&actor_types=user,robot")).await;
    let after = first.body["list_metadata"]["after"].as_str().unwrap().to_owned();
    for same in ["limit=3&actor_types=robot&actor_types=user", "actor_types[]=user,robot&order=desc&search="] {
        let page = caller.get(&format!("{EVENTS}?{same}&after={after}")).await;
        assert_eq!(actors(&page)[..2], ["u2", "u1"], "{same}");
    }
    let invalid = json!({"message": "cursor is not of a list with these filters and this sort", "code": "invalid_cursor"});
    let (_, key) = server.organization_key(&organization).await;
    for (caller, query) in [
        (caller.clone(), format!("actor_types=user&after={after}")),
        (caller.clone(), format!("actor_types=user,robot&order=asc&after={after}")),
        (caller.clone(), format!("after={after}")),
        (caller.clone(), format!("organization_id={organization}&actor_types=user,robot&after={after}")),
        (caller.clone(), format!("actor_types=user,robot&before={after}x")),
        (caller.clone(), "before=evt_01EHWNCE74X7JSDV0X3SZ3KJNY".to_owned()),
        (caller.clone(), "after=%00%C3%A9".to_owned()),
        (server.with_key(&key), format!("actor_types=user,robot&after={after}")),
    ] {
        check_refused(&caller.get(&format!("{EVENTS}?{query}")).await, 400, invalid.clone());
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let server = TestServer::start().await;
    let many = vec!["x"; 101].iter().enumerate().map(|(n, x)| format!("{x}{n}")).collect::<Vec<_>>().join(",");
    for (path, field) in [
        ("?limit=0".to_owned(), "limit"),
        ("?limit=1001".to_owned(), "limit"),
        ("?limit=x".to_owned(), "limit"),
        ("?order=normal".to_owned(), "order"),
        ("?occurred_at_min=yesterday".to_owned(), "occurred_at_min"),
        ("?received_at_max=1".to_owned(), "received_at_max"),
        ("?metadata=key".to_owned(), "metadata"),
        (format!("?search={}", "x".repeat(257)), "search"),
        (format!("?actions={many}"), "actions"),
        (format!("?actor_ids={}", "x".repeat(1025)), "actor_ids"),
        ("/stats?interval=year".to_owned(), "interval"),
        ("/stats?group_by=target".to_owned(), "group_by"),
        ("/stats?time=now".to_owned(), "time"),
        ("/stats?top=101".to_owned(), "top"),
        ("/tail?metadata=x".to_owned(), "metadata"),
        // Mistyped: without it the answer would show more than was asked for.
        ("?action=user.signed_in".to_owned(), "action"),
        ("/stats?from=2026-01-01".to_owned(), "from"),
        ("/tail?actor_id=u1".to_owned(), "actor_id"),
    ] {
        let reply = server.caller().get(&format!("{EVENTS}{path}")).await;
        assert_eq!((reply.status.as_u16(), &reply.body["errors"][0]["field"]), (422, &json!(field)), "{path}: {reply:?}");
    }
    for path in
        ["?organization_id=org_x", "/stats?organization_id=' OR 1=1", "/tail?organization_id=org_01EHWNCE74X7JSDV0X3SZ3KJNY"]
    {
        assert_eq!(server.caller().get(&format!("{EVENTS}{path}")).await.status, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn events_are_counted_over_time_and_by_group() {
    let server = server_that_flushes(7).await;
    let (one, two) = (server.organization("One").await, server.organization("Two").await);
    for (day, actor, name) in
        [(1, "a", "Ann"), (1, "a", "Ann"), (1, "b", "Ben"), (3, "a", "Anna"), (3, "c", "Cy"), (8, "d", "Di")]
    {
        let mut event = by(if day == 8 { &two } else { &one }, actor);
        event["event"]["occurred_at"] = json!(format!("2022-08-0{day}T12:00:00.000Z"));
        event["event"]["actor"]["name"] = json!(name);
        record(&server, event).await;
    }
    record(&server, by(&one, "late")).await;
    flushed(&server, 1).await;
    let stats = async |query: &str| server.caller().get(&format!("{EVENTS}/stats?occurred_at_max=2022-08-20&{query}")).await.body;
    let by_actor = stats("group_by=actor&top=2").await;
    let expected = json!({
        "object": "audit_log_event_stats", "interval": "day", "time": "occurred_at", "group_by": "actor", "total": 6,
        "buckets": [
            {"start": "2022-08-01T00:00:00.000000Z", "count": 3, "groups": [{"key": "a", "count": 2}, {"key": "b", "count": 1}], "other": 0},
            {"start": "2022-08-03T00:00:00.000000Z", "count": 2, "groups": [{"key": "a", "count": 1}], "other": 1},
            {"start": "2022-08-08T00:00:00.000000Z", "count": 1, "groups": [], "other": 1},
        ],
        "groups": [{"key": "a", "name": "Anna", "count": 3}, {"key": "b", "name": "Ben", "count": 1}],
        "other": 2,
    });
    assert_eq!(by_actor, expected);
    let weeks = stats("interval=week").await;
    assert_eq!(
        (&weeks["group_by"], &weeks["groups"], &weeks["other"], &weeks["total"]),
        (&Value::Null, &json!([]), &json!(0), &json!(6))
    );
    let starts: Vec<_> = weeks["buckets"].as_array().unwrap().iter().map(|bucket| (&bucket["start"], &bucket["count"])).collect();
    assert_eq!(starts, [(&json!("2022-08-01T00:00:00.000000Z"), &json!(5)), (&json!("2022-08-08T00:00:00.000000Z"), &json!(1))]);
    let organizations = stats("group_by=organization&interval=month").await;
    assert_eq!(organizations["groups"], json!([{"key": one, "name": null, "count": 5}, {"key": two, "name": null, "count": 1}]));
    let received = server.caller().get(&format!("{EVENTS}/stats?time=received_at&interval=month&group_by=action")).await.body;
    assert_eq!(received["groups"], json!([{"key": "user.signed_in", "name": null, "count": 7}]));
    assert_eq!(server.caller().get(&format!("{EVENTS}/stats?actor_ids=nobody")).await.body["buckets"], json!([]));
    let (_, key) = server.organization_key(&two).await;
    assert_eq!(server.with_key(&key).get(&format!("{EVENTS}/stats")).await.body["total"], 1);
    server.stop().await;
}

#[tokio::test]
async fn too_many_buckets_are_refused() {
    let server = server_that_flushes(100_000).await;
    let organization = server.organization("One").await;
    let start: i64 = 1_600_000_000;
    for batch in 0..6 {
        let items = (0..1000).map(|minute| {
            let mut item = event(&organization);
            item["event"]["occurred_at"] =
                json!(annals_core::time::Micros::saturating((start + (batch * 1000 + minute) * 60) * 1_000_000).wire());
            item
        });
        let stored = server.caller().post("/v1/audit_log_events/batch", Value::Array(items.collect())).await;
        assert_eq!(stored.body["stored"], 1000, "{:?}", stored.status);
    }
    let refused = server.caller().get(&format!("{EVENTS}/stats?interval=minute")).await;
    assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["field"]), (422, &json!("interval")), "{refused:?}");
    assert_eq!(server.caller().get(&format!("{EVENTS}/stats?interval=hour")).await.body["total"], 6000);
    server.stop().await;
}
