use std::collections::HashMap;
use std::time::Duration;

use annals_server::Config;
use serde_json::{Value, json};

use crate::server::{Reply, TestServer, check_refused, event};

const EXPORTS: &str = "/audit_logs/exports";

/// Three events, one per second, by Ann, Ben and Ann.
async fn server_with_events() -> (TestServer, String) {
    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    server.action("user.signed_in", &["team"]).await;
    for (second, name, id) in [(1, "Ann", "u1"), (2, "Ben", "u2"), (3, "Ann", "u3")] {
        let mut body = event(&organization);
        body["event"]["occurred_at"] = json!(format!("2022-08-29T00:00:0{second}.000Z"));
        body["event"]["actor"] = json!({"type": "user", "id": id, "name": name, "metadata": {"n": second}});
        body["event"]["metadata"] = json!({"note": "=1+1", "tag": "a,\"b\"\nc"});
        assert_eq!(server.caller().post("/audit_logs/events", body).await.status, 200);
    }
    (server, organization)
}

fn export(organization: &str) -> Value {
    json!({"organization_id": organization, "range_start": "2022-08-29T00:00:01.000Z", "range_end": "2022-08-29T00:00:03.000Z"})
}

async fn ready(server: &TestServer, created: &Reply) -> Reply {
    assert_eq!((created.status.as_u16(), &created.body["state"]), (201, &json!("pending")), "{created:?}");
    assert!(created.body.get("url").is_none());
    let path = format!("{EXPORTS}/{}", created.body["id"].as_str().unwrap());
    for _ in 0..300 {
        let reply = server.caller().get(&path).await;
        match reply.body["state"].as_str() {
            Some("ready") => return reply,
            Some("pending") => assert!(reply.body.get("url").is_none()),
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the export never gets ready");
}

/// Path and query of the export's link.
fn link(server: &TestServer, export: &Reply) -> String {
    let url = export.body["url"].as_str().unwrap();
    url.strip_prefix(&server.url("")).unwrap_or_else(|| panic!("{url} is not on this server")).to_owned()
}

/// The rows of an export, each by the names of its columns.
pub async fn rows(server: &TestServer, body: Value) -> Vec<HashMap<String, String>> {
    let export = ready(server, &server.caller().post(EXPORTS, body).await).await;
    let file = server.without_key().get(&link(server, &export)).await;
    csv::Reader::from_reader(file.text.as_bytes()).deserialize().map(|row| row.unwrap()).collect()
}

async fn actors(server: &TestServer, body: Value) -> Vec<String> {
    rows(server, body).await.into_iter().map(|mut row| row.remove("actor_id").unwrap()).collect()
}

#[tokio::test]
async fn an_export_gets_ready_and_its_links_die() {
    let (server, organization) = server_with_events().await;
    let export = ready(&server, &server.caller().post(EXPORTS, export(&organization)).await).await;
    let id = export.body["id"].as_str().unwrap().to_owned();
    let again = server.caller().get(&format!("{EXPORTS}/{id}")).await;
    assert_ne!(link(&server, &export), link(&server, &again));

    let file = server.without_key().get(&link(&server, &export)).await;
    assert_eq!(file.status, 200, "{file:?}");
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(file.header("content-disposition"), Some(format!("attachment; filename=\"{id}.csv\"").as_str()));
    assert_eq!(file.header("content-length"), Some(file.text.len().to_string().as_str()));
    assert!(file.text.starts_with("id,action,version,occurred_at,actor_id,") && file.text.contains("\r\n"), "{}", file.text);

    let good = link(&server, &export);
    let signature = good.rfind("signature=").unwrap() + "signature=".len();
    let flipped = if &good[signature..=signature] == "0" { "1" } else { "0" };
    for altered in [
        format!("{}{flipped}{}", &good[..signature], &good[signature + 1..]),
        good.replace("expires=", "expires=1"),
        good.replace("nonce=", "nonce=0"),
        good.split('?').next().unwrap().to_owned(),
        good.replace("signature=", "other="),
    ] {
        assert_eq!(server.without_key().get(&altered).await.status, 403, "{altered}");
        assert_eq!(server.caller().get(&altered).await.status, 403, "{altered}");
    }
    server.clock.advance(Duration::from_secs(9 * 60));
    assert_eq!(server.without_key().get(&good).await.status, 200);
    server.clock.advance(Duration::from_secs(60 + 1));
    assert_eq!(server.without_key().get(&good).await.status, 403);
    let fresh = server.caller().get(&format!("{EXPORTS}/{id}")).await;
    assert_eq!(server.without_key().get(&link(&server, &fresh)).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn filters_and_ranges_select_rows() {
    let (server, organization) = server_with_events().await;
    let with = |members: Value| {
        let mut body = export(&organization);
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    for (members, expected) in [
        (json!({}), vec!["u1", "u2", "u3"]),
        (json!({"actions": null, "targets": [], "actors": null}), vec!["u1", "u2", "u3"]),
        (json!({"range_end": "2022-08-29T00:00:01.000Z"}), vec!["u1"]),
        (json!({"range_start": "2022-08-29T00:00:03Z"}), vec!["u3"]),
        (json!({"actor_names": ["Ben"]}), vec!["u2"]),
        (json!({"actors": ["Ben"]}), vec!["u2"]),
        (json!({"actors": ["Ben"], "actor_names": ["Ann"]}), vec!["u1", "u2", "u3"]),
        (json!({"actor_ids": ["u1", "u3"], "actor_names": ["Ann"]}), vec!["u1", "u3"]),
        (json!({"actor_ids": ["u1"], "actor_names": ["Ben"]}), vec![]),
        (json!({"targets": ["team"]}), vec!["u1", "u2", "u3"]),
        (json!({"targets": ["door"]}), vec![]),
        (json!({"actions": ["user.signed_out"]}), vec![]),
    ] {
        let mut rows = actors(&server, with(members.clone())).await;
        rows.sort_unstable();
        assert_eq!(rows, expected, "{members}");
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_exports_are_refused() {
    let (server, organization) = server_with_events().await;
    let with = |name: &str, value: Value| {
        let mut body = export(&organization);
        body[name] = value;
        body
    };
    let backwards = json!({"message": "Invalid date range", "code": "invalid_audit_log_export_range_date"});
    check_refused(&server.caller().post(EXPORTS, with("range_end", json!("2022-08-28"))).await, 400, backwards);
    let date = json!({"message": ["range_start must be a valid ISO 8601 date string"], "error": "Bad Request"});
    for wrong in [json!("soon"), json!(5), json!("2022-02-30")] {
        check_refused(&server.caller().post(EXPORTS, with("range_start", wrong)).await, 400, date.clone());
    }
    for id in ["org_01EHWNCE74X7JSDV0X3SZ3KJNY", "bogus-id"] {
        let unknown = json!({"message": format!("Organization not found: '{id}'.")});
        check_refused(&server.caller().post(EXPORTS, export(id)).await, 400, unknown);
    }
    let missing = server.caller().get(&format!("{EXPORTS}/audit_log_export_01GBZK5MP7TD1YCFQHFR22180V")).await;
    assert_eq!(
        (missing.status.as_u16(), missing.message()),
        (404, "Audit Log Export not found: 'audit_log_export_01GBZK5MP7TD1YCFQHFR22180V'.")
    );
    server.stop().await;
}

#[tokio::test]
async fn an_export_is_seen_by_its_own_keys_only() {
    let (server, organization) = server_with_events().await;
    let (_, own) = server.organization_key(&organization).await;
    let (_, other) = server.organization_key(&server.organization("Bar").await).await;
    let (_, elsewhere) = server.engine.create_environment("other").await.unwrap();
    let created = server.with_key(&own).post(EXPORTS, export(&organization)).await;
    let path = format!("{EXPORTS}/{}", created.body["id"].as_str().unwrap());
    assert_eq!(server.with_key(&own).get(&path).await.status, 200);
    assert_eq!(server.with_key(&other).get(&path).await.status, 404);
    assert_eq!(server.with_key(elsewhere.expose()).get(&path).await.status, 404);
    assert_eq!(server.with_key(&other).post(EXPORTS, export(&organization)).await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn links_begin_with_the_public_url_or_a_plain_host() {
    let public = "https://audit.example.com/".parse().unwrap();
    let server = TestServer::start_with(Config { public_url: Some(public), ..Config::default() }).await;
    let organization = server.organization("Foo").await;
    let export_1 = ready(&server, &server.caller().post(EXPORTS, export(&organization)).await).await;
    assert!(export_1.body["url"].as_str().unwrap().starts_with("https://audit.example.com/audit_logs/exports/audit_log_export_"));
    server.stop().await;

    let server = TestServer::start().await;
    let organization = server.organization("Foo").await;
    let export_2 = ready(&server, &server.caller().post(EXPORTS, export(&organization)).await).await;
    let path = format!("{EXPORTS}/{}", export_2.body["id"].as_str().unwrap());
    for (host, base) in [
        ("audit.test:8080", "http://audit.test:8080/".to_owned()),
        ("evil\"><script>", server.url("/")),
        ("a@b", server.url("/")),
    ] {
        let reply = server.caller().header("host", host).get(&path).await;
        assert!(reply.body["url"].as_str().unwrap().starts_with(&base), "{host}: {reply:?}");
    }
    server.stop().await;
}
