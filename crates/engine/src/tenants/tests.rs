//! The verbs against a real database: who may, what is remembered, and for how long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annals_core::ids::{ApiKeyId, OrganizationId};
use annals_core::secret::ApiKeySecret;
use futures::future::join_all;
use serde_json::json;

use super::fixtures::{World, environment_scope, here};
use super::*;
use crate::clock::Clock;
use crate::page::{ListQuery, Order};
use crate::store::conformance::fixtures::{ELSEWHERE, HERE, environment};
use crate::store::{StoreError, unkept};

fn named(name: &str) -> NewOrganization {
    NewOrganization { name: name.to_owned(), ..NewOrganization::default() }
}

async fn organization(tenants: &Tenants) -> OrganizationId {
    tenants.create_organization(&here(), named("Foo"), &unkept).await.expect("created").id
}

async fn key(tenants: &Tenants, owner: OrganizationId) -> (ApiKey, ApiKeySecret) {
    let new = NewApiKey { name: "key".to_owned(), permissions: vec!["a".to_owned()], expires_at: None };
    tenants.create_api_key(&here(), owner, new).await.expect("created")
}

fn elsewhere() -> EnvironmentScope {
    environment_scope(ELSEWHERE).environment().expect("an environment's key")
}

fn page<Id>() -> ListQuery<Id> {
    ListQuery { limit: 10, before: None, after: None, order: Order::Desc }
}

