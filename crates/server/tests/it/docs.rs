use serde_json::Value;

use crate::server::TestServer;

#[tokio::test]
async fn the_page_loads_only_from_this_server_and_runs_no_inline_script() {
    let server = TestServer::start().await;
    let page = server.without_key().get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'self'"));
    assert!(!page.text.contains("http:") && !page.text.contains("https:"));
    for (i, _) in page.text.match_indices("<script") {
        assert!(
            page.text[i..].starts_with("<script src=\"/docs/")
                && page.text[i..].split_once('>').unwrap().1.starts_with("</script>")
        );
    }
    for (i, _) in page.text.match_indices("\"/docs/") {
        let path = page.text[i + 1..].split('"').next().unwrap();
        let file = server.without_key().get(path).await;
        assert_eq!(file.status, 200, "{path}");
        assert!(!file.text.is_empty());
    }
    assert_eq!(server.without_key().get("/docs/nothing.js").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn the_document_is_served_and_complete() {
    let server = TestServer::start().await;
    let reply = server.without_key().get("/openapi.json").await;
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(reply.body, serde_json::to_value(annals_server::openapi()).unwrap());
    check_references(&reply.body, &reply.body);
    for (path, item) in reply.body["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                !responses.is_empty() && operation["operationId"].is_string() && operation["summary"].is_string(),
                "{method} {path}"
            );
            // The HTTP library refuses long URLs by itself, without a body.
            for (status, response) in responses.iter().filter(|(status, _)| *status != "414") {
                assert!(response["headers"]["X-Request-Id"].is_object(), "{method} {path} {status}");
                let json = &response["content"]["application/json"]["schema"];
                assert!(status.starts_with('2') || json.is_object(), "{method} {path} {status} has no body");
            }
        }
    }
    server.stop().await;
}

/// Every `$ref` leads somewhere.
fn check_references(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
            }
            members.values().for_each(|member| check_references(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(document, item)),
        _ => {}
    }
}
