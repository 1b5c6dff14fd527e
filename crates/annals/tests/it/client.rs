//! The Rust client and the server, against each other.

use std::time::Duration;

use annals_client::wire::{
    Actor, AuditEvent, BatchItem, BatchResult, CreateApiKey, CreateExport, CreateOrganization, CreateSchema, CreateTrailEvent,
    ExportState, Organization, PublishEvent, Receipt, Target, UpdateOrganization,
};
use annals_client::{
    Client, Error, EventQuery, ExportFailed, ObjectText, OrganizationQuery, Paging, TrailQuery, event_names, wire,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

use crate::server::{KEY, Server};

/// A server of its own, with one action and one organization.
struct World {
    _folder: tempfile::TempDir,
    server: Server,
    client: Client,
    organization: Organization,
}

const ACTION: &str = "user.signed_in";

fn client(server: &Server, key: &str) -> Client {
    Client::builder().api_key(key).base_url(&server.url).build().expect("a client")
}

fn schema() -> CreateSchema {
    CreateSchema::of_targets(["team"])
}

fn named(name: &str) -> CreateOrganization {
    CreateOrganization { name: name.to_owned(), ..CreateOrganization::default() }
}

fn time(text: &str) -> wire::Moment {
    wire::Moment(text.parse().expect("a time"))
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("temp folder");
        let server = Server::start(&folder.path().join("data"), &[]);
        let client = client(&server, KEY);
        client.schemas().create(ACTION, &schema()).await.expect("a schema");
        let organization = client.organizations().create(&named("Acme")).await.expect("an organization");
        Self { _folder: folder, server, client, organization }
    }

    fn event(&self, actor: &str) -> AuditEvent {
        AuditEvent::new(ACTION, annals_client::now(), Actor::new("user", actor)).target(Target::new("team", "t")).location("::1")
    }
}

#[tokio::test]
async fn organizations_from_their_making_to_their_end() {
    let world = World::new().await;
    let organizations = world.client.organizations();
    let new = CreateOrganization { external_id: Some("ext/1".to_owned()), ..named("Foo Corp") };
    let made = organizations.clone().idempotency_key("k").create(&new).await.expect("made");
    let again = organizations.clone().idempotency_key("k").create(&new).await.expect("replayed");
    assert_eq!(made, again);
    assert_eq!(organizations.get(&made.id).await.expect("found"), made);
    assert_eq!(organizations.get_by_external_id("ext/1").await.expect("found"), made);
    let change = UpdateOrganization { name: Some("Foo".to_owned()), external_id: Some(None), ..UpdateOrganization::default() };
    let changed = organizations.update(&made.id, &change).await.expect("changed");
    assert_eq!((changed.name.as_str(), changed.external_id), ("Foo", None));

    let query = OrganizationQuery { paging: Paging { limit: Some(1), ..Paging::default() }, ..OrganizationQuery::default() };
    let all: Vec<_> = organizations.list_all(query.clone()).map_ok(|one| one.id).try_collect().await.expect("all of them");
    assert_eq!(all, [made.id.clone(), world.organization.id.clone()]);
    let page = organizations.list(&OrganizationQuery { search: Some("acme".to_owned()), ..query }).await.expect("a page");
    assert_eq!((page.items.len(), page.after), (1, None));

    organizations.delete(&made.id).await.expect("deleted");
    let gone = organizations.get(&made.id).await.expect_err("gone");
    assert!(matches!(&gone, Error::NotFound(refusal) if refusal.code.as_deref() == Some("entity_not_found")), "{gone}");
    let wrong = organizations.create(&named("")).await.expect_err("no name");
    let Error::Refused(refusal) = wrong else { panic!("{wrong}") };
    assert_eq!((refusal.status, refusal.fields[0].field.as_str()), (422, "name"));
    assert!(refusal.request_id.is_some());
}

