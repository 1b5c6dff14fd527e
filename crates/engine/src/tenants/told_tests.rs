//! Which events a change makes, and that their payloads have every member that strict clients need (wire contract §5, §6, §9).

use annals_core::time::Micros;
use serde_json::json;

use super::*;
use crate::entities::DomainStrategy;
use crate::store::conformance::fixtures::{api_key, key_id, organization, organization_id, time};

fn teller() -> Teller {
    Teller::of(key_id(1))
}

fn value(text: &ObjectText) -> Value {
    serde_json::from_str(text.as_str()).expect("JSON")
}

fn names(told: &[NewFeedEvent]) -> Vec<&str> {
    told.iter().map(|event| event.name.as_str()).collect()
}

/// Members that must be there, null or not.
const ORGANIZATION: &[&str] = &["object", "id", "name", "domains", "metadata", "external_id", "created_at", "updated_at"];
const DOMAIN: &[&str] = &["object", "id", "organization_id", "domain", "created_at", "updated_at"];
const API_KEY: &[&str] = &[
    "object",
    "id",
    "owner",
    "name",
    "obfuscated_value",
    "last_used_at",
    "expires_at",
    "permissions",
    "created_at",
    "updated_at",
];

fn check_payloads(told: &[NewFeedEvent]) {
    for event in told {
        let (name, data, context) =
            (event.name.as_str(), value(&event.data), event.context.as_ref().map(value).expect("a context"));
        let kind = name.split('.').next().expect("a word");
        let required = match kind {
            "organization" => ORGANIZATION,
            "organization_domain" => DOMAIN,
            "api_key" => API_KEY,
            other => panic!("{other}"),
        };
        assert!(annals_core::wire::EVENT_NAMES.contains(&name), "{name}");
        assert_eq!(data["object"], kind, "{name}");
        let members = data.as_object().expect("an object");
        let missing: Vec<_> = required.iter().filter(|member| !members.contains_key(**member)).collect();
        assert!(missing.is_empty(), "{name} misses {missing:?}");
        assert!(data.get("value").is_none(), "{name} shows a key");
        for time in ["created_at", "updated_at"] {
            assert_eq!(data[time].as_str().map(str::len), Some("2026-01-15T12:00:00.000Z".len()), "{name}: {time}");
        }
        assert_eq!(context["actor"], json!({"id": key_id(1).to_string(), "source": "api", "name": null}), "{name}");
        assert_eq!(event.organization, Some(organization_id(1)), "{name}");
    }
}

#[test]
fn a_new_organization_tells_of_its_domains() {
    let bare = Organization { domains: Vec::new(), stripe_customer_id: None, external_id: None, ..organization(1) };
    let told = teller().organization_created(&bare).expect("told");
    assert_eq!(names(&told), ["organization.created"]);
    assert_eq!((&value(&told[0].data)["domains"], &value(&told[0].data)["external_id"]), (&json!([]), &Value::Null));
    check_payloads(&told);
    // The first domain is verified, the second one is not.
    let told = teller().organization_created(&organization(1)).expect("told");
    assert_eq!(
        names(&told),
        ["organization.created", "organization_domain.created", "organization_domain.verified", "organization_domain.created"]
    );
    check_payloads(&told);
}

#[track_caller]
fn check_update(change: impl Fn(&mut Organization), expected: &[&str], previous_attributes: &Value) {
    let before = organization(1);
    let mut after = Organization { updated_at: time(99), ..before.clone() };
    change(&mut after);
    let told = teller().organization_updated(&before, &after).expect("told");
    assert_eq!(names(&told), expected);
    check_payloads(&told);
    if let Some(updated) = told.iter().find(|event| event.name.as_str() == "organization.updated") {
        assert_eq!(&value(&updated.data)["updated_at"], &json!(time(99).wire()));
        assert_eq!(&updated.context.as_ref().map(value).expect("a context")["previous_attributes"], previous_attributes);
    }
}

