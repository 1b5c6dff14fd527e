//! Every route refuses wrong keys. The routes come from the OpenAPI document, which is made from the router itself, so none can be left out.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use annals_server::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Caller, TestServer, event};

/// The routes that need no key.
const OPEN: [&str; 8] = [
    "GET /",
    "GET /audit_logs/exports/{id}/download",
    "GET /docs",
    "GET /docs/{file}",
    "GET /health",
    "GET /metrics",
    "GET /openapi.json",
    "GET /ready",
];

/// The routes that a key of one organization may use, for its own organization.
const FOR_ORGANIZATIONS: &[&str] = &[
    "GET /audit_logs/exports/{id}",
    "GET /legacy/events",
    "GET /organizations/external_id/{external_id}",
    "GET /organizations/{id}",
    "GET /organizations/{id}/audit_log_configuration",
    "GET /organizations/{id}/audit_logs_retention",
    "GET /v1/audit_log_events",
    "GET /v1/audit_log_events/stats",
    "GET /v1/audit_log_events/tail",
    "GET /v1/audit_log_events/{id}",
    "GET /v1/audit_logs",
    "GET /v1/audit_logs/{id}",
    "POST /audit_logs/events",
    "POST /audit_logs/exports",
    "POST /events",
    "POST /legacy/events",
    "POST /v1/audit_log_events/batch",
];

struct Route {
    name: String,
    method: Method,
    template: String,
    open: bool,
    refusals: BTreeSet<String>,
}

fn routes() -> Vec<Route> {
    let document = serde_json::to_value(annals_server::openapi()).unwrap();
    let mut routes = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            routes.push(Route {
                name: format!("{method} {template}"),
                method,
                template: template.clone(),
                open: operation.get("security").is_some_and(|security| security == &json!([{}]) || security == &json!([])),
                refusals: operation["responses"].as_object().unwrap().keys().cloned().collect(),
            });
        }
    }
    assert!(routes.len() > 20);
    routes
}

/// Things of one tenant that paths and bodies can name.
struct Things {
    organization: String,
    external_id: String,
    export: String,
    api_key: String,
    api_request: String,
    event: String,
}