#[tokio::test]
async fn events_are_recorded_once_and_refused_by_name() {
    let world = World::new().await;
    let events = world.client.audit_events();
    let event = world.event("u1").of(&world.organization.id);
    for _ in 0..2 {
        events.clone().idempotency_key("k").create(&event).await.expect("recorded");
    }
    events.create(&event).await.expect("recorded");
    let other = world.event("u2").of(&world.organization.id);
    let reused = events.clone().idempotency_key("k").create(&other).await.expect_err("the key was used");
    assert!(matches!(reused, Error::Refused(_)), "{reused}");

    let broken = AuditEvent { targets: Vec::new(), ..world.event("u1") }.of(&world.organization.id);
    let Err(Error::Refused(refusal)) = events.create(&broken).await else { panic!("must be refused") };
    assert_eq!(refusal.code.as_deref(), Some("invalid_audit_log_event"));
    assert_eq!(refusal.broken_rules[0].instance_path, "/targets");
    let nowhere = events.create(&world.event("u1").of("org_1")).await.expect_err("no such organization");
    assert!(matches!(nowhere, Error::NotFound(_)), "{nowhere}");

    assert_eq!(exported(&world).await.lines().count(), 3, "a header and two events");
}

/// The file of everything.
async fn exported(world: &World) -> String {
    let exports = world.client.exports();
    let new = CreateExport::new(&world.organization.id, time("1970-01-01"), time("2100-01-01"));
    let export = exports.create(&new).await.expect("an export");
    let ready = exports.wait_until_ready(&export.id, Duration::from_secs(30)).await.expect("a file");
    assert_eq!(ready.state, ExportState::Ready);
    let pieces: Vec<_> = exports.download(&ready).await.expect("a file").try_collect().await.expect("complete");
    String::from_utf8(pieces.concat()).expect("text")
}

#[tokio::test]
async fn exports_that_cannot_be() {
    let world = World::new().await;
    let missing = world.client.exports().wait_until_ready("audit_log_export_1", Duration::from_secs(5)).await;
    assert!(matches!(missing, Err(ExportFailed::Request(Error::NotFound(_)))), "{missing:?}");
    let altered = wire::Export {
        object: Default::default(),
        id: "audit_log_export_01EHWNCE74X7JSDV0X3SZ3KJNY".to_owned(),
        state: ExportState::Ready,
        url: Some(format!(
            "{}/audit_logs/exports/audit_log_export_01EHWNCE74X7JSDV0X3SZ3KJNY/download?expires=1&nonce=a&signature=b",
            world.server.url
        )),
        created_at: wire::Timestamp(time("2026-01-01").0),
        updated_at: wire::Timestamp(time("2026-01-01").0),
    };
    let refused = world.client.exports().download(&altered).await.err().expect("refused");
    assert!(matches!(refused, Error::Unauthorized(_)), "{refused}");
}

#[tokio::test]
async fn schemas_have_versions() {
    let world = World::new().await;
    let schemas = world.client.schemas();
    assert_eq!(schemas.create(ACTION, &schema()).await.expect("a version").version, 2);
    let paging = Paging { limit: Some(1), ..Paging::default() };
    let versions: Vec<_> =
        schemas.list_all(ACTION, paging.clone()).map_ok(|schema| schema.version).try_collect().await.expect("all");
    assert_eq!(versions, [2, 1]);
    let actions: Vec<_> = schemas.list_all_actions(paging).map_ok(|action| action.name).try_collect().await.expect("all");
    assert_eq!(actions, [ACTION]);
    let nothing = schemas.list("no.such", &Paging::default()).await.expect_err("no such action");
    assert!(matches!(nothing, Error::NotFound(_)), "{nothing}");
}

