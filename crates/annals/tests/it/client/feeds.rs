//! The feed, the older API beside it, and the API-request log.

use std::time::Duration;

use annals_client::wire::{
    ApiRequestActor, ApiRequestActorType, CreateApiRequest, CreateTrailEvent, PublishEvent, Receipt, UpdateOrganization,
};
use annals_client::{ApiRequestQuery, Error, EventQuery, ObjectText, Order, Paging, SortField, TrailQuery, event_names, wire};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

use super::{World, time};

#[tokio::test]
async fn the_feed_is_published_listed_and_followed() {
    let world = World::new().await;
    let (events, id) = (world.client.events(), world.organization.id.as_str());
    let query = EventQuery::of([event_names::EVERY_NAME]);
    // The server tells of its own changes a moment after it has answered.
    let told = Box::pin(events.follow(query.clone(), Duration::from_millis(20))).next().await;
    assert_eq!(told.expect("no end").expect("an event").event, event_names::ORGANIZATION_CREATED);
    let object = |value: serde_json::Value| ObjectText::of_value(&value).expect("an object");
    let paid = |number: u32| {
        let name = "invoice.paid".parse().expect("a name");
        PublishEvent::new(name, object(json!({"number": number}))).of(id)
    };
    let Ok(Receipt::Stored { id: first }) = events.clone().idempotency_key("k").publish(&paid(0)).await else { panic!("stored") };
    assert_eq!(events.clone().idempotency_key("k").publish(&paid(0)).await.expect("an answer"), Receipt::Replayed);
    let receipts = events.publish_all(&[paid(1), paid(2).idempotency_key("k2")]).await.expect("stored");
    assert!(matches!(&receipts[..], [Receipt::Stored { .. }, Receipt::Stored { .. }]), "{receipts:?}");
    let nowhere = events.publish(&paid(3).of("org_1")).await.expect_err("no such organization");
    assert!(matches!(nowhere, Error::NotFound(_)), "{nowhere}");
    let nothing = events.list(&EventQuery::default()).await.expect_err("no names");
    assert_eq!(nothing.refusal().and_then(|refusal| refusal.code.as_deref()), Some("invalid_events_request"));

    let names = |events: Vec<wire::Event>| events.into_iter().map(|event| event.event).collect::<Vec<_>>();
    let all = names(events.list_all(query.clone()).try_collect().await.expect("all of them"));
    assert_eq!(all, ["organization.created", "invoice.paid", "invoice.paid", "invoice.paid"]);
    let page = events.list(&query.clone().after(&first)).await.expect("a page");
    assert_eq!((page.items.len(), page.after), (2, None));
    assert_eq!(page.items[0].data["number"], 1);

    // What a consumer sees that goes on where it left off, over new events.
    let followed = events.follow(query.after(&first), Duration::from_millis(20)).take(4);
    let publishing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        events.publish(&paid(3)).await.expect("stored");
        world.client.organizations().update(id, &UpdateOrganization { name: Some("B".to_owned()), ..Default::default() }).await
    };
    let (followed, updated) = tokio::join!(followed.try_collect::<Vec<_>>(), publishing);
    updated.expect("updated");
    assert_eq!(names(followed.expect("no end")), ["invoice.paid", "invoice.paid", "invoice.paid", "organization.updated"]);
}

#[tokio::test]
async fn the_older_api_beside_the_feed() {
    let world = World::new().await;
    let trail = world.client.audit_trail();
    let event = |actor: &str| CreateTrailEvent {
        group: "foo-corp.com, inc".to_owned(),
        action: "user.searched".to_owned(),
        action_type: "R".to_owned(),
        actor_name: "Jon, S".to_owned(),
        actor_id: actor.to_owned(),
        target_name: "Directory".to_owned(),
        target_id: "d".to_owned(),
        location: "::1".to_owned(),
        occurred_at: time("1969-01-01"),
        metadata: [("k".to_owned(), "v".into())].into(),
    };
    trail.clone().idempotency_key("k").create(&event("a")).await.expect("recorded");
    trail.clone().idempotency_key("k").create(&event("a")).await.expect("replayed");
    trail.create(&event("b")).await.expect("recorded");
    let query = TrailQuery { paging: Paging { limit: Some(1), ..Paging::default() }, ..TrailQuery::default() };
    let all: Vec<_> = trail.list_all(query).map_ok(|event| event.actor_id).try_collect().await.expect("all of them");
    assert_eq!(all, ["b", "a"]);
    let named = TrailQuery { actor_names: vec!["Jon, S".to_owned()], actor_ids: vec!["a".to_owned()], ..TrailQuery::default() };
    let page = trail.list(&named).await.expect("a page");
    assert_eq!((page.items.len(), page.items[0].kind.as_str(), page.items[0].group.as_str()), (1, "r", "foo-corp.com, inc"));
    let refused = trail.create(&CreateTrailEvent { action_type: "X".to_owned(), ..event("c") }).await.expect_err("no type");
    assert_eq!(refused.refusal().map(|refusal| refusal.fields[0].field.as_str()), Some("action_type"));
}

#[tokio::test]
async fn api_requests_are_published_and_found() {
    let world = World::new().await;
    let (requests, id) = (world.client.api_requests(), world.organization.id.as_str());
    let new = |status_code: u16| CreateApiRequest {
        action: "project.create".to_owned(),
        actor: ApiRequestActor { id: "u".to_owned(), name: None, kind: ApiRequestActorType::User },
        client_ip: "203.0.113.7".to_owned(),
        method: "POST".to_owned(),
        path: "/projects".to_owned(),
        status_code,
        user_agent: None,
        target: None,
        organization_id: Some(id.to_owned()),
        created_at: Some(time("2026-01-01")),
        idempotency_key: None,
    };
    let Ok(Receipt::Stored { id: first }) = requests.clone().idempotency_key("k").publish(&new(201)).await else {
        panic!("stored")
    };
    assert_eq!(requests.clone().idempotency_key("k").publish(&new(201)).await.expect("an answer"), Receipt::Replayed);
    assert_eq!(requests.publish_all(&[new(500), new(404)]).await.expect("stored").len(), 2);
    let Err(Error::Refused(refusal)) = requests.publish_all(&[new(200), new(99)]).await else { panic!("must be refused") };
    assert_eq!(refusal.fields[0].field, "1.status_code");

    assert_eq!(requests.get(&first).await.expect("found").status_code, 201);
    let query = ApiRequestQuery {
        action: Some("project.create".to_owned()),
        actor_type: Some(ApiRequestActorType::User),
        created_at_max: Some(time("2026-01-01")),
        path: Some("PROJ".to_owned()),
        status_code_min: Some(201),
        organization_id: Some(id.to_owned()),
        sort: vec![(SortField::StatusCode, Order::Desc), (SortField::CreatedAt, Order::Asc)],
        limit: Some(2),
        ..ApiRequestQuery::default()
    };
    let counted = requests.list(&query).await.expect("a page");
    assert_eq!((counted.total_count, counted.page.items.len()), (3, 2));
    let codes: Vec<_> = requests.list_all(query).map_ok(|one| one.status_code).try_collect().await.expect("all of them");
    assert_eq!(codes, [500, 404, 201]);
}
