//! The Events API as consumers meet it: encodings, cursors, order, ranges, and publishing.

use annals_core::wire::{DEPRECATED_EVENT_NAMES, EVENT_NAMES};
use annals_server::{Config, EventsOrder};
use serde_json::{Value, json};

use crate::server::{Caller, Reply, TestServer, check_refused};

/// Publishes `user.created` for even and `user.deleted` for odd numbers, one request each; their ids.
async fn publish(caller: &Caller<'_>, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let name = if n % 2 == 0 { "user.created" } else { "user.deleted" };
        let stored = caller.post("/v1/events", json!({"event": name, "data": {"n": n}})).await;
        assert_eq!((stored.status.as_u16(), &stored.body["status"]), (201, &json!("stored")), "{stored:?}");
        ids.push(stored.body["id"].as_str().unwrap().to_owned());
    }
    ids
}

fn cursors(reply: &Reply) -> (Option<&str>, Option<&str>) {
    assert_eq!(reply.body["list_metadata"], reply.body["listMetadata"]);
    (reply.body["list_metadata"]["before"].as_str(), reply.body["list_metadata"]["after"].as_str())
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_published() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let data = json!({"id": "user_1", "name": null, "nested": {"list": [1, "ü", {}]}, "ratio": 0.5});
    let context =
        json!({"actor": {"id": "admin", "source": "dashboard", "name": null}, "client_id": "c", "previous_attributes": {"a": 1}});
    let new = json!({"event": "my_app.user.created", "data": data, "organization_id": organization, "context": context,
        "mirrored_from": {"id": "event_x", "created_at": "2026-01-15T12:00:00.123Z"}});
    let stored = server.caller().post("/v1/events", new).await;
    assert_eq!(stored.status, 201, "{stored:?}");
    let page = server.caller().get("/events?events=my_app.user.created").await;
    let event = &page.body["data"][0];
    let mut expected = context;
    expected["mirrored_from"] = json!({"id": "event_x", "created_at": "2026-01-15T12:00:00.123Z"});
    assert_eq!((&event["data"], &event["context"], &event["id"]), (&data, &expected, &stored.body["id"]));
    assert_eq!((&event["object"], &event["event"]), (&json!("event"), &json!("my_app.user.created")));
    assert_eq!(event["created_at"].as_str().unwrap().len(), "2026-01-15T12:00:00.000Z".len());
    assert_eq!((page.ids().len(), cursors(&page)), (1, (None, None)));
    server.stop().await;
}

#[tokio::test]
async fn without_names_it_is_the_refusal_that_clients_know() {
    let server = TestServer::start().await;
    let body = json!({
        "message": "One or more event names (e.g. dsync.user.created) must be provided using the events parameter.",
        "code": "invalid_events_request"
    });
    for query in ["?events=", "?events[]=&organization_id=", "?range_start=2026-01-01&events=,"] {
        check_refused(&server.caller().get(&format!("/events{query}")).await, 400, body.clone());
    }
    server.stop().await;
}

#[tokio::test]
async fn every_encoding_of_the_names_gives_the_same_page() {
    let server = TestServer::start().await;
    let ids = publish(&server.caller(), 4).await;
    for query in [
        "events=user.created%2Cuser.deleted",
        "events=user.created,user.deleted",
        "events=user.created&events=user.deleted",
        "events[]=user.created&events[]=user.deleted",
        "events%5B%5D=user.created&events%5B%5D=user.deleted&limit=10",
        "events=user.deleted,nobody.published,user.created,,user.deleted",
        "events=*",
        "events=*,user.created",
        "events=user.created,user.deleted&after=&before&range_start=&rangeEnd&organization_id=&order=",
    ] {
        assert_eq!(server.caller().get(&format!("/events?{query}")).await.ids(), ids, "{query}");
    }
    assert_eq!(server.caller().get("/events?events=user.deleted").await.ids(), [&ids[1], &ids[3]]);
    for name in EVENT_NAMES.iter().chain(DEPRECATED_EVENT_NAMES.iter().map(|(name, _)| name)) {
        assert_eq!(server.caller().get(&format!("/events?events={name}")).await.status, 200, "{name}");
    }
    let all = server.caller().get(&format!("/events?events={}", EVENT_NAMES.join(","))).await;
    assert_eq!(all.ids(), ids);
    server.stop().await;
}

