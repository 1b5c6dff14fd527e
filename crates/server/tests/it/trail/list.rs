use annals_server::{Config, EventsSide};
use serde_json::{Value, json};

use super::{EVENTS, check_recorded, event};
use crate::server::{Caller, Reply, TestServer};

const OLD_CLIENT: &str = "workos-node/2.18.0";
const LEGACY: &str = "/legacy/events";

/// A server with these events, one for each actor `a0`, `a1` …; the other members are as given.
async fn server_with(events: &[Value]) -> TestServer {
    let server = TestServer::start().await;
    for (i, members) in events.iter().enumerate() {
        let mut body = event("foo-corp.com");
        body["actor_id"] = json!(format!("a{i}"));
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        check_recorded(&server.caller(), body).await;
    }
    server
}

/// The numbers of the events, as they are listed.
fn listed(reply: &Reply) -> Vec<usize> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let actors = reply.body["data"].as_array().unwrap().iter().map(|event| event["actor_id"].as_str().unwrap());
    actors.map(|actor| actor.strip_prefix('a').unwrap().parse().unwrap()).collect()
}

/// `before` and `after`, the same in both spellings.
fn cursors(reply: &Reply) -> (Option<String>, Option<String>) {
    assert_eq!(reply.body["list_metadata"], reply.body["listMetadata"], "{reply:?}");
    let cursor = |name: &str| reply.body["list_metadata"][name].as_str().map(str::to_owned);
    (cursor("before"), cursor("after"))
}

fn old_client(server: &TestServer) -> Caller<'_> {
    server.caller().header("user-agent", OLD_CLIENT)
}

#[tokio::test]
async fn an_event_is_shown_as_it_always_was() {
    let server = server_with(&[json!({"occurred_at": "2020-01-01T00:00:00-05:00", "metadata": {"n": 1}})]).await;
    let reply = old_client(&server).get(EVENTS).await;
    assert_eq!(listed(&reply), [0]);
    let shown = &reply.body["data"][0];
    let (id, environment) = (shown["id"].as_str().unwrap(), shown["action"]["environment_id"].as_str().unwrap());
    assert!(id.starts_with("evt_") && environment.starts_with("environment_"), "{reply:?}");
    let project = environment.replacen("environment", "project", 1);
    let expected = json!({
        "object": "event",
        "id": id,
        "group": "foo-corp.com",
        "location": "1.1.1.1",
        "latitude": null,
        "longitude": null,
        "type": "r",
        "event_type": "r",
        "actor_name": "Foo Bar",
        "actor_id": "a0",
        "target_name": "Directory",
        "target_id": "directory_1",
        "metadata": {"n": 1},
        "occurred_at": "2020-01-01T05:00:00.000Z",
        "action": {
            "object": "event_action",
            "id": "evt_action_1RZXRAPSYGZE774N34WF79XMVN",
            "name": "user.searched_directories",
            "client_id": project,
            "project_id": project,
            "environment_id": environment
        }
    });
    assert_eq!(shown, &expected);
    let cursors = json!({"before": null, "after": null});
    let all = json!({"object": "list", "data": [expected], "list_metadata": cursors, "listMetadata": cursors});
    assert_eq!(reply.body, all);
    server.stop().await;
}

