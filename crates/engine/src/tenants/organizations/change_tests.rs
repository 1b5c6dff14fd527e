//! What an update keeps, replaces and removes.

use annals_core::ids::OrganizationId;

use super::*;

const CREATED: i64 = 1;
const CHANGED: i64 = 2;

fn ids() -> Result<DomainId, StoreError> {
    Ok(DomainId::from_parts(99, 99))
}

fn organization() -> Organization {
    let at = Micros::saturating(CREATED);
    let domain = |n, domain: &str, state, strategy| Domain {
        id: DomainId::from_parts(n, 0),
        domain: domain.to_owned(),
        state,
        strategy,
        created_at: at,
        updated_at: at,
    };
    Organization {
        id: OrganizationId::from_parts(1, 1),
        name: "Foo".to_owned(),
        domains: vec![
            domain(1, "a.example", DomainState::Verified, Some(DomainStrategy::Manual)),
            domain(2, "b.example", DomainState::LegacyVerified, None),
        ],
        metadata: (1..=49).map(|n| (n.to_string(), n.to_string())).collect(),
        external_id: Some("ext".to_owned()),
        stripe_customer_id: Some("cus".to_owned()),
        allow_profiles_outside_organization: true,
        retention_days: Some(30),
        created_at: at,
        updated_at: at,
    }
}

fn applied(change: &OrganizationChange) -> Result<Organization, OrganizationError> {
    let mut organization = organization();
    apply(&mut organization, change, Micros::saturating(CHANGED), &ids).map(|()| organization)
}

fn check(change: &OrganizationChange, expected: impl FnOnce(&mut Organization)) {
    let mut wanted = organization();
    expected(&mut wanted);
    assert_eq!(applied(change).expect("applies"), wanted, "{change:?}");
}

fn metadata(change: &[(&str, Option<&str>)]) -> OrganizationChange {
    let metadata = change.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect();
    OrganizationChange { metadata, ..OrganizationChange::default() }
}

#[test]
fn what_is_not_named_stays() {
    check(&OrganizationChange::default(), |_| {});
}

#[test]
fn members_are_replaced_or_cleared() {
    let change = OrganizationChange {
        name: Some("Bar".to_owned()),
        external_id: Some(None),
        stripe_customer_id: Some(Some("cus_2".to_owned())),
        allow_profiles_outside_organization: Some(false),
        ..OrganizationChange::default()
    };
    check(&change, |wanted| {
        wanted.name = "Bar".to_owned();
        wanted.external_id = None;
        wanted.stripe_customer_id = Some("cus_2".to_owned());
        wanted.allow_profiles_outside_organization = false;
    });
}

#[test]
fn metadata_is_merged_and_null_removes() {
    check(&metadata(&[("1", None), ("2", Some("two")), ("new", Some("")), ("unknown", None)]), |wanted| {
        wanted.metadata.remove("1");
        wanted.metadata.insert("2".to_owned(), "two".to_owned());
        wanted.metadata.insert("new".to_owned(), String::new());
    });
}

#[test]
fn merged_metadata_has_a_limit() {
    assert!(applied(&metadata(&[("50", Some("x"))])).is_ok());
    assert!(applied(&metadata(&[("50", Some("x")), ("51", Some("x")), ("1", None)])).is_ok());
    let refused = applied(&metadata(&[("50", Some("x")), ("51", Some("x"))]));
    assert!(matches!(refused, Err(OrganizationError::TooMuchMetadata)), "{refused:?}");
}

#[test]
fn domains_replace_the_set_and_known_ones_keep_their_ids() {
    let new = |domain: &str, state| NewDomain { domain: domain.to_owned(), state };
    let domains = vec![
        new("C.Example", DomainState::Pending),
        new("A.EXAMPLE", DomainState::LegacyVerified),
        new("b.example", DomainState::Verified),
        new("c.example", DomainState::Verified),
    ];
    check(&OrganizationChange { domains: Some(domains), ..OrganizationChange::default() }, |wanted| {
        let changed = Micros::saturating(CHANGED);
        let c = Domain {
            id: DomainId::from_parts(99, 99),
            domain: "c.example".to_owned(),
            state: DomainState::Pending,
            strategy: None,
            created_at: changed,
            updated_at: changed,
        };
        let a = wanted.domains[0].clone();
        let b = Domain {
            state: DomainState::Verified,
            strategy: Some(DomainStrategy::Manual),
            updated_at: changed,
            ..wanted.domains[1].clone()
        };
        wanted.domains = vec![c, a, b];
    });
    check(&OrganizationChange { domains: Some(Vec::new()), ..OrganizationChange::default() }, |wanted| wanted.domains.clear());
}
