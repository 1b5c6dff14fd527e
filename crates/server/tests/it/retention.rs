use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_period_is_set_in_either_spelling() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let path = format!("/organizations/{organization}/audit_logs_retention");
    assert_eq!(server.caller().get(&path).await.body, json!({"retention_period_in_days": null}));
    for (body, days) in [
        (json!({"retention_period_in_days": 30}), 30),
        (json!({"retention_period_in_days": 365}), 365),
        (json!({"retention_period": "1_YEAR"}), 365),
        (json!({"retention_period": "2_MONTHS"}), 60),
        (json!({"retention_period": "10_YEARS", "retention_period_in_days": null}), 3650),
    ] {
        let set = server.caller().put(&path, body.clone()).await;
        assert_eq!((set.status.as_u16(), &set.body), (200, &json!({"retention_period_in_days": days})), "{body}");
        assert_eq!(server.caller().get(&path).await.body, json!({"retention_period_in_days": days}));
    }
    for body in [
        json!({}),
        json!({"retention_period_in_days": 31}),
        json!({"retention_period": "1_WEEK"}),
        json!({"retention_period": "1_YEAR", "retention_period_in_days": 365}),
    ] {
        let refused = server.caller().put(&path, body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.message()), (422, "Validation failed."), "{body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_organization_is_not_found() {
    let server = TestServer::start().await;
    let id = "org_01EHWNCE74X7JSDV0X3SZ3KJNY";
    let path = format!("/organizations/{id}/audit_logs_retention");
    let message = format!("Organization not found: '{id}'.");
    assert_eq!(server.caller().get(&path).await.message(), message);
    let set = server.caller().put(&path, json!({"retention_period_in_days": 30})).await;
    assert_eq!((set.status.as_u16(), set.message()), (404, message.as_str()));
    server.stop().await;
}

#[tokio::test]
async fn the_configuration_has_a_number_and_no_stream() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let path = format!("/organizations/{organization}/audit_log_configuration");
    let before = server.caller().get(&path).await;
    assert_eq!(
        (before.status.as_u16(), &before.body["state"], &before.body["organization_id"]),
        (200, &json!("active"), &json!(organization))
    );
    assert!(before.body["retention_period_in_days"].is_u64() && before.body.get("log_stream").is_none());
    server
        .caller()
        .put(&format!("/organizations/{organization}/audit_logs_retention"), json!({"retention_period_in_days": 60}))
        .await;
    assert_eq!(server.caller().get(&path).await.body["retention_period_in_days"], 60);
    server.stop().await;
}

#[tokio::test]
async fn a_purge_must_say_whether_it_is_a_dry_run() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    server
        .caller()
        .put(&format!("/organizations/{organization}/audit_logs_retention"), json!({"retention_period_in_days": 30}))
        .await;
    let path = "/v1/audit_log_events/purge";
    for dry_run in [true, false] {
        let purged = server.caller().post(path, json!({"dry_run": dry_run})).await;
        let nothing = json!({"object": "audit_log_purge", "dry_run": dry_run, "events": 0, "organizations": 0, "data": []});
        assert_eq!((purged.status.as_u16(), &purged.body), (200, &nothing));
    }
    for body in [json!({}), json!({"dry_run": null}), json!({"dry_run": "true"})] {
        assert_eq!(server.caller().post(path, body.clone()).await.status, 422, "{body}");
    }
    server.stop().await;
}
