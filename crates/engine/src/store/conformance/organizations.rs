//! Organizations and their domains.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;

use super::Backend;
use super::fixtures::{
    ELSEWHERE, HERE, api_key, check_taken, environment, first, founded, key_id, nothing, organization, organization_id, time,
};
use crate::entities::{Organization, OrganizationFilter};
use crate::page::{ListQuery, Order};
use crate::store::{Store, Unique, unkept};

async fn with(backend: &dyn Backend, numbers: &[u64]) -> Arc<dyn Store> {
    let store = founded(backend).await;
    for n in numbers {
        store.insert_organization(environment(HERE), &organization(*n), &[], &unkept).await.expect("stored");
    }
    store
}

async fn read(store: &dyn Store, n: u64) -> Option<Organization> {
    store.organization(environment(HERE), organization_id(n)).await.expect("read")
}

/// Another one, without anything that must be unique.
fn plain(n: u64) -> Organization {
    Organization { domains: Vec::new(), external_id: None, stripe_customer_id: None, ..organization(n) }
}

pub(crate) async fn an_organization_comes_back_whole(backend: &dyn Backend) {
    let store = with(backend, &[1, 2]).await;
    let bare = Organization { metadata: BTreeMap::new(), retention_days: None, name: String::new(), ..plain(3) };
    store.insert_organization(environment(HERE), &bare, &[], &unkept).await.expect("stored");
    for expected in [organization(1), organization(2), bare] {
        assert_eq!(store.organization(environment(HERE), expected.id).await.expect("read"), Some(expected));
    }
    assert_eq!(read(&*store, 9).await, None);
}

pub(crate) async fn a_domain_belongs_to_one(backend: &dyn Backend) {
    let store = with(backend, &[1]).await;
    let mut rival = organization(2);
    rival.domains[1].domain = "a1.example".to_owned();
    check_taken(
        store.insert_organization(environment(HERE), &rival, &[], &unkept).await,
        &Unique::Domain("a1.example".to_owned()),
    );
    assert_eq!(read(&*store, 2).await, None);
    let mut twice = organization(3);
    twice.domains[1].domain = twice.domains[0].domain.clone();
    check_taken(
        store.insert_organization(environment(HERE), &twice, &[], &unkept).await,
        &Unique::Domain("a3.example".to_owned()),
    );
    store.insert_organization(environment(HERE), &organization(2), &[], &unkept).await.expect("a refusal leaves nothing behind");
}

pub(crate) async fn external_and_stripe_ids_belong_to_one(backend: &dyn Backend) {
    let store = with(backend, &[1]).await;
    let external = Organization { external_id: organization(1).external_id, ..plain(2) };
    let stripe = Organization { stripe_customer_id: organization(1).stripe_customer_id, ..plain(3) };
    check_taken(store.insert_organization(environment(HERE), &external, &[], &unkept).await, &Unique::ExternalId);
    check_taken(store.insert_organization(environment(HERE), &stripe, &[], &unkept).await, &Unique::StripeCustomerId);
    for n in [2, 3] {
        assert_eq!(read(&*store, n).await, None);
        store.insert_organization(environment(HERE), &plain(n), &[], &unkept).await.expect("absent values do not collide");
    }
}

pub(crate) async fn retention_periods_are_those_that_were_set(backend: &dyn Backend) {
    let store = with(backend, &[1, 2]).await;
    store.insert_organization(environment(ELSEWHERE), &plain(4), &[], &unkept).await.expect("stored");
    let set = [organization(1), organization(2), plain(4)];
    let expected: Vec<_> = set.iter().filter_map(|set| Some((set.id, set.retention_days?))).collect();
    let mut periods = store.retention_periods().await.expect("read");
    periods.sort_unstable();
    assert_eq!(periods, expected);
    assert!(store.delete_organization(environment(HERE), organization_id(2), &nothing).await.expect("answered"));
    assert_eq!(store.retention_periods().await.expect("read").len(), expected.len() - 1);
}