/// Newer clients send an order that nobody asked for; consumers must not start to go backwards.
#[tokio::test]
async fn the_order_has_no_effect_and_after_walks_to_newer_events() {
    let server = TestServer::start().await;
    let ids = publish(&server.caller(), 5).await;
    for order in ["", "&order=desc", "&order=asc", "&order=normal", "&order=Order.Desc", "&order=sideways"] {
        let first = server.caller().get(&format!("/events?events=*&limit=2{order}")).await;
        assert_eq!((first.ids(), cursors(&first)), (vec![ids[0].as_str(), &ids[1]], (None, Some(ids[1].as_str()))), "{order}");
        let second = server.caller().get(&format!("/events?events=*&limit=2{order}&after={}", ids[1])).await;
        assert_eq!(second.ids(), [&ids[2], &ids[3]], "{order}");
        assert_eq!(cursors(&second), (Some(ids[2].as_str()), Some(ids[3].as_str())), "{order}");
        let last = server.caller().get(&format!("/events?events=*&limit=2{order}&after={}", ids[3])).await;
        assert_eq!((last.ids(), cursors(&last)), (vec![ids[4].as_str()], (Some(ids[4].as_str()), None)), "{order}");
        let head = server.caller().get(&format!("/events?events=*&limit=2{order}&after={}", ids[4])).await;
        assert_eq!((head.ids().len(), cursors(&head)), (0, (None, None)), "{order}");
        assert!(head.body["list_metadata"]["after"].is_null() && head.body["list_metadata"]["before"].is_null());
    }
    server.stop().await;
}

#[tokio::test]
async fn by_the_specification_the_order_counts() {
    let server = TestServer::start_with(Config { events_order: EventsOrder::Spec, ..Config::default() }).await;
    let ids = publish(&server.caller(), 4).await;
    let get = async |query: &str| {
        let reply = server.caller().get(&format!("/events?events=*&limit=2{query}")).await;
        let (before, after) = cursors(&reply);
        let place = |id: &str| ids.iter().position(|known| known == id).unwrap();
        (reply.ids().into_iter().map(place).collect::<Vec<_>>(), before.map(place), after.map(place))
    };
    assert_eq!(get("").await, (vec![3, 2], None, Some(2)));
    assert_eq!(get(&format!("&order=desc&after={}", ids[2])).await, (vec![1, 0], Some(1), None));
    assert_eq!(get("&order=asc").await, (vec![0, 1], None, Some(1)));
    assert_eq!(get("&order=normal").await, (vec![3, 2], Some(2), None));
    assert_eq!(get(&format!("&order=normal&before={}", ids[2])).await, (vec![1, 0], None, Some(1)));
    assert_eq!(server.caller().get("/events?events=*&order=sideways").await.status, 422);
    server.stop().await;
}

