//! Lists, counts, and the live stream.

use std::time::Duration;

use annals_client::wire::{Actor, AuditEvent, CreateApiKey, Target};
use annals_client::{AuditEventFilter, AuditEventQuery, Error, GroupBy, Interval, Order, Paging, StatsQuery, wire};
use futures::{StreamExt, TryStreamExt};

use super::{ACTION, World, client, named, time};
use crate::server::Server;

fn of_actions(actions: &[&str], order: Order) -> AuditEventQuery {
    let filter = AuditEventFilter { actions: actions.iter().map(|&action| action.to_owned()).collect(), ..Default::default() };
    AuditEventQuery { filter, paging: Paging { limit: Some(2), order: Some(order), ..Paging::default() } }
}

#[tokio::test]
async fn events_are_listed_read_and_counted() {
    let world = World::new().await;
    let (events, id) = (world.client.audit_events(), world.organization.id.as_str());
    for actor in ["u0", "u1", "u2", "u3"] {
        events.create(&world.event(actor).metadata("n", "a=b, c").of(id)).await.expect("recorded");
    }
    let actors = |events: Vec<wire::AuditLogEvent>| events.into_iter().map(|event| event.actor.id).collect::<Vec<_>>();
    let newest = events.list_all(of_actions(&["user.*"], Order::Desc)).try_collect().await.expect("all of them");
    assert_eq!(actors(newest), ["u3", "u2", "u1", "u0"]);
    let oldest: Vec<_> = events.list_all(of_actions(&[ACTION], Order::Asc)).try_collect().await.expect("all of them");
    assert_eq!(oldest.iter().map(|event| event.seq).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(events.get(&oldest[2].id).await.expect("found"), oldest[2]);
    assert_eq!(oldest[2].metadata["n"], "a=b, c");
    assert!(events.list(&of_actions(&["other.*"], Order::Desc)).await.expect("a page").items.is_empty());

    let page = events.list(&of_actions(&[], Order::Desc)).await.expect("a page");
    let mut second = of_actions(&[], Order::Desc);
    second.paging.after = page.after;
    let page = events.list(&second).await.expect("a page");
    assert_eq!((actors(page.items), page.after), (vec!["u1".to_owned(), "u0".to_owned()], None));
    second.filter.actions = vec![ACTION.to_owned()];
    let wrong = events.list(&second).await.expect_err("a cursor of another list");
    assert_eq!(wrong.refusal().and_then(|refusal| refusal.code.as_deref()), Some("invalid_cursor"));

    let narrow = AuditEventFilter {
        organization_id: Some(id.to_owned()),
        actor_ids: vec!["u1".to_owned(), "u2".to_owned()],
        target_types: vec!["team".to_owned()],
        locations: vec!["::1".to_owned()],
        received_at_min: Some(time("2020-01-01")),
        metadata: vec![("n".to_owned(), "a=b, c".to_owned())],
        search: Some("A=B".to_owned()),
        ..AuditEventFilter::default()
    };
    let query = AuditEventQuery { filter: narrow.clone(), ..AuditEventQuery::default() };
    assert_eq!(actors(events.list(&query).await.expect("a page").items), ["u2", "u1"]);
    let stats = StatsQuery { filter: narrow, group_by: Some(GroupBy::Actor), interval: Interval::Hour, ..Default::default() };
    let stats = events.stats(&stats).await.expect("counts");
    assert_eq!((stats.total, stats.groups.len(), stats.other), (2, 2, 0));

    let key = world.client.api_keys().create(id, &CreateApiKey::new("theirs")).await.expect("a key");
    let other = world.client.organizations().create(&named("Other")).await.expect("an organization");
    let theirs = client(&world.server, &key.value).audit_events();
    assert_eq!(theirs.list(&AuditEventQuery::default()).await.expect("a page").items.len(), 4);
    let foreign = AuditEventFilter { organization_id: Some(other.id), ..AuditEventFilter::default() };
    let hidden = theirs.list(&AuditEventQuery { filter: foreign, ..Default::default() }).await.expect_err("not theirs");
    assert!(matches!(hidden, Error::NotFound(_)), "{hidden}");
}

#[tokio::test]
async fn a_tail_outlasts_the_server() {
    let world = World::new().await;
    let World { _folder: folder, server, client, organization } = world;
    let event = |actor: &str| {
        AuditEvent::new(ACTION, annals_client::now(), Actor::new("user", actor))
            .target(Target::new("team", "t"))
            .of(&organization.id)
    };
    let events = client.audit_events();
    let tail = events.tail(AuditEventFilter { actions: vec!["user.*".to_owned()], ..Default::default() }).await;
    let mut tail = tail.expect("connected");
    let mut next = async || {
        let event = tokio::time::timeout(Duration::from_secs(30), tail.next()).await.expect("in time");
        event.expect("no end").expect("an event")
    };
    let address = server.url.strip_prefix("http://").expect("an address").to_owned();
    let data = folder.path().join("data");
    let restart = |server: Server| {
        server.kill();
        let (address, data) = (address.clone(), data.clone());
        tokio::task::spawn_blocking(move || Server::start_at(&address, &data, &[]))
    };
    // Lost before anything was seen: what is recorded meanwhile is not missed.
    let server = restart(server).await.expect("started");
    for actor in ["u0", "u1"] {
        events.create(&event(actor)).await.expect("recorded");
    }
    assert_eq!((next().await.actor.id, next().await.actor.id), ("u0".to_owned(), "u1".to_owned()));
    events.create(&event("u2")).await.expect("recorded");
    let seen = next().await;
    // Lost behind an event.
    let server = restart(server).await.expect("started");
    for actor in ["u3", "u4"] {
        events.create(&event(actor)).await.expect("recorded");
    }
    assert_eq!((next().await.actor.id, next().await.actor.id), ("u3".to_owned(), "u4".to_owned()));

    let again = events.tail_after(AuditEventFilter::default(), &seen.id).await.expect("connected");
    let again: Vec<_> = again.take(2).map_ok(|event| event.actor.id).try_collect().await.expect("events");
    assert_eq!(again, ["u3", "u4"]);
    let unknown = events.tail_after(AuditEventFilter::default(), "evt_01EHWNCE74X7JSDV0X3SZ3KJNY").await.expect_err("unknown");
    assert_eq!(unknown.refusal().and_then(|refusal| refusal.code.as_deref()), Some("unknown_event_id"));
    drop(server);
}