#[tokio::test]
async fn keys_and_retention_of_an_organization() {
    let world = World::new().await;
    let (keys, id) = (world.client.api_keys(), world.organization.id.as_str());
    let new = CreateApiKey::new("theirs");
    let made = keys.create(id, &new).await.expect("a key");
    assert_eq!(keys.validate(&made.value).await.expect("an answer").map(|key| key.id), Some(made.key.id.clone()));
    assert_eq!(keys.validate("sk_nobodys_key").await.expect("an answer"), None);
    let listed: Vec<_> = keys.list_all(id, Paging::default()).map_ok(|key| key.id).try_collect().await.expect("all");
    assert_eq!(listed, [made.key.id.clone()]);

    let theirs = client(&world.server, &made.value);
    theirs.audit_events().create(&world.event("u").of(id)).await.expect("recorded");
    let forbidden = theirs.organizations().delete(id).await.expect_err("an environment's matter");
    assert!(matches!(forbidden, Error::Unauthorized(_)), "{forbidden}");
    keys.expire(&made.key.id, None).await.expect("expired");
    let expired = theirs.audit_events().create(&world.event("u").of(id)).await.expect_err("expired");
    assert!(matches!(expired, Error::Unauthorized(_)), "{expired}");
    keys.delete(&made.key.id).await.expect("deleted");

    let retention = world.client.retention();
    assert_eq!(retention.get(id).await.expect("an answer"), None);
    assert_eq!(retention.set(id, 90).await.expect("set"), Some(90));
    assert_eq!(retention.configuration(id).await.expect("an answer").retention_period_in_days, 90);
    assert!(matches!(retention.set(id, 31).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn a_restart_is_waited_for() {
    let world = World::new().await;
    let World { _folder: folder, server, organization, .. } = world;
    let address = server.url.strip_prefix("http://").expect("an address").to_owned();
    let patient = Client::builder().api_key(KEY).base_url(&server.url).retries(100).build();
    let client = patient.expect("a client");
    server.kill();
    let getting = tokio::spawn(async move { client.organizations().get(&organization.id).await });
    let data = folder.path().join("data");
    let start = move || Server::start_at(&address, &data, &[]);
    let server = tokio::task::spawn_blocking(start).await.expect("started");
    getting.await.expect("no panic").expect("an answer");
    drop(server);
}

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
async fn a_batch_says_what_became_of_each_item() {
    let world = World::new().await;
    let (events, id) = (world.client.audit_events(), world.organization.id.as_str());
    let good = BatchItem::from(world.event("u1").of(id)).idempotency_key("k");
    let unknown = BatchItem::from(world.event("u2").of("org_1"));
    let wrong = BatchItem::from(AuditEvent { targets: Vec::new(), ..world.event("u3") }.of(id));
    let imported = AuditEvent { action: "elsewhere.done".to_owned(), ..world.event("u4") }.of(id);
    let imported = BatchItem::from(imported).imported("workos", Some("evt_1".to_owned()));
    let items = [good.clone(), unknown, wrong, imported];

    let answer = events.batch_all_or_none(&items).await.expect("an answer");
    assert_eq!((answer.stored, answer.refused), (0, 2), "{answer:?}");
    assert_eq!((&answer.results[0], &answer.results[3]), (&BatchResult::NotStored, &BatchResult::NotStored));
    let answer = events.batch(&items).await.expect("an answer");
    assert_eq!((answer.stored, answer.replayed, answer.refused), (2, 0, 2), "{answer:?}");
    let status = |result: &BatchResult| match result {
        BatchResult::Refused(refused) => refused.http_status,
        _ => 0,
    };
    assert_eq!(answer.results.iter().map(status).collect::<Vec<_>>(), [0, 404, 400, 0]);

    // The same lines again are known by their keys; a torn one is refused by itself.
    let line = serde_json::to_string(&good).expect("JSON");
    let answer = events.batch_lines(format!("{line}\n\n{{\"organization_id\n").into()).await.expect("an answer");
    assert_eq!((answer.replayed, answer.refused), (1, 1), "{answer:?}");
    assert!(matches!(events.batch_lines("{}".into()).await, Ok(answer) if answer.refused == 1));
    // The key of the whole request counts for each item that has none.
    let keyless = [BatchItem::from(world.event("u5").of(id))];
    for (stored, replayed) in [(1, 0), (0, 1)] {
        let answer = events.clone().idempotency_key("whole").batch(&keyless).await.expect("an answer");
        assert_eq!((answer.stored, answer.replayed), (stored, replayed));
    }
    assert_eq!(exported(&world).await.lines().count(), 4, "a header and three events");
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