#[tokio::test]
async fn pages_go_newest_first_and_before_is_older() {
    let events: Vec<_> = (0..25).map(|_| json!({})).collect();
    let server = server_with(&events).await;
    let caller = old_client(&server);
    let ids: Vec<_> = {
        let all = caller.get("/events?limit=100").await;
        assert_eq!((listed(&all), cursors(&all)), ((0..25).rev().collect(), (None, None)));
        all.ids().into_iter().rev().map(str::to_owned).collect()
    };
    let id = |n: usize| Some(ids[n].clone());
    let page = async |query: &str| {
        let reply = caller.get(&format!("/events?{query}")).await;
        (listed(&reply), cursors(&reply))
    };
    // The first page, then older ones, then back.
    assert_eq!(page("").await, ((15..25).rev().collect(), (id(15), None)));
    assert_eq!(page(&format!("before={}", ids[15])).await, ((5..15).rev().collect(), (id(5), id(14))));
    assert_eq!(page(&format!("before={}", ids[5])).await, ((0..5).rev().collect(), (None, id(4))));
    assert_eq!(page(&format!("after={}", ids[4])).await, ((5..15).rev().collect(), (id(5), id(14))));
    assert_eq!(page(&format!("after={}&limit=3", ids[23])).await, (vec![24], (id(24), None)));
    assert_eq!(page(&format!("after={}", ids[24])).await, (vec![], (None, None)));
    // Where the order is asked for, the cursors mean what they mean everywhere.
    assert_eq!(page("order=desc&limit=2").await, (vec![24, 23], (None, id(23))));
    assert_eq!(page(&format!("order=Order.Asc&limit=2&after={}", ids[1])).await, (vec![2, 3], (id(2), id(3))));
    for (query, field) in
        [("limit=0", "limit"), ("order=up", "order"), ("after=evt_1", "after"), ("occurred_at_gt=now", "occurred_at_gt")]
    {
        let reply = caller.get(&format!("/events?{query}")).await;
        assert_eq!((reply.status.as_u16(), &reply.body["errors"][0]["field"]), (422, &json!(field)), "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_filter_selects() {
    let server = server_with(&[
        json!({}),
        json!({"group": "Bar, Inc.", "action": "user.*"}),
        json!({"action": "user.left", "action_type": "d", "actor_name": "Ann, Ben"}),
        json!({"target_name": "Door", "target_id": "door_1", "location": "Moon"}),
        json!({"occurred_at": "2021-06-01T12:00:00.123456Z", "metadata": {"note": "Strange"}}),
    ])
    .await;
    // An ordinary audit event is not one of this API.
    let organization = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    assert_eq!(server.caller().post("/audit_logs/events", crate::server::event(&organization)).await.status, 200);
    for (query, expected) in [
        ("group=foo-corp.com", vec![4, 3, 2, 0]),
        ("group[]=Bar,%20Inc.", vec![1]),
        ("group%5B%5D=Bar%2C+Inc.&group%5B%5D=none", vec![1]),
        ("group=bar, inc.", vec![]),
        ("action=user.*", vec![1]),
        ("action=user.left&action=user.*", vec![2, 1]),
        ("action_type=D", vec![2]),
        ("action_type=r&action_type=d", vec![4, 3, 2, 1, 0]),
        ("action_type[]=c", vec![]),
        ("actor_name=Ann,%20Ben", vec![2]),
        ("actor_name=Ann", vec![]),
        ("actor_id=a3&actor_id=a1", vec![3, 1]),
        ("target_name=Door", vec![3]),
        ("target_id[]=door_1&target_id[]=directory_1", vec![4, 3, 2, 1, 0]),
        ("target_id=door_1&action_type=D", vec![]),
        ("occurred_at=2021-06-01T12:00:00.123Z", vec![4]),
        ("occurred_at=2021-06-01T12:00:00.124Z", vec![]),
        ("occurred_at=2020-01-01", vec![3, 2, 1, 0]),
        ("occurred_at_gt=2020-01-01", vec![4]),
        ("occurred_at_gte=2020-01-01T00:00:00", vec![4, 3, 2, 1, 0]),
        ("occurred_at_lt=2020-01-01", vec![]),
        ("occurred_at_lte=2019-12-31T19:00:00-05:00", vec![3, 2, 1, 0]),
        ("search=STRANGE", vec![4]),
        ("search=moon", vec![3]),
        ("search=moon&occurred_at_gt=2021-01-01", vec![]),
        ("group=&search=door_1&actor_id", vec![3]),
    ] {
        let any_client = server.caller().get(&format!("/events?{query}")).await;
        assert_eq!(listed(&any_client), expected, "{query}");
        assert_eq!(listed(&server.caller().get(&format!("{LEGACY}?{query}")).await), expected, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_organizations_key_sees_its_own_events_only() {
    let server = server_with(&[json!({}), json!({"group": "bar.com"})]).await;
    let organizations = server.caller().get("/organizations?order=asc").await;
    let (_, key) = server.organization_key(organizations.ids()[1]).await;
    let caller = server.with_key(&key);
    assert_eq!(listed(&caller.get(LEGACY).await), [1]);
    assert_eq!(listed(&caller.get("/events?group=foo-corp.com").await), [0; 0]);
    server.stop().await;
}

#[tokio::test]
async fn the_client_decides_which_api_answers() {
    let server = server_with(&[json!({})]).await;
    for agent in [OLD_CLIENT, "workos-go/v2.4.2", "WorkOS; ruby/2.7.2; x86_64-darwin19; v2.17.0", "WorkOS Python/1.5.0"] {
        let reply = server.caller().header("user-agent", agent).get("/events?limit=10").await;
        assert_eq!(listed(&reply), [0], "{agent}");
        check_is_feed(&server.caller().header("user-agent", agent).get("/events?limit=10&events=organization.created").await);
    }
    for agent in ["workos-node/7.0.0", "curl/8.5.0"] {
        let reply = server.caller().header("user-agent", agent).get("/events?limit=10").await;
        assert_eq!((reply.status.as_u16(), &reply.body["code"]), (400, &json!("invalid_events_request")), "{agent}");
    }
    let newest = old_client(&server).get(EVENTS).await.ids()[0].to_owned();
    assert_eq!(listed(&server.caller().get(&format!("/events?after={newest}")).await), [0; 0]);
    // The feed belongs to the environment.
    let (_, key) = server.organization_key(server.caller().get("/organizations").await.ids()[0]).await;
    assert_eq!(server.with_key(&key).get("/events?events=*").await.status, 403);
    server.stop().await;
}

fn check_is_feed(reply: &Reply) {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body["data"].as_array().unwrap().iter().all(|event| event["created_at"].is_string()), "{reply:?}");
}

#[tokio::test]
async fn the_operator_can_decide_for_all_clients() {
    for (events_side, group_status, names_status) in [(EventsSide::AuditTrail, 200, 200), (EventsSide::Events, 400, 200)] {
        let server = TestServer::start_with(Config { events_side, ..Config::default() }).await;
        check_recorded(&server.caller(), event("foo-corp.com")).await;
        assert_eq!(old_client(&server).get("/events?group=foo-corp.com").await.status, group_status, "{events_side:?}");
        let names = server.caller().get("/events?events=nobody.published").await;
        assert_eq!(names.status, names_status);
        let shown = if events_side == EventsSide::AuditTrail { 1 } else { 0 };
        assert_eq!(names.body["data"].as_array().unwrap().len(), shown, "{events_side:?}");
        assert_eq!(server.caller().get(LEGACY).await.ids().len(), 1);
        server.stop().await;
    }
}