impl Things {
    async fn make(server: &TestServer, caller: &Caller<'_>, external_id: &str) -> Self {
        let text = |reply: &crate::server::Reply| reply.body["id"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        let organization = text(&caller.post("/organizations", json!({"name": "x", "external_id": external_id})).await);
        assert_eq!(
            caller.post("/audit_logs/actions/user.signed_in/schemas", json!({"targets": [{"type": "team"}]})).await.status,
            201
        );
        let export = text(&caller.post("/audit_logs/exports", Self::export_of(&organization)).await);
        let api_key = text(&caller.post(&format!("/organizations/{organization}/api_keys"), json!({"name": "x"})).await);
        let api_request = text(&caller.post("/v1/audit_logs", Self::request_about(&organization)).await);
        let _ = server;
        assert_eq!(caller.post("/audit_logs/events", event(&organization)).await.status, 200);
        let events = caller.get(&format!("/v1/audit_log_events?organization_id={organization}")).await;
        let event = events.ids()[0].to_owned();
        Self { organization, external_id: external_id.to_owned(), export, api_key, api_request, event }
    }
    fn request_about(organization: &str) -> Value {
        let actor = json!({"id": "user_1", "type": "user"});
        json!({"action": "a.b", "actor": actor, "client_ip": "::1", "method": "GET", "path": "/", "status_code": 200, "organization_id": organization})
    }
    fn export_of(organization: &str) -> Value {
        json!({"organization_id": organization, "range_start": "2022-01-01", "range_end": "2023-01-01"})
    }

    fn path(&self, template: &str) -> String {
        let id = match template {
            _ if template.starts_with("/api_keys") => &self.api_key,
            _ if template.starts_with("/audit_logs/exports") => &self.export,
            _ if template.starts_with("/v1/audit_log_events") => &self.event,
            _ if template.starts_with("/v1/audit_logs") => &self.api_request,
            _ => &self.organization,
        };
        template
            .replace("{id}", id)
            .replace("{external_id}", &self.external_id)
            .replace("{action}", "user.signed_in")
            .replace("{file}", "start.js")
            + &self.query(template)
    }
    fn query(&self, template: &str) -> String {
        match template {
            "/events" => "?events=*".to_owned(),
            "/v1/audit_log_events" | "/v1/audit_log_events/stats" | "/v1/audit_log_events/tail" => {
                format!("?organization_id={}", self.organization)
            }
            _ => String::new(),
        }
    }
    fn body(&self, route: &Route) -> Option<String> {
        let body = match route.name.as_str() {
            "POST /audit_logs/events" => event(&self.organization),
            "POST /audit_logs/exports" => Self::export_of(&self.organization),
            "POST /events" | "POST /legacy/events" => crate::trail::event(&self.organization),
            "POST /v1/audit_log_events/batch" => json!([event(&self.organization)]),
            "POST /v1/audit_log_events/purge" => json!({"dry_run": true}),
            "POST /audit_logs/actions/{action}/schemas" => json!({"targets": [{"type": "team"}]}),
            "POST /v1/events" => json!({"event": "user.created", "data": {}, "organization_id": self.organization}),
            "POST /v1/audit_logs" => Self::request_about(&self.organization),
            "POST /api_keys/validations" => json!({"value": "sk_of_nobody_at_all"}),
            "PUT /organizations/{id}/audit_logs_retention" => json!({"retention_period_in_days": 30}),
            name if name.starts_with("POST") || name.starts_with("PUT") => json!({"name": "changed"}),
            _ => return None,
        };
        Some(body.to_string())
    }
    async fn call(&self, caller: &Caller<'_>, route: &Route) -> crate::server::Reply {
        caller.send(route.method.clone(), &self.path(&route.template), self.body(route)).await
    }
}

/// Ids of a page of the API-request log.
fn entry_ids(reply: &crate::server::Reply) -> BTreeSet<String> {
    reply.body["items"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_routes_without_a_key_are_these() {
    let open: Vec<_> = routes().into_iter().filter(|route| route.open).map(|route| route.name).collect();
    assert_eq!(open, OPEN);
}

#[test]
fn every_refusal_is_documented() {
    for route in routes().iter().filter(|route| !route.open) {
        assert!(["401", "429", "500", "503"].iter().all(|status| route.refusals.contains(*status)), "{}", route.name);
        let for_organizations = FOR_ORGANIZATIONS.contains(&route.name.as_str());
        assert_eq!(!for_organizations, route.refusals.contains("403"), "{}", route.name);
        if matches!(route.method, Method::POST | Method::PUT) {
            assert!(["400", "413", "415", "422"].iter().all(|status| route.refusals.contains(*status)), "{}", route.name);
        }
    }
}

#[tokio::test]
async fn every_route_refuses_missing_wrong_expired_and_deleted_keys() {
    let refused_keys_per_minute = NonZeroU32::new(100_000).unwrap();
    let server = TestServer::start_with(Config { refused_keys_per_minute, ..Config::default() }).await;
    let things = Things::make(&server, &server.caller(), "e").await;
    let (deleted_id, deleted) = server.organization_key(&things.organization).await;
    let (expired_id, expired) = server.organization_key(&things.organization).await;
    let soon = server
        .caller()
        .post(&format!("/organizations/{}/api_keys", things.organization), json!({"name": "x", "expires_at": "2999-01-01"}))
        .await;
    let outlived = soon.body["value"].as_str().unwrap().to_owned();
    // All three were good a moment ago, so that a cache would remember them.
    for key in [&deleted, &expired, &outlived] {
        assert_eq!(server.with_key(key).get(&format!("/organizations/{}", things.organization)).await.status, 200);
    }
    assert_eq!(server.caller().delete(&format!("/api_keys/{deleted_id}")).await.status, 204);
    assert_eq!(server.caller().post(&format!("/api_keys/{expired_id}/expire"), json!({})).await.status, 200);
    server.clock.advance(Duration::from_secs(1000 * 366 * 24 * 60 * 60));

    let key = server.caller();
    let callers = [
        ("no key", server.without_key()),
        ("an unknown key", server.with_key("sk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
        ("an empty key", server.with_key("")),
        ("a hostile key", server.with_key("' OR 1=1 --")),
        ("another scheme", server.without_key().header("authorization", "Basic c2s6")),
        ("a deleted key", server.with_key(&deleted)),
        ("an expired key", server.with_key(&expired)),
        ("a key that outlived its time", server.with_key(&outlived)),
    ];
    for route in routes() {
        for (what, caller) in &callers {
            let reply = things.call(caller, &route).await;
            if route.open {
                assert_ne!(reply.status, 401, "{} with {what}", route.name);
            } else {
                assert_eq!(
                    (reply.status.as_u16(), &reply.body),
                    (401, &json!({"message": "Unauthorized"})),
                    "{} with {what}",
                    route.name
                );
            }
        }
    }
    // Nothing was done by any of them.
    let organization = key.get(&format!("/organizations/{}", things.organization)).await;
    assert_eq!((organization.status.as_u16(), &organization.body["name"]), (200, &json!("x")));
    server.stop().await;
}

#[tokio::test]
async fn no_route_shows_or_touches_another_environment() {
    let server = TestServer::start().await;
    let (_, other_key) = server.engine.create_environment("other").await.unwrap();
    let other = server.with_key(other_key.expose());
    let theirs = Things::make(&server, &server.caller(), "theirs").await;
    let before = server.caller().get(&format!("/organizations/{}", theirs.organization)).await;
    for route in routes().iter().filter(|route| !route.open) {
        let reply = theirs.call(&other, route).await;
        let named = route.template.contains("{id}") || route.template.contains("{external_id}");
        match route.name.as_str() {
            // What these name in their body belongs to the other environment.
            "POST /audit_logs/events" | "POST /v1/audit_logs" | "POST /v1/events" => assert_eq!(reply.status, 404),
            "POST /audit_logs/exports" => assert_eq!(reply.status, 400),
            "POST /events" | "POST /legacy/events" => assert_eq!(reply.status, 422),
            "POST /v1/audit_log_events/batch" => check_item_not_found(&reply),
            name if named => assert_eq!(reply.status, 404, "{name}: {reply:?}"),
            // What it did here is its own business, and nothing else is.
            "GET /v1/audit_logs" => {
                let others = entry_ids(&server.caller().get("/v1/audit_logs?limit=100").await);
                assert!(!others.is_empty() && entry_ids(&reply).is_disjoint(&others), "{reply:?}");
            }
            // Lists of an environment that has nothing yet, and things made in it.
            name if route.method == Method::GET => {
                let empty = reply.status == 404 || reply.body["data"].as_array().is_some_and(Vec::is_empty);
                assert!(empty, "{name}: {reply:?}");
            }
            name => assert!(reply.status.is_success(), "{name}: {reply:?}"),
        }
    }
    let after = server.caller().get(&format!("/organizations/{}", theirs.organization)).await;
    assert_eq!(before.body, after.body);
    let keys = server.caller().get(&format!("/organizations/{}/api_keys", theirs.organization)).await;
    assert_eq!(keys.ids(), [&theirs.api_key]);
    assert_eq!(keys.body["data"][0]["expires_at"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn a_key_of_an_organization_reaches_its_own_organization_only() {
    let server = TestServer::start().await;
    let own = Things::make(&server, &server.caller(), "own").await;
    let other = Things::make(&server, &server.caller(), "other").await;
    let (_, key) = server.organization_key(&own.organization).await;
    for route in routes().iter().filter(|route| !route.open) {
        let (mine, theirs) = (own.call(&server.with_key(&key), route).await, other.call(&server.with_key(&key), route).await);
        if route.name == "GET /v1/audit_logs" {
            let entries = mine.body["items"].as_array().unwrap();
            assert!(
                entries.len() > 2 && entries.iter().all(|entry| entry["organization_id"] == json!(own.organization)),
                "{mine:?}"
            );
        } else if FOR_ORGANIZATIONS.contains(&route.name.as_str()) {
            assert!(mine.status.is_success(), "{}: {mine:?}", route.name);
            let expected = match route.name.as_str() {
                "POST /audit_logs/exports" => 400,
                // A list shows an organization's key what is its own, whoever asked for it.
                "GET /legacy/events" => 200,
                "POST /events" | "POST /legacy/events" => 422,
                "POST /v1/audit_log_events/batch" => {
                    check_item_not_found(&theirs);
                    200
                }
                _ => 404,
            };
            assert_eq!(theirs.status, expected, "{}: {theirs:?}", route.name);
        } else {
            assert_eq!((mine.status.as_u16(), theirs.status.as_u16()), (403, 403), "{}", route.name);
        }
    }
    server.stop().await;
}

/// A batch is answered item by item.
fn check_item_not_found(reply: &crate::server::Reply) {
    assert_eq!((&reply.body["refused"], &reply.body["results"][0]["http_status"]), (&json!(1), &json!(404)), "{reply:?}");
}
