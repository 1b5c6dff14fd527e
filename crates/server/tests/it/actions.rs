use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn each_post_is_the_next_version() {
    let server = TestServer::start().await;
    let path = "/audit_logs/actions/user.viewed_invoice/schemas";
    let python_5 = json!({"actor": {"metadata": null}, "targets": [{"type": "invoice", "metadata": {"type": "object", "properties": {"cost": {"type": "number"}}}}]});
    let first = server.caller().post(path, python_5).await;
    assert_eq!(
        (first.status.as_u16(), &first.body["version"], &first.body["object"]),
        (201, &json!(1), &json!("audit_log_schema"))
    );
    assert!(first.body.get("actor").is_none() && first.body.get("id").is_none());
    let second = server
        .caller()
        .post(path, json!({"targets": [{"type": "invoice"}], "actor": {"metadata": {"role": "string"}}, "metadata": {}}))
        .await;
    assert_eq!(second.body["version"], 2);
    assert_eq!(second.body["actor"], json!({"metadata": {"type": "object", "properties": {"role": {"type": "string"}}}}));
    assert!(second.body.get("metadata").is_none());

    let list = server.caller().get(&format!("{path}?order=desc&limit=10")).await;
    let versions: Vec<_> =
        list.body["data"].as_array().unwrap().iter().map(|schema| schema["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [2, 1]);
    assert_eq!(list.body["data"][0], second.body);
    let page = server.caller().get(&format!("{path}?limit=1")).await;
    let after = page.body["list_metadata"]["after"].as_str().unwrap();
    assert!(after.starts_with("als_"), "{after}");
    assert_eq!(server.caller().get(&format!("{path}?limit=1&after={after}")).await.body["data"][0]["version"], 1);

    let actions = server.caller().get("/audit_logs/actions").await;
    assert_eq!(actions.body["data"][0]["name"], "user.viewed_invoice");
    assert_eq!(actions.body["data"][0]["schema"], second.body);
    server.stop().await;
}

#[tokio::test]
async fn names_of_actions_are_decoded_once() {
    let server = TestServer::start().await;
    for (path, name) in [
        ("team%2Fmember.added", "team/member.added"),
        ("a.json", "a.json"),
        ("100%25", "100%"),
        ("%252F", "%2F"),
        ("%E2%82%AC", "€"),
    ] {
        let path = format!("/audit_logs/actions/{path}/schemas");
        assert_eq!(server.caller().post(&path, json!({"targets": [{"type": "x"}]})).await.status, 201, "{path}");
        let newest = server.caller().get("/audit_logs/actions?limit=1").await;
        assert_eq!(newest.body["data"][0]["name"], name);
        assert_eq!(server.caller().get(&path).await.body["data"][0]["version"], 1);
    }
    server.stop().await;
}

#[tokio::test]
async fn names_that_no_event_can_have_are_refused() {
    let server = TestServer::start().await;
    for name in ["annals.data.erased", &"a".repeat(257)] {
        let reply =
            server.caller().post(&format!("/audit_logs/actions/{name}/schemas"), json!({"targets": [{"type": "x"}]})).await;
        assert_eq!((reply.status.as_u16(), &reply.body["errors"][0]["field"]), (422, &json!("action")), "{name}");
    }
    let unknown = server.caller().get("/audit_logs/actions/never.made/schemas").await;
    assert_eq!((unknown.status.as_u16(), unknown.message()), (404, "Audit Log Action not found: 'never.made'."));
    server.stop().await;
}

#[tokio::test]
async fn metadata_that_is_no_json_schema_is_refused() {
    let server = TestServer::start().await;
    for metadata in [
        json!({"type": "object", "properties": {"a": {"type": "nonsense"}}}),
        json!({"type": "object", "properties": {"a": 5}}),
        json!({"type": "object", "required": "a"}),
        json!({"type": "object", "$ref": "file:///etc/passwd"}),
        json!({"type": "object", "$ref": "http://127.0.0.1/schema.json"}),
        json!({"type": "object", "properties": {"a": {"pattern": "("}}}),
    ] {
        let body = json!({"targets": [{"type": "x", "metadata": metadata}]});
        let reply = server.caller().post("/audit_logs/actions/a/schemas", body).await;
        assert_eq!(reply.status, 422, "{metadata}: {reply:?}");
        assert!(reply.body["errors"][0]["field"].as_str().unwrap().starts_with("targets.0"), "{metadata}: {reply:?}");
    }
    server.stop().await;
}