pub(crate) async fn environments_do_not_meet(backend: &dyn Backend) {
    let store = with(backend, &[1]).await;
    let (elsewhere, mine) = (environment(ELSEWHERE), organization(1));
    assert_eq!(store.organization(elsewhere, mine.id).await.expect("read"), None);
    assert_eq!(store.organization_by_external_id(elsewhere, "ext-1").await.expect("read"), None);
    assert!(store.organizations(elsewhere, &first(9), &OrganizationFilter::default()).await.expect("a page").items.is_empty());
    check_taken(store.update_organization(elsewhere, &mine, mine.updated_at, &[]).await, &Unique::Revision);
    assert!(!store.delete_organization(elsewhere, mine.id, &nothing).await.expect("answered"));
    let twin = Organization { id: organization_id(2), ..mine.clone() };
    store.insert_organization(elsewhere, &twin, &[], &unkept).await.expect("names are unique within one environment only");
    assert_eq!(store.organization_by_external_id(elsewhere, "ext-1").await.expect("read"), Some(twin));
    let by_domain = OrganizationFilter { domains: vec!["a1.example".to_owned()], search: None };
    let found = store.organizations(environment(HERE), &first(9), &by_domain).await.expect("a page");
    assert_eq!(found.items, [mine]);
}

pub(crate) async fn it_is_found_by_external_id(backend: &dyn Backend) {
    let store = with(backend, &[1, 2]).await;
    assert_eq!(store.organization_by_external_id(environment(HERE), "ext-2").await.expect("read"), Some(organization(2)));
    for unknown in ["", "ext", "EXT-2", "%"] {
        assert_eq!(store.organization_by_external_id(environment(HERE), unknown).await.expect("read"), None);
    }
}

pub(crate) async fn lists_are_filtered(backend: &dyn Backend) {
    let store = with(backend, &[1, 2, 3]).await;
    let domains =
        |domains: &[&str]| OrganizationFilter { domains: domains.iter().map(|&one| one.to_owned()).collect(), search: None };
    let search = |text: &str| OrganizationFilter { domains: Vec::new(), search: Some(text.to_owned()) };
    for (filter, expected) in [
        (OrganizationFilter::default(), vec![3, 2, 1]),
        (domains(&["a1.example"]), vec![1]),
        (domains(&["b3.example", "a1.example", "b1.example", "no.example"]), vec![3, 1]),
        (domains(&["a%"]), vec![]),
        (search("üBUNG"), vec![3, 2, 1]),
        (search("ung 2"), vec![2]),
        (search("%"), vec![]),
        (OrganizationFilter { search: Some("3".to_owned()), ..domains(&["a1.example"]) }, vec![]),
    ] {
        let page = store.organizations(environment(HERE), &first(9), &filter).await.expect("a page");
        let ids: Vec<_> = page.items.iter().map(|found| found.id).collect();
        assert_eq!(ids, expected.into_iter().map(organization_id).collect::<Vec<_>>(), "{filter:?}");
    }
}

pub(crate) async fn lists_come_in_pages(backend: &dyn Backend) {
    let store = with(backend, &[1, 2, 3, 4, 5]).await;
    let id = organization_id;
    for (order, before, after, expected) in [
        (Order::Desc, None, None, (vec![5, 4], None, Some(id(4)))),
        (Order::Desc, None, Some(id(4)), (vec![3, 2], Some(id(3)), Some(id(2)))),
        (Order::Desc, Some(id(1)), None, (vec![3, 2], Some(id(3)), Some(id(2)))),
        (Order::Asc, None, Some(id(4)), (vec![5], Some(id(5)), None)),
        (Order::Normal, Some(id(4)), None, (vec![3, 2], Some(id(2)), Some(id(3)))),
        (Order::Desc, Some(id(2)), Some(id(4)), (vec![3], Some(id(3)), None)),
        (Order::Asc, None, Some(id(5)), (vec![], None, None)),
    ] {
        let query = ListQuery { limit: 2, before, after, order };
        let page = store.organizations(environment(HERE), &query, &OrganizationFilter::default()).await.expect("a page");
        let ids: Vec<_> = page.items.iter().map(|found| found.id).collect();
        assert_eq!(
            (ids, page.before, page.after),
            (expected.0.into_iter().map(id).collect(), expected.1, expected.2),
            "{query:?}"
        );
    }
}