#[test]
fn an_update_tells_what_it_changed() {
    let none = json!({});
    check_update(|_| {}, &[], &none);
    check_update(|new| new.retention_days = Some(60), &[], &none);
    check_update(|new| new.name = "new".to_owned(), &["organization.updated"], &json!({"name": "Übung 1"}));
    check_update(
        |new| {
            new.external_id = None;
            new.stripe_customer_id = None;
        },
        &["organization.updated"],
        &json!({"external_id": "ext-1", "stripe_customer_id": "cus_1"}),
    );
}

#[test]
fn an_update_tells_of_domains_that_left_came_or_changed() {
    let domains = json!({"domains": value(&ObjectText::of_value(&organization(1).to_wire()).expect("small"))["domains"]});
    let left = ["organization_domain.deleted", "organization.updated"];
    check_update(|new| drop(new.domains.remove(0)), &left, &domains);
    let came = ["organization.updated", "organization_domain.created", "organization_domain.verified"];
    check_update(
        |new| new.domains.push(Domain { id: annals_core::ids::DomainId::from_parts(9, 9), ..organization(1).domains[0].clone() }),
        &came,
        &domains,
    );
    let verify = |new: &mut Organization| {
        let domain = &mut new.domains[1];
        (domain.state, domain.strategy, domain.updated_at) = (DomainState::Verified, Some(DomainStrategy::Manual), time(99));
    };
    let verified = ["organization.updated", "organization_domain.updated", "organization_domain.verified"];
    check_update(verify, &verified, &domains);
    let unverify = |new: &mut Organization| new.domains[0].state = DomainState::Pending;
    check_update(unverify, &["organization.updated", "organization_domain.updated"], &domains);
    check_update(|new| new.domains.reverse(), &["organization.updated"], &domains);
}

#[test]
fn a_deletion_tells_of_everything_that_goes() {
    let leaving = Leaving {
        organization: organization(1),
        api_keys: vec![api_key(5, organization_id(1)).key, api_key(6, organization_id(1)).key],
    };
    let told = teller().organization_deleted(&leaving).expect("told");
    let gone = ["api_key.revoked", "organization_domain.deleted"];
    assert_eq!(names(&told), [gone[0], gone[0], gone[1], gone[1], "organization.deleted"]);
    check_payloads(&told);
}

#[test]
fn an_updated_key_carries_what_it_was() {
    let before = api_key(5, organization_id(1)).key;
    let updated = |expires_at: Option<Micros>| {
        let after = ApiKey { expires_at, updated_at: time(99), ..before.clone() };
        teller().api_key_updated(&Changed { before: before.clone(), after }).expect("told")
    };
    let told = updated(Some(time(500_000)));
    assert_eq!(names(&told), ["api_key.updated"]);
    check_payloads(&told);
    assert_eq!(value(&told[0].data)["previous_attributes"], json!({"expires_at": time(1000).wire()}));
    assert_eq!(updated(before.expires_at), []);
    for told in [teller().api_key_created(&before), teller().api_key_revoked(&before)] {
        check_payloads(&told.expect("told"));
    }
    let own = ApiKey { owner: KeyOwner::Environment, ..before };
    assert_eq!(teller().api_key_created(&own).expect("nothing to tell"), []);
}

/// The largest organization that the limits allow, every character the longest in JSON, and all of it changed.
#[test]
fn the_largest_organization_can_be_told() {
    let largest = |c: char| {
        let text = |chars: usize| c.to_string().repeat(chars);
        let domain = |n: usize| Domain { domain: format!("{n}{}", text(250)), ..organization(1).domains[0].clone() };
        Organization {
            name: text(512),
            domains: (0..100).map(domain).collect(),
            metadata: (0..50).map(|n| (format!("{n}{}", text(38)), text(600))).collect(),
            ..organization(1)
        }
    };
    let told = teller().organization_updated(&largest('\u{1}'), &largest('\u{2}')).expect("told");
    assert!(told.iter().any(|event| event.data.as_str().len() > 300_000));
}
