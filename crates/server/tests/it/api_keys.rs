use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_key_is_made_shown_once_listed_and_deleted() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let path = format!("/organizations/{organization}/api_keys");
    let made = server
        .caller()
        .post(&path, json!({"name": "CI", "permissions": ["posts:read"], "expires_at": "2999-01-01T00:00:00Z"}))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let value = made.body["value"].as_str().unwrap();
    assert_eq!(made.body["obfuscated_value"], format!("sk_...{}", &value[value.len() - 4..]));
    assert_eq!(made.body["owner"], json!({"type": "organization", "id": organization}));
    assert_eq!(made.body["expires_at"], "2999-01-01T00:00:00.000Z");
    assert_eq!((&made.body["permissions"], &made.body["last_used_at"]), (&json!(["posts:read"]), &json!(null)));

    let list = server.caller().get(&path).await;
    assert_eq!(list.ids(), [made.body["id"].as_str().unwrap()]);
    assert!(!list.text.contains(value));

    let id = made.body["id"].as_str().unwrap();
    let own = format!("/organizations/{organization}");
    assert_eq!(server.with_key(value).get(&own).await.status, 200);
    let deleted = server.caller().delete(&format!("/api_keys/{id}")).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    assert_eq!(server.with_key(value).get(&own).await.status, 401);
    assert_eq!(server.caller().delete(&format!("/api_keys/{id}")).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_validation_gives_the_key_or_null() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let (id, value) = server.organization_key(&organization).await;
    let validate = async |value: &str| server.caller().post("/api_keys/validations", json!({"value": value})).await;
    let good = validate(&value).await;
    assert_eq!((good.status.as_u16(), &good.body["api_key"]["id"]), (200, &json!(id)));
    assert!(good.body["api_key"].get("value").is_none());
    for wrong in ["sk_wrong", "x", &"k".repeat(300)] {
        let bad = validate(wrong).await;
        assert_eq!((bad.status.as_u16(), &bad.body), (200, &json!({"api_key": null})), "{wrong}");
    }
    assert_eq!(server.caller().post("/api_keys/validations", json!({})).await.status, 422);
    server.caller().delete(&format!("/api_keys/{id}")).await;
    assert_eq!(validate(&value).await.body, json!({"api_key": null}));
    server.stop().await;
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let (id, value) = server.organization_key(&organization).await;
    let own = format!("/organizations/{organization}");
    let expired = server.caller().post(&format!("/api_keys/{id}/expire"), json!({"expires_at": null})).await;
    assert_eq!(expired.status, 200, "{expired:?}");
    assert!(expired.body["expires_at"].is_string());
    assert_eq!(server.with_key(&value).get(&own).await.status, 401);
    for body in [json!({"expires_at": "soon"}), json!({"expires_at": 5})] {
        assert_eq!(server.caller().post(&format!("/api_keys/{id}/expire"), body).await.status, 422);
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_keys_are_not_made() {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let path = format!("/organizations/{organization}/api_keys");
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "k", "permissions": "all"}), "permissions"),
        (json!({"name": "k", "expires_at": "2001-01-01T00:00:00Z"}), "expires_at"),
    ] {
        let reply = server.caller().post(&path, body.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body["errors"][0]["field"]), (422, &json!(field)), "{body}");
    }
    let unknown = "/organizations/org_01EHWNCE74X7JSDV0X3SZ3KJNY/api_keys";
    assert_eq!(server.caller().get(unknown).await.status, 404);
    assert_eq!(server.caller().post(unknown, json!({"name": "k"})).await.status, 404);
    server.stop().await;
}
