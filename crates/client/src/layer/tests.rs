//! An axum application whose requests are recorded, and the server that gets the entries.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Path, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::emitter::{Mode, Spool};
use crate::wire::ApiRequestActor;

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<Value>>>);

impl Server {
    /// Knows the organization `org_1` only, and no status 418. All or nothing, as the contract says.
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new().route("/v1/audit_logs", post(publish)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    fn entries(&self) -> Vec<Value> {
        self.0.lock().expect("unpoisoned").clone()
    }
}

async fn publish(State(server): State<Server>, body: Body) -> Response {
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    // This route knows no compression.
    let entries: Vec<Value> = serde_json::from_slice(&body).expect("an array");
    let unknown = |entry: &Value| entry.get("organization_id").is_some_and(|id| id != "org_1");
    if entries.iter().any(unknown) {
        let body = json!({"message": "Organization not found", "code": "entity_not_found", "entity_id": "org_9"});
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    }
    if let Some(at) = entries.iter().position(|entry| entry["status_code"] == 418) {
        let body = json!({"message": "Validation failed.", "errors": [{"field": format!("{at}.status_code"), "code": "wrong"}]});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    }
    let results: Vec<_> = entries.iter().map(|_| json!({"status": "stored", "id": "api_request_1"})).collect();
    server.0.lock().expect("unpoisoned").extend(entries);
    (StatusCode::CREATED, Json(json!({"results": results}))).into_response()
}

fn builder(url: &str) -> RequestLogBuilder {
    let client = Client::builder().api_key("sk_test_0123456789").base_url(url).build().expect("a client");
    RequestLog::builder(client)
        .linger(Duration::from_millis(5))
        .route(|request| Some(request.extensions.get::<MatchedPath>()?.as_str().to_owned()))
        .client_ip(|request| Some(request.extensions.get::<ConnectInfo<SocketAddr>>()?.ip()))
        .describe(|request| match request.headers.get("x-user").and_then(|user| user.to_str().ok()) {
            Some("panic") => panic!("a closure that fails"),
            Some(user) => RequestDetails::new().user(user),
            None => RequestDetails::new(),
        })
}

async fn project(Path(id): Path<String>) -> (Extension<RequestDetails>, &'static str) {
    (Extension(RequestDetails::new().action("project.read").organization("org_1").target("project", id)), "a project")
}

fn app(log: &RequestLog) -> Router {
    let status = |Path(code): Path<u16>| async move { StatusCode::from_u16(code).expect("a status") };
    let elsewhere = || async { Extension(RequestDetails::new().organization("org_9")) };
    Router::new()
        .route("/projects/{id}", get(project))
        .route("/status/{code}", any(status))
        .route("/elsewhere", get(elsewhere))
        .route("/health", get(|| async { Extension(RequestDetails::new().unrecorded()) }))
        .route("/slow", get(std::future::pending::<()>))
        .layer(log.clone())
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer: SocketAddr = "198.51.100.1:4711".parse().expect("an address");
    request.extension(ConnectInfo(peer)).body(Body::from("the body")).expect("a request")
}

async fn flush(log: &RequestLog) {
    assert!(tokio::time::timeout(Duration::from_secs(30), log.flush()).await.expect("in time"));
}

/// The entry of one request, without what differs from run to run.
async fn check(log: &RequestLog, server: &Server, request: Request<Body>, expected: Value) {
    let before = server.entries().len();
    app(log).oneshot(request).await.expect("served");
    flush(log).await;
    let mut entry = server.entries().remove(before);
    let mut gone = |name| entry.as_object_mut().expect("an object").remove(name).expect(name);
    assert!(gone("idempotency_key").as_str().is_some_and(|key| key.starts_with("emit-")));
    assert!(gone("created_at").as_str().is_some_and(|time| time.ends_with('Z')));
    assert_eq!(entry, expected);
}

#[tokio::test]
async fn a_request_becomes_an_entry() {
    let server = Server::default();
    let log = builder(&server.start().await).build().expect("a log");
    let headers = [("x-user", "ann"), ("user-agent", "curl/8"), ("x-forwarded-for", "6.6.6.6")];
    let expected = json!({
        "action": "project.read", "actor": {"id": "ann", "name": null, "type": "user"}, "client_ip": "198.51.100.1", "method": "GET",
        "path": "/projects/p_7", "status_code": 200, "user_agent": "curl/8", "target": {"id": "p_7", "type": "project"},
        "organization_id": "org_1"
    });
    check(&log, &server, request("GET", "/projects/p_7?token=secret", &headers), expected).await;
    let anonymous = json!({"id": "anonymous", "name": null, "type": "user"});
    let expected = json!({"action": "PUT /status/{code}", "actor": anonymous, "client_ip": "198.51.100.1", "method": "PUT",
        "path": "/status/503", "status_code": 503});
    check(&log, &server, request("PUT", "/status/503", &[]), expected).await;
    let expected = json!({"action": "GET", "actor": anonymous, "client_ip": "198.51.100.1", "method": "GET",
        "path": "/nowhere", "status_code": 404});
    check(&log, &server, request("GET", "/nowhere", &[("x-user", "panic")]), expected).await;
}

#[tokio::test]
async fn a_forwarded_address_counts_when_asked() {
    let server = Server::default();
    let log = builder(&server.start().await).trusted_proxies(1).build().expect("a log");
    for (forwarded, expected) in [("6.6.6.6, 203.0.113.7", "203.0.113.7"), ("nonsense", "198.51.100.1")] {
        app(&log).oneshot(request("GET", "/nowhere", &[("x-forwarded-for", forwarded)])).await.expect("served");
        flush(&log).await;
        assert_eq!(server.entries().last().expect("an entry")["client_ip"], expected);
    }
}

#[tokio::test]
async fn details_come_from_three_sides() {
    let details = RequestDetails::new().user("outer").action("a").organization("org_1");
    let later = RequestDetails::new().api_key("inner").target("t", "1");
    let both = details.overlaid(later);
    let actor = ApiRequestActor { id: "inner".to_owned(), name: None, kind: crate::wire::ApiRequestActorType::ApiKey };
    assert_eq!((both.action.as_deref(), both.actor, both.organization_id.as_deref()), (Some("a"), Some(actor), Some("org_1")));
    let server = Server::default();
    let log = builder(&server.start().await).build().expect("a log");
    let mut outer = request("GET", "/status/200", &[]);
    outer.extensions_mut().insert(RequestDetails::new().user("outer").action("outer.action"));
    app(&log).oneshot(outer).await.expect("served");
    flush(&log).await;
    let entry = server.entries().remove(0);
    assert_eq!((&entry["actor"]["id"], &entry["action"]), (&"outer".into(), &"outer.action".into()));
}

/// All or nothing on the server must not become nothing here.
#[tokio::test]
async fn entries_that_are_refused_hold_up_nobody() {
    let server = Server::default();
    let log = builder(&server.start().await).linger(Duration::from_millis(200)).build().expect("a log");
    for number in 0..100 {
        let uri = match number {
            20 | 77 => "/status/418".to_owned(),
            50 => "/elsewhere".to_owned(),
            60 => "/health".to_owned(),
            _ => format!("/nowhere/{number}"),
        };
        app(&log).oneshot(request("GET", &uri, &[])).await.expect("served");
    }
    flush(&log).await;
    let paths: Vec<_> = server.entries().iter().map(|entry| entry["path"].as_str().expect("a path").to_owned()).collect();
    let expected = (0..100).filter(|number| ![20, 50, 60, 77].contains(number)).map(|number| format!("/nowhere/{number}"));
    assert!(paths.iter().cloned().eq(expected), "{paths:?}");
    assert_eq!((log.stats().sent, log.stats().refused), (96, 3));
}

#[tokio::test]
async fn a_client_that_goes_away_is_recorded_too() {
    let server = Server::default();
    let log = builder(&server.start().await).build().expect("a log");
    let gone = tokio::time::timeout(Duration::from_millis(20), app(&log).oneshot(request("GET", "/slow", &[]))).await;
    assert!(gone.is_err());
    flush(&log).await;
    assert_eq!(server.entries()[0]["status_code"], 499);
}

#[tokio::test]
async fn a_server_that_is_away_fails_no_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = Mode::Spool(Spool::at(folder.path().join("full")).bytes_max(10));
    let spool = Mode::Spool(Spool::at(folder.path()));
    for (mode, dropped) in [(Mode::FailOpen, 15), (Mode::FailClosed, 15), (full, 20), (spool, 0)] {
        let log = builder("http://127.0.0.1:9").mode(mode).queue(5, 1024 * 1024).build().expect("a log");
        for _ in 0..20 {
            let response = app(&log).oneshot(request("GET", "/projects/p_7", &[])).await.expect("served");
            let body = axum::body::to_bytes(response.into_body(), 1024).await.expect("a body");
            assert_eq!(&body[..], b"a project");
        }
        let stats = log.shutdown(Duration::ZERO).await;
        let in_memory = if dropped == 15 { 5 } else { 0 };
        assert_eq!(stats.dropped, dropped + in_memory);
    }
    let server = Server::default();
    let log = builder(&server.start().await).mode(Mode::Spool(Spool::at(folder.path()))).build().expect("a log");
    flush(&log).await;
    assert_eq!(server.entries().len(), 20);
}

#[test]
fn the_address_of_the_peer_is_the_closures_to_say() {
    let rules = Rules { client_ip: Some(Box::new(|_| Some(IpAddr::from([127, 0, 0, 1])))), ..Rules::default() };
    let (parts, _) = request("GET", "/", &[]).into_parts();
    assert_eq!(rules.begin(&parts).end(200, None).expect("an entry").client_ip, "127.0.0.1");
}
