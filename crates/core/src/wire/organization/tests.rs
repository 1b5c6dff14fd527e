//! What clients send for an organization, and what is understood.

use serde_json::{Value, json};

use super::request::*;
use crate::wire::{FromBody, InvalidBody};

fn read<T: FromBody>(body: &str) -> Result<T, InvalidBody> {
    T::read(&crate::json::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}")))
}

fn check_create(body: &str, understood: Value) {
    let create: CreateOrganization = read(body).unwrap_or_else(|refused| panic!("{body}: {refused:?}"));
    assert_eq!(serde_json::to_value(create).expect("JSON"), understood, "{body}");
}

fn check_update(body: &str, understood: Value) {
    let update: UpdateOrganization = read(body).unwrap_or_else(|refused| panic!("{body}: {refused:?}"));
    assert_eq!(serde_json::to_value(update).expect("JSON"), understood, "{body}");
}

fn check_rejects<T: FromBody + std::fmt::Debug>(body: &str, field: &str) {
    let errors = match read::<T>(body) {
        Err(InvalidBody::Fields(refused)) => refused.errors,
        Err(InvalidBody::Coded(refused)) => {
            assert_eq!(
                (refused.code.as_deref(), refused.message.as_ref()),
                (Some("invalid_metadata"), "Request could not be processed.")
            );
            refused.errors
        }
        other => panic!("{body}: expected {field}, got {other:?}"),
    };
    assert!(errors.iter().any(|e| e.field == field), "{body}: {errors:?}");
}

#[test]
fn new_organizations_are_read_as_every_client_sends_them() {
    check_create(r#"{"name":"Foo"}"#, json!({"name": "Foo"}));
    check_create(
        r#"{"name":"Foo","domains":null,"domain_data":null,"metadata":null,"external_id":"","allow_profiles_outside_organization":false,"idempotency_key":"k"}"#,
        json!({"name": "Foo", "allow_profiles_outside_organization": false}),
    );
    check_create(
        r#"{"name":"Foo","domains":["A.com"],"domain_data":[{"domain":"b.com","state":"pending","more":1}],"metadata":{"a":"b","gone":null},"external_id":"e"}"#,
        json!({"name": "Foo", "domains": ["a.com"], "domain_data": [{"domain": "b.com", "state": "pending"}], "metadata": {"a": "b"}, "external_id": "e"}),
    );
}

#[test]
fn an_update_tells_absent_from_cleared() {
    check_update("{}", json!({}));
    check_update(r#"{"name":null,"domains":null,"domain_data":null,"metadata":null}"#, json!({}));
    check_update(r#"{"external_id":null,"stripe_customer_id":null}"#, json!({"external_id": null, "stripe_customer_id": null}));
    check_update(
        r#"{"name":"New","metadata":{"a":null,"b":"c"},"domains":[],"allow_profiles_outside_organization":true}"#,
        json!({"name": "New", "metadata": {"a": null, "b": "c"}, "domains": [], "allow_profiles_outside_organization": true}),
    );
    check_update(
        r#"{"stripe_customer_id":"cus_1","external_id":"e"}"#,
        json!({"stripe_customer_id": "cus_1", "external_id": "e"}),
    );
}

#[test]
fn the_older_go_client_wipes_nothing() {
    check_update(
        r#"{"Organization":"org_1","Name":"","AllowProfilesOutsideOrganization":false,"Domains":null,"domain_data":null,"stripe_customer_id":"","external_id":"","metadata":null}"#,
        json!({}),
    );
    check_update(
        r#"{"Organization":"org_1","Name":"New","AllowProfilesOutsideOrganization":true,"Domains":["a.com"],"external_id":"e","metadata":{"a":"b"}}"#,
        json!({"name": "New", "allow_profiles_outside_organization": true, "domains": ["a.com"], "external_id": "e", "metadata": {"a": "b"}}),
    );
}

#[test]
fn each_wrong_member_is_named() {
    check_rejects::<CreateOrganization>("{}", "name");
    check_rejects::<CreateOrganization>("[]", "body");
    check_rejects::<CreateOrganization>(r#"{"name":5}"#, "name");
    check_rejects::<CreateOrganization>(r#"{"name":""}"#, "name");
    check_rejects::<CreateOrganization>(&format!(r#"{{"name":"{}"}}"#, "n".repeat(513)), "name");
    for (member, field) in [
        (r#""domains":"a.com""#, "domains"),
        (r#""domains":["a b"]"#, "domains.0"),
        (r#""domains":["a,b"]"#, "domains.0"),
        (r#""domains":["a.com",""]"#, "domains.1"),
        (r#""domains":[1]"#, "domains.0"),
        (r#""domain_data":[{"domain":"a.com"}]"#, "domain_data.0.state"),
        (r#""domain_data":[{"domain":"a.com","state":"failed"}]"#, "domain_data.0.state"),
        (r#""domain_data":[{"state":"pending"}]"#, "domain_data.0.domain"),
        (r#""domain_data":[5]"#, "domain_data.0"),
        (r#""external_id":5"#, "external_id"),
        (r#""external_id":"\u00e9""#, "external_id"),
        (r#""allow_profiles_outside_organization":"yes""#, "allow_profiles_outside_organization"),
        (r#""metadata":[]"#, "metadata"),
        (r#""metadata":{"k":5}"#, "metadata.k"),
    ] {
        check_rejects::<CreateOrganization>(&format!(r#"{{"name":"Foo",{member}}}"#), field);
        check_rejects::<UpdateOrganization>(&format!("{{{member}}}"), field);
    }
    check_rejects::<UpdateOrganization>(r#"{"name":""}"#, "name");
    check_rejects::<UpdateOrganization>(r#"{"external_id":""}"#, "external_id");
    check_rejects::<UpdateOrganization>(r#"{"Organization":"org_1","Name":5}"#, "Name");
}

#[test]
fn metadata_has_limits() {
    let with = |metadata: &str| format!(r#"{{"name":"Foo","metadata":{metadata}}}"#);
    let map = |n: usize| (0..n).map(|i| format!("\"k{i}\":\"v\"")).collect::<Vec<_>>().join(",");
    read::<CreateOrganization>(&with(&format!("{{{}}}", map(50)))).expect("at the limit");
    read::<CreateOrganization>(&with(&format!(r#"{{"{}":"{}"}}"#, "\u{e9}".repeat(40), "\u{e9}".repeat(600))))
        .expect("at the limit");
    check_rejects::<CreateOrganization>(&with(&format!("{{{}}}", map(51))), "metadata");
    check_rejects::<CreateOrganization>(
        &with(&format!(r#"{{"{}":"v"}}"#, "k".repeat(41))),
        &format!("metadata.{}", "k".repeat(40)),
    );
    check_rejects::<CreateOrganization>(&with(&format!(r#"{{"k":"{}"}}"#, "v".repeat(601))), "metadata.k");
}