#[tokio::test]
async fn cursors_are_positions_and_narrow_from_both_sides() {
    let server = TestServer::start().await;
    let ids = publish(&server.caller(), 5).await;
    let get = async |query: String| server.caller().get(&format!("/events?events=*{query}")).await;
    let page = get(format!("&limit=2&before={}", ids[3])).await;
    assert_eq!((page.ids(), cursors(&page)), (vec![ids[1].as_str(), &ids[2]], (Some(ids[1].as_str()), Some(ids[2].as_str()))));
    assert_eq!(get(format!("&after={}&before={}", ids[0], ids[4])).await.ids(), ids[1..4]);
    assert_eq!(get(format!("&after={}&before={}", ids[4], ids[0])).await.ids(), [""; 0]);
    // Cursors that no event has, older and newer than all: consumers keep theirs for longer than events are kept.
    let (oldest, newest) = ("event_00000000000000000000000001", "event_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    assert_eq!(get(format!("&after={oldest}")).await.ids(), ids);
    assert_eq!(get(format!("&before={newest}")).await.ids(), ids);
    assert_eq!(get(format!("&after={newest}")).await.ids(), [""; 0]);
    for cursor in [ids[0].replace("event_", "org_"), ids[0].replace("event_", ""), "event_1".to_owned(), "%00".to_owned()] {
        for side in ["after", "before"] {
            let refused = get(format!("&{side}={cursor}")).await;
            assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["field"]), (422, &json!(side)), "{cursor}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn ranges_compare_the_time_that_answers_show() {
    let server = TestServer::start().await;
    let first = publish(&server.caller(), 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let second = publish(&server.caller(), 1).await;
    let page = server.caller().get("/events?events=*").await;
    let times: Vec<_> = page.body["data"].as_array().unwrap().iter().map(|event| event["created_at"].as_str().unwrap()).collect();
    let (one, two) = (times[0], times[1]);
    let both = [first[0].as_str(), second[0].as_str()];
    for (query, expected) in [
        (format!("range_start={one}&range_end={one}"), &both[..1]),
        (format!("range_start={two}"), &both[1..]),
        (format!("rangeStart={two}"), &both[1..]),
        (format!("range_end={one}"), &both[..1]),
        (format!("rangeEnd={one}"), &both[..1]),
        (format!("rangeStart={one}&rangeEnd={two}"), &both[..]),
        (format!("range_start={one}&after={}", both[0]), &both[1..]),
        (format!("range_start={}", one.replace('Z', "%2B00:00")), &both[..]),
        ("range_start=2000-01-01&range_end=2000-01-02".to_owned(), &both[..0]),
        (format!("range_start={two}&range_end={one}"), &both[..0]),
    ] {
        assert_eq!(server.caller().get(&format!("/events?events=*&{query}")).await.ids(), expected, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let server = TestServer::start().await;
    for (query, field) in [
        ("events=user", "events"),
        ("events=User.Created", "events"),
        ("events=user.*", "events"),
        ("events=user.created,%00", "events"),
        ("events=*&limit=0", "limit"),
        ("events=*&limit=101", "limit"),
        ("events=*&limit=x", "limit"),
        ("events=*&range_start=soon", "range_start"),
        ("events=*&rangeEnd=soon", "rangeEnd"),
        ("events=*&organization_id=foo", "organization_id"),
    ] {
        let refused = server.caller().get(&format!("/events?{query}")).await;
        assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["field"]), (422, &json!(field)), "{query}: {refused:?}");
    }
    let many: Vec<_> = (0..1001).map(|n| format!("a.b{n}")).collect();
    assert_eq!(server.caller().get(&format!("/events?events={}", many.join(","))).await.status, 422);
    server.stop().await;
}

#[tokio::test]
async fn events_are_filtered_by_organization_and_kept_within_their_environment() {
    let server = TestServer::start().await;
    let (foo, bar) = (server.organization("Foo").await, server.organization("Bar").await);
    for organization in [Some(&foo), Some(&bar), None] {
        let new = json!({"event": "a.b", "data": {}, "organization_id": organization});
        assert_eq!(server.caller().post("/v1/events", new).await.status, 201);
    }
    let count = async |query: &str| server.caller().get(&format!("/events?events=a.b&{query}")).await.ids().len();
    assert_eq!((count("").await, count(&format!("organization_id={foo}")).await), (3, 1));
    assert_eq!(count("organization_id=org_01EHWNCE74X7JSDV0X3SZ3KJNY").await, 0);
    let (_, key) = server.engine.create_environment("other").await.unwrap();
    let other = server.with_key(key.expose());
    assert_eq!(other.get("/events?events=*").await.ids(), [""; 0]);
    let refused = other.post("/v1/events", json!({"event": "a.b", "data": {}, "organization_id": foo})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (404, &json!("entity_not_found")));
    server.stop().await;
}

#[tokio::test]
async fn a_key_publishes_once() {
    let server = TestServer::start().await;
    let one = json!({"event": "a.b", "data": {"x": 1, "y": 2}, "idempotency_key": "k"});
    let same = r#"{"idempotency_key":"k","data":{"y":2.0,"x":1},"event":"a.b"}"#;
    assert_eq!(server.caller().post("/v1/events", one).await.status, 201);
    let replayed = server.caller().post_text("/v1/events", same).await;
    check_refused(&replayed, 200, json!({"status": "replayed"}));
    for changed in [
        json!({"event": "a.c", "data": {"x": 1, "y": 2}, "idempotency_key": "k"}),
        json!({"event": "a.b", "data": {"x": 1, "y": 3}, "idempotency_key": "k"}),
        json!({"event": "a.b", "data": {"x": 1, "y": 2}, "idempotency_key": "k", "context": {}}),
        json!({"event": "a.b", "data": {"x": 1, "y": 2}, "idempotency_key": "k", "mirrored_from": {"id": "e", "created_at": "2026-01-01"}}),
    ] {
        let refused = server.caller().post("/v1/events", changed).await;
        let message =
            "Another idempotency key (k) with different request parameters was found. Please use a different idempotency key.";
        check_refused(&refused, 400, json!({"message": message}));
    }
    // The header's key is the same space; the item's own key goes before it.
    let by_header = server.caller().header("idempotency-key", "k").post_text("/v1/events", same).await;
    assert_eq!(by_header.status, 200);
    let header = server.caller().header("idempotency-key", "batch");
    let items = json!([{"event": "a.b", "data": {"n": 0}}, {"event": "a.b", "data": {"n": 1}, "idempotency_key": "own"}]);
    let status =
        |reply: &Reply| reply.body["results"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect::<Vec<_>>();
    let first = header.post("/v1/events", items.clone()).await;
    assert_eq!((first.status.as_u16(), status(&first)), (201, vec![json!("stored"), json!("stored")]));
    let second = header.post("/v1/events", items).await;
    assert_eq!((second.status.as_u16(), status(&second)), (201, vec![json!("replayed"), json!("replayed")]));
    for key in ["batch/0", "own"] {
        let n = i32::from(key == "own");
        let again = json!({"event": "a.b", "data": {"n": n}, "idempotency_key": key});
        assert_eq!(server.caller().post("/v1/events", again).await.status, 200, "{key}");
    }
    assert_eq!(server.caller().get("/events?events=a.b").await.ids().len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn an_array_is_published_whole_or_not_at_all() {
    let server = TestServer::start().await;
    let good = |n: usize| json!({"event": "a.b", "data": {"n": n}});
    let published = server.caller().post("/v1/events", json!([good(0), good(1), good(2)])).await;
    let ids: Vec<_> = published.body["results"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!((published.status.as_u16(), server.caller().get("/events?events=*").await.ids()), (201, ids.clone()));
    let wrong = server.caller().post("/v1/events", json!([good(3), good(4), {"event": "A", "data": {}}, {"event": "a.b"}])).await;
    let fields: Vec<_> = wrong.body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!((wrong.status.as_u16(), fields), (422, vec!["2.event", "3.data"]));
    let unknown = json!({"event": "a.b", "data": {}, "organization_id": "org_01EHWNCE74X7JSDV0X3SZ3KJNY"});
    assert_eq!(server.caller().post("/v1/events", json!([good(3), unknown])).await.status, 404);
    let keyed = |key: &str, n: usize| json!({"event": "a.b", "data": {"n": n}, "idempotency_key": key});
    let reused = server.caller().post("/v1/events", json!([keyed("x", 1), keyed("y", 2), keyed("x", 3)])).await;
    assert_eq!(reused.status, 400, "{reused:?}");
    assert!(reused.message().contains("(x)"), "{reused:?}");
    assert_eq!(server.caller().get("/events?events=*").await.ids(), ids);
    assert_eq!(server.caller().post("/v1/events", json!([keyed("x", 1), keyed("y", 2), keyed("x", 1)])).await.status, 201);
    assert_eq!(server.caller().get("/events?events=*").await.ids().len(), ids.len() + 2);
    for (body, status) in [("[]", 422), ("5", 422), ("", 422), ("{", 400), (r#"[{"event":"a.b","data":{},"data":{}}]"#, 400)] {
        assert_eq!(server.caller().post_text("/v1/events", body).await.status, status, "{body}");
    }
    let many: Vec<Value> = (0..1001).map(good).collect();
    assert_eq!(server.caller().post("/v1/events", many.into()).await.status, 422);
    server.stop().await;
}