#[tokio::test]
async fn a_key_opens_what_it_stands_for() {
    let world = World::new().await;
    let tenants = world.tenants();
    let owner = organization(&tenants).await;
    let (_, secret) = key(&tenants, owner).await;
    let scope = tenants.authenticate(secret.expose()).await.expect("answered").expect("known");
    assert_eq!(scope.environment_id(), environment(HERE));
    assert!(scope.environment().is_err());
    assert_eq!(tenants.organization_scope(&scope, owner).await.expect("its own").organization_id(), owner);
    let other = organization(&tenants).await;
    assert!(matches!(tenants.organization_scope(&scope, other).await, Err(OrganizationError::NotFound)));
    let first = ApiKeySecret::from_random([1; 32]);
    let scope = tenants.authenticate(first.expose()).await.expect("answered").expect("known");
    assert!(scope.environment().is_ok());
    for wrong in ["", "x", "sk_unknown_but_long_enough", "sk_\u{fc}", " "] {
        assert_eq!(tenants.authenticate(wrong).await.expect("answered"), None, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_remembered_key_expires_on_time() {
    let world = World::new().await;
    let tenants = world.tenants();
    let owner = organization(&tenants).await;
    let (created, secret) = key(&tenants, owner).await;
    assert!(tenants.authenticate(secret.expose()).await.expect("answered").is_some());
    let at = world.clock.now().saturating_add(Duration::from_secs(1));
    assert_eq!(tenants.expire_api_key(&here(), created.id, Some(at), &unkept).await.expect("set").expires_at, Some(at));
    assert!(tenants.authenticate(secret.expose()).await.expect("answered").is_some());
    world.clock.advance(Duration::from_micros(999_999));
    assert!(tenants.authenticate(secret.expose()).await.expect("answered").is_some());
    world.clock.advance(Duration::from_micros(1));
    assert!(tenants.authenticate(secret.expose()).await.expect("answered").is_none());
    assert!(matches!(tenants.expire_api_key(&here(), created.id, None, &unkept).await, Err(ApiKeyError::AlreadyExpired)));
}

#[tokio::test]
async fn expired_deleted_and_orphaned_keys_stop_at_once() {
    let world = World::new().await;
    let tenants = world.tenants();
    let owner = organization(&tenants).await;
    let (expired, deleted, orphaned) = (key(&tenants, owner).await, key(&tenants, owner).await, key(&tenants, owner).await);
    let works = async |key: &(ApiKey, ApiKeySecret)| tenants.authenticate(key.1.expose()).await.expect("answered").is_some();
    for key in [&expired, &deleted, &orphaned] {
        assert!(works(key).await);
    }
    tenants.expire_api_key(&here(), expired.0.id, None, &unkept).await.expect("expired");
    assert!(!works(&expired).await && works(&deleted).await);
    tenants.delete_api_key(&here(), deleted.0.id).await.expect("deleted");
    assert!(!works(&deleted).await && works(&orphaned).await);
    tenants.delete_organization(&here(), owner).await.expect("deleted");
    assert!(!works(&orphaned).await);
}

#[tokio::test]
async fn a_key_revoked_by_another_process_stops_within_seconds() {
    let world = World::new().await;
    let (tenants, other) = (world.tenants(), world.tenants());
    let owner = organization(&tenants).await;
    let (created, secret) = key(&tenants, owner).await;
    assert!(tenants.authenticate(secret.expose()).await.expect("answered").is_some());
    other.delete_api_key(&here(), created.id).await.expect("deleted");
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert!(tenants.authenticate(secret.expose()).await.expect("answered").is_none());
}

#[tokio::test]
async fn the_api_manages_organization_keys_of_its_environment_only() {
    let world = World::new().await;
    let tenants = world.tenants();
    let owner = organization(&tenants).await;
    let (created, secret) = key(&tenants, owner).await;
    let first = ApiKeySecret::from_random([1; 32]);
    let first_id = ApiKeyId::from_parts(1, 7);
    assert_eq!(tenants.validate_api_key(&here(), secret.expose()).await.expect("answered"), Some(created.clone()));
    assert_eq!(tenants.validate_api_key(&elsewhere(), secret.expose()).await.expect("answered"), None);
    assert_eq!(tenants.validate_api_key(&here(), first.expose()).await.expect("answered"), None);
    assert_eq!(tenants.validate_api_key(&here(), "nonsense").await.expect("answered"), None);
    for (scope, id) in [(here(), first_id), (here(), ApiKeyId::from_parts(9, 9)), (elsewhere(), created.id)] {
        assert!(matches!(tenants.delete_api_key(&scope, id).await, Err(ApiKeyError::NotFound)));
        assert!(matches!(tenants.expire_api_key(&scope, id, None, &unkept).await, Err(ApiKeyError::NotFound)));
    }
    assert_eq!(tenants.api_keys(&here(), owner, &page()).await.expect("a page").items, [created]);
    assert!(matches!(tenants.api_keys(&elsewhere(), owner, &page()).await, Err(OrganizationError::NotFound)));
    let new = NewApiKey { name: "x".to_owned(), permissions: Vec::new(), expires_at: None };
    assert!(matches!(tenants.create_api_key(&elsewhere(), owner, new).await, Err(OrganizationError::NotFound)));
}

#[tokio::test]
async fn last_use_is_written_down_when_asked() {
    let world = World::new().await;
    let tenants = world.tenants();
    let owner = organization(&tenants).await;
    let (created, secret) = key(&tenants, owner).await;
    let used = async || world.store.api_key(environment(HERE), created.id).await.expect("read").expect("there").key.last_used_at;
    tenants.authenticate(secret.expose()).await.expect("answered");
    world.clock.advance(Duration::from_secs(1));
    tenants.authenticate(secret.expose()).await.expect("answered");
    assert_eq!(used().await, None);
    tenants.flush_last_used().await.expect("flushed");
    assert_eq!(used().await, Some(world.clock.now()));
    tenants.flush_last_used().await.expect("nothing to do");
}

#[tokio::test]
async fn a_deleted_organization_is_gone_at_once() {
    let world = World::new().await;
    let tenants = world.tenants();
    let id = organization(&tenants).await;
    let scope = environment_scope(HERE);
    let rights = tenants.organization_scope(&scope, id).await.expect("there");
    assert!(tenants.organization_scope(&environment_scope(ELSEWHERE), id).await.is_err());
    tenants.delete_organization(&here(), id).await.expect("deleted");
    assert!(matches!(tenants.organization_scope(&scope, id).await, Err(OrganizationError::NotFound)));
    assert!(matches!(tenants.organization(&rights).await, Err(OrganizationError::NotFound)));
    assert!(matches!(tenants.delete_organization(&here(), id).await, Err(OrganizationError::NotFound)));
}

#[tokio::test]
async fn a_deletion_that_nobody_waits_for_is_not_forgotten() {
    let world = World::new().await;
    let tenants = world.tenants();
    let (scope, here) = (environment_scope(HERE), here());
    // Given up a little later each time, until it is not given up any more.
    for polls in 1_u32.. {
        let id = organization(&tenants).await;
        let rights = tenants.organization_scope(&scope, id).await.expect("there");
        let mut deleting = Box::pin(tenants.delete_organization(&here, id));
        let mut answered = false;
        for _ in 0..polls {
            answered = answered || futures::poll!(deleting.as_mut()).is_ready();
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        drop(deleting);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if matches!(tenants.organization(&rights).await, Err(OrganizationError::NotFound)) {
            let remembered = tenants.organization_scope(&scope, id).await;
            assert!(matches!(remembered, Err(OrganizationError::NotFound)), "given up after {polls} polls");
        }
        if answered {
            break;
        }
    }
}

#[tokio::test]
async fn what_is_taken_is_named() {
    let world = World::new().await;
    let tenants = world.tenants();
    let domain = |domain: &str| NewDomain { domain: domain.to_owned(), state: DomainState::Verified };
    let new = NewOrganization { domains: vec![domain("Foo.Example")], external_id: Some("e".to_owned()), ..named("Foo") };
    let created = tenants.create_organization(&here(), new.clone(), &unkept).await.expect("created");
    assert_eq!((created.domains[0].domain.as_str(), created.domains[0].strategy), ("foo.example", Some(DomainStrategy::Manual)));
    let refused = tenants.create_organization(&here(), new.clone(), &unkept).await;
    assert!(matches!(refused, Err(OrganizationError::ExternalIdTaken)), "{refused:?}");
    let refused = tenants
        .create_organization(&here(), NewOrganization { external_id: None, domains: vec![domain("FOO.example")], ..new }, &unkept)
        .await;
    assert!(matches!(&refused, Err(OrganizationError::DomainTaken { domain }) if domain == "foo.example"), "{refused:?}");
    let filter = OrganizationFilter { domains: vec!["FOO.EXAMPLE".to_owned()], search: None };
    assert_eq!(tenants.organizations(&here(), &page(), &filter).await.expect("a page").items, std::slice::from_ref(&created));
    let own_key = Scope { only: Some(OrganizationId::from_parts(1, 1)), ..environment_scope(HERE) };
    assert!(tenants.organization_by_external_id(&own_key, "e").await.is_err());
    assert_eq!(tenants.organization_by_external_id(&environment_scope(HERE), "e").await.expect("found"), created);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_updates_all_count() {
    let world = World::new().await;
    let tenants = world.tenants();
    let id = organization(&tenants).await;
    let change = |n: usize| OrganizationChange {
        metadata: BTreeMap::from([(n.to_string(), Some(n.to_string()))]),
        ..OrganizationChange::default()
    };
    let here = here();
    let updates = join_all((0..8).map(|n| tenants.update_organization(&here, id, change(n)))).await;
    assert!(updates.iter().all(Result::is_ok), "{updates:?}");
    let rights = OrganizationScope::for_test(HERE, id);
    assert_eq!(tenants.organization(&rights).await.expect("there").metadata.len(), 8);
    let gone = tenants.update_organization(&elsewhere(), id, change(9)).await;
    assert!(matches!(gone, Err(OrganizationError::NotFound)));
}

#[tokio::test]
async fn retention_is_kept_and_has_a_default() {
    let world = World::new().await;
    let tenants = world.tenants();
    let id = organization(&tenants).await;
    let rights = OrganizationScope::for_test(HERE, id);
    assert_eq!(tenants.retention(&rights).await.expect("read"), None);
    assert_eq!(tenants.configuration(&rights).await.expect("read").retention_days, 365);
    tenants.set_retention(&here(), id, RetentionDays::new(30).expect("listed")).await.expect("set");
    assert_eq!(tenants.retention(&rights).await.expect("read"), Some(30));
    assert_eq!(tenants.configuration(&rights).await.expect("read").retention_days, 30);
    let refused = tenants.set_retention(&elsewhere(), id, RetentionDays::ONE_YEAR).await;
    assert!(matches!(refused, Err(OrganizationError::NotFound)));
}

#[tokio::test]
async fn rules_are_seen_as_soon_as_they_exist_and_never_change() {
    let world = World::new().await;
    let tenants = world.tenants();
    let rules = async |version| tenants.rules(environment(HERE), "a", version).await.expect("answered");
    assert!(rules(1).await.is_none());
    let target =
        |kind: &str| NewSchema { targets: vec![TargetSchema { kind: kind.to_owned(), metadata: None }], ..NewSchema::default() };
    assert_eq!(tenants.create_schema(&here(), "a", target("team"), &unkept).await.expect("created").version, 1);
    let first = rules(1).await.expect("configured");
    assert_eq!(tenants.create_schema(&here(), "a", target("user"), &unkept).await.expect("created").version, 2);
    assert!(Arc::ptr_eq(&first, &rules(1).await.expect("configured")));
    assert!(rules(2).await.is_some() && rules(3).await.is_none());
    assert!(tenants.rules(environment(ELSEWHERE), "a", 1).await.expect("answered").is_none());
    assert_eq!(tenants.actions(&here(), &page()).await.expect("a page").items[0].schema.version, 2);
    assert_eq!(tenants.schemas(&here(), "a", &page()).await.expect("a page").items.len(), 2);
    assert!(matches!(tenants.schemas(&here(), "b", &page()).await, Err(SchemaError::NotFound)));
}

#[tokio::test]
async fn a_schema_that_does_not_compile_is_not_stored() {
    let world = World::new().await;
    let tenants = world.tenants();
    let wrong = NewSchema { metadata: Some(json!({"type": "strin"})), ..NewSchema::default() };
    let refused = tenants.create_schema(&here(), "a", wrong.clone(), &unkept).await;
    assert!(matches!(&refused, Err(SchemaError::Invalid { field, .. }) if field == "metadata"), "{refused:?}");
    assert!(tenants.actions(&here(), &page()).await.expect("a page").items.is_empty());
    let ids = crate::store::conformance::fixtures::schema_ids(1);
    world
        .store
        .insert_schema(environment(HERE), "a", ids, &wrong, world.clock.now(), &unkept)
        .await
        .expect("stored behind its back");
    assert!(matches!(tenants.rules(environment(HERE), "a", 1).await, Err(StoreError::Damaged { .. })));
}
