//! The events that the server's own changes make.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::TestServer;

/// Waits until the feed has so many events after the cursor; then it must stay so. They come behind the answer of a change, at once.
async fn feed(server: &TestServer, after: Option<&str>, count: usize) -> Vec<Value> {
    let cursor = after.map(|id| format!("&after={id}")).unwrap_or_default();
    let mut events = Vec::new();
    for _ in 0..200 {
        let page = server.caller().get(&format!("/events?events=*&limit=100{cursor}")).await;
        events.clone_from(page.body["data"].as_array().unwrap());
        if events.len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    let page = server.caller().get(&format!("/events?events=*&limit=100{cursor}")).await;
    assert_eq!(page.body["data"].as_array().unwrap().len(), count, "{:#}", page.body["data"]);
    events
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn organizations_and_their_domains_tell_of_themselves() {
    let server = TestServer::start().await;
    let key = server.caller();
    let new = json!({"name": "Foo", "domain_data": [{"domain": "a.example", "state": "verified"}, {"domain": "b.example", "state": "pending"}]});
    let created = key.post("/organizations", new).await.body;
    let id = created["id"].as_str().unwrap();
    let events = feed(&server, None, 4).await;
    assert_eq!(
        names(&events),
        ["organization.created", "organization_domain.created", "organization_domain.verified", "organization_domain.created"]
    );
    assert_eq!((&events[0]["data"], &events[1]["data"]), (&created, &created["domains"][0]));
    assert_eq!(events[0]["context"]["actor"]["source"], "api");
    assert!(events[0]["context"]["actor"]["id"].as_str().unwrap().starts_with("api_key_"));
    assert!(events[0]["context"]["actor"].as_object().unwrap().contains_key("name"));

    let mark = events[3]["id"].as_str().unwrap().to_owned();
    let path = format!("/organizations/{id}");
    // Neither changes anything that can be seen.
    assert_eq!(key.put(&path, json!({"name": "Foo", "metadata": {"gone": null}})).await.body, created);
    assert_eq!(key.put(&format!("{path}/audit_logs_retention"), json!({"retention_period_in_days": 30})).await.status, 200);
    // Refused.
    assert_eq!(key.post("/organizations", json!({"name": "Bar", "domains": ["a.example"]})).await.status, 409);
    assert_eq!(key.put("/organizations/org_01EHWNCE74X7JSDV0X3SZ3KJNY", json!({"name": "x"})).await.status, 404);
    let change = json!({"name": "Foo 2", "domain_data": [{"domain": "b.example", "state": "verified"}, {"domain": "c.example", "state": "pending"}]});
    let updated = key.put(&path, change).await.body;
    let events = feed(&server, Some(&mark), 5).await;
    assert_eq!(
        names(&events),
        [
            "organization_domain.deleted",
            "organization.updated",
            "organization_domain.updated",
            "organization_domain.verified",
            "organization_domain.created"
        ]
    );
    assert_eq!((&events[1]["data"], &events[3]["data"]["state"]), (&updated, &json!("verified")));
    let previous = &events[1]["context"]["previous_attributes"];
    assert_eq!((&previous["name"], &previous["domains"]), (&json!("Foo"), &created["domains"]));

    let mark = events[4]["id"].as_str().unwrap().to_owned();
    assert_eq!(key.delete(&path).await.status, 202);
    assert_eq!(key.delete(&path).await.status, 404);
    let events = feed(&server, Some(&mark), 3).await;
    assert_eq!(names(&events), ["organization_domain.deleted", "organization_domain.deleted", "organization.deleted"]);
    assert_eq!(events[2]["data"], updated);
    // The events of an organization that is gone are found by its id.
    assert_eq!(key.get(&format!("/events?events=*&limit=100&organization_id={id}")).await.ids().len(), 12);
    server.stop().await;
}

#[tokio::test]
async fn api_keys_tell_of_themselves_and_never_of_their_value() {
    let server = TestServer::start().await;
    let key = server.caller();
    let organization = server.organization("Foo").await;
    let path = format!("/organizations/{organization}/api_keys");
    let made = [key.post(&path, json!({"name": "one"})).await.body, key.post(&path, json!({"name": "two"})).await.body];
    let id = made[0]["id"].as_str().unwrap();
    let events = feed(&server, None, 3).await;
    assert_eq!(names(&events), ["organization.created", "api_key.created", "api_key.created"]);
    let mut shown = made[0].clone();
    shown.as_object_mut().unwrap().remove("value");
    assert_eq!(events[1]["data"], shown);

    let mark = events[2]["id"].as_str().unwrap().to_owned();
    let expire = format!("/api_keys/{id}/expire");
    let at = json!({"expires_at": "2999-01-01T00:00:00.000Z"});
    let expired = key.post(&expire, at.clone()).await.body;
    assert_eq!(key.post(&expire, at).await.body, expired, "nothing changes");
    assert_eq!(key.post(&expire, json!({})).await.status, 200);
    assert_eq!(key.post(&expire, json!({})).await.status, 409);
    assert_eq!(key.delete(&format!("/api_keys/{id}")).await.status, 204);
    assert_eq!(key.delete(&format!("/api_keys/{id}")).await.status, 404);
    assert_eq!(key.delete(&format!("/organizations/{organization}")).await.status, 202);
    let events = feed(&server, Some(&mark), 5).await;
    assert_eq!(
        names(&events),
        ["api_key.updated", "api_key.updated", "api_key.revoked", "api_key.revoked", "organization.deleted"]
    );
    assert_eq!(events[0]["data"]["previous_attributes"], json!({"expires_at": null}));
    assert_eq!(events[1]["data"]["previous_attributes"], json!({"expires_at": "2999-01-01T00:00:00.000Z"}));
    assert_eq!((&events[2]["data"]["id"], &events[3]["data"]["id"]), (&made[0]["id"], &made[1]["id"]));
    let all = key.get("/events?events=*&limit=100").await.text;
    assert!(made.iter().all(|key| !all.contains(key["value"].as_str().unwrap())));
    server.stop().await;
}
