//! Organizations, schemas, keys and retention.

use annals_client::wire::{CreateApiKey, CreateOrganization, UpdateOrganization};
use annals_client::{Client, Error, OrganizationQuery, Paging};
use futures::TryStreamExt;

use super::{ACTION, World, client, named, schema};
use crate::server::{KEY, Server};

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
    assert_eq!(listed, std::slice::from_ref(&made.key.id));

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