pub(crate) async fn an_update_replaces_everything(backend: &dyn Backend) {
    let store = with(backend, &[1]).await;
    let mut domains = organization(7).domains;
    domains.push(organization(1).domains[0].clone());
    let changed = Organization { id: organization_id(1), domains, created_at: organization(1).created_at, ..organization(7) };
    store.update_organization(environment(HERE), &changed, organization(1).updated_at, &[]).await.expect("updated");
    assert_eq!(read(&*store, 1).await.as_ref(), Some(&changed));
    let cleared = Organization {
        updated_at: time(99),
        metadata: BTreeMap::new(),
        id: changed.id,
        created_at: changed.created_at,
        ..plain(8)
    };
    store.update_organization(environment(HERE), &cleared, changed.updated_at, &[]).await.expect("updated");
    assert_eq!(read(&*store, 1).await, Some(cleared));
    store.insert_organization(environment(HERE), &organization(7), &[], &unkept).await.expect("what was cleared is free");
}

pub(crate) async fn an_update_needs_the_current_revision(backend: &dyn Backend) {
    let store = with(backend, &[1]).await;
    let changed = Organization { name: "changed".to_owned(), updated_at: time(50), ..organization(1) };
    check_taken(store.update_organization(environment(HERE), &changed, time(0), &[]).await, &Unique::Revision);
    let gone = Organization { id: organization_id(9), ..plain(9) };
    check_taken(store.update_organization(environment(HERE), &gone, gone.updated_at, &[]).await, &Unique::Revision);
    assert_eq!((read(&*store, 1).await, read(&*store, 9).await), (Some(organization(1)), None));
}

pub(crate) async fn of_concurrent_updates_one_succeeds(backend: &dyn Backend) {
    let store = with(backend, &[1]).await;
    let rivals: Vec<_> = (10..18).map(|n| Organization { name: n.to_string(), updated_at: time(n), ..organization(1) }).collect();
    let read_at = organization(1).updated_at;
    let outcomes = join_all(rivals.iter().map(|rival| store.update_organization(environment(HERE), rival, read_at, &[]))).await;
    let winners: Vec<_> =
        rivals.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(rival, _)| rival.clone()).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(read(&*store, 1).await.as_ref(), winners.first());
}

pub(crate) async fn a_refused_update_changes_nothing(backend: &dyn Backend) {
    let store = with(backend, &[1, 2]).await;
    let changed = |change: fn(&mut Organization)| {
        let mut changed = Organization { updated_at: time(50), name: "changed".to_owned(), ..organization(1) };
        change(&mut changed);
        changed
    };
    let cases = [
        (changed(|new| new.domains[1].domain = "b2.example".to_owned()), Unique::Domain("b2.example".to_owned())),
        (changed(|new| new.external_id = Some("ext-2".to_owned())), Unique::ExternalId),
        (changed(|new| new.stripe_customer_id = Some("cus_2".to_owned())), Unique::StripeCustomerId),
    ];
    for (changed, unique) in cases {
        check_taken(store.update_organization(environment(HERE), &changed, organization(1).updated_at, &[]).await, &unique);
        assert_eq!(read(&*store, 1).await, Some(organization(1)));
    }
}

pub(crate) async fn deleting_takes_domains_and_keys(backend: &dyn Backend) {
    let store = with(backend, &[1, 2]).await;
    for (n, owner) in [(10, 1), (11, 2)] {
        assert!(store.insert_api_key(&api_key(n, organization_id(owner)), &[]).await.expect("stored"));
    }
    assert!(store.delete_organization(environment(HERE), organization_id(1), &nothing).await.expect("deleted"));
    assert!(!store.delete_organization(environment(HERE), organization_id(1), &nothing).await.expect("answered"));
    assert_eq!(read(&*store, 1).await, None);
    assert_eq!(store.api_key(environment(HERE), key_id(10)).await.expect("read"), None);
    assert!(store.api_key(environment(HERE), key_id(11)).await.expect("read").is_some());
    let heir = Organization { id: organization_id(3), ..organization(1) };
    store.insert_organization(environment(HERE), &heir, &[], &unkept).await.expect("its domains are free");
}
