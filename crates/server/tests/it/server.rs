//! A server of one's own for each test, and callers with keys. Every answer is checked for what all answers must have.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use annals_core::time::Micros;
use annals_engine::{Clock, Engine, Settings, SystemClock};
use annals_server::Config;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct TestServer {
    pub address: std::net::SocketAddr,
    pub engine: Engine,
    pub clock: MovableClock,
    key: String,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<std::io::Result<()>>,
    folder: tempfile::TempDir,
}

/// The machine's clock, and as far ahead as the test says.
#[derive(Clone, Default)]
pub struct MovableClock {
    ahead_micros: Arc<AtomicI64>,
}

impl MovableClock {
    pub fn advance(&self, by: Duration) {
        self.ahead_micros.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Micros {
        Micros::saturating(SystemClock.now().get() + self.ahead_micros.load(Ordering::SeqCst))
    }
}

impl TestServer {
    pub async fn start() -> Self {
        Self::start_with(Config::default()).await
    }

    pub async fn start_with(config: Config) -> Self {
        Self::start_on(config, |_| {}).await
    }

    pub async fn start_on(config: Config, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = MovableClock::default();
        let mut settings = Settings::on(folder.path());
        change(&mut settings);
        let opened = Engine::open(settings, Arc::new(clock.clone())).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let running = tokio::spawn(annals_server::run(config, opened.engine.clone(), listener, shutdown));
        Self {
            address,
            engine: opened.engine,
            clock,
            key: opened.first_key.unwrap().expose().to_owned(),
            http: reqwest::Client::new(),
            stop: Some(stop),
            running,
            folder,
        }
    }

    /// With the environment's key.
    pub fn caller(&self) -> Caller<'_> {
        self.with_key(&self.key)
    }
    pub fn with_key(&self, key: &str) -> Caller<'_> {
        Caller { server: self, headers: bearer(key) }
    }
    pub fn without_key(&self) -> Caller<'_> {
        Caller { server: self, headers: HeaderMap::new() }
    }
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The engine's data.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// An organization's id.
    pub async fn organization(&self, name: &str) -> String {
        let made = self.caller().post("/organizations", json!({"name": name})).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body["id"].as_str().unwrap().to_owned()
    }
    /// A key of one organization.
    pub async fn organization_key(&self, organization: &str) -> (String, String) {
        let made = self.caller().post(&format!("/organizations/{organization}/api_keys"), json!({"name": "k"})).await;
        assert_eq!(made.status, 201, "{made:?}");
        (made.body["id"].as_str().unwrap().to_owned(), made.body["value"].as_str().unwrap().to_owned())
    }
    /// Makes the next version of the action's schema, with these target types.
    pub async fn action(&self, name: &str, targets: &[&str]) {
        let targets: Vec<_> = targets.iter().map(|kind| json!({"type": kind})).collect();
        let made = self.caller().post(&format!("/audit_logs/actions/{name}/schemas"), json!({"targets": targets})).await;
        assert_eq!(made.status, 201, "{made:?}");
    }

    /// Asks the server to stop without waiting for it.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }
    /// Stops the server and the engine.
    pub async fn stop(mut self) {
        self.begin_stop();
        (&mut self.running).await.unwrap().unwrap();
        self.engine.close().await;
    }
    pub fn is_running(&self) -> bool {
        !self.running.is_finished()
    }
}

fn bearer(key: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
    HeaderMap::from_iter([(reqwest::header::AUTHORIZATION, value)])
}

/// Somebody with certain headers.
#[derive(Clone)]
pub struct Caller<'s> {
    server: &'s TestServer,
    headers: HeaderMap,
}

impl Caller<'_> {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body.to_string())).await
    }
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }
    pub async fn post_text(&self, path: &str, body: impl Into<String>) -> Reply {
        self.send(Method::POST, path, Some(body.into())).await
    }

    /// An answer without an end.
    pub async fn follow(&self, path: &str) -> reqwest::Response {
        let response = self.server.http.get(self.server.url(path)).headers(self.headers.clone()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream", "{path}");
        response
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Reply {
        let sent = body.clone();
        let reply = self.exchange(&method, path, body.map(String::into_bytes)).await;
        crate::contract::check(&method, path, sent.as_deref(), &reply);
        reply
    }

    /// A body that is not JSON, or one that is answered with success although parts of it are wrong.
    pub async fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Reply {
        let reply = self.exchange(&Method::POST, path, Some(body.into())).await;
        crate::contract::check(&Method::POST, path, None, &reply);
        reply
    }

    async fn exchange(&self, method: &Method, path: &str, body: Option<Vec<u8>>) -> Reply {
        let mut request = self.server.http.request(method.clone(), self.server.url(path)).headers(self.headers.clone());
        if let Some(body) = body {
            if !self.headers.contains_key("content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let (status, headers) = (response.status(), response.headers().clone());
        // A stream of events has no end.
        let endless = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if endless { String::new() } else { response.text().await.unwrap() };
        let reply = Reply::new(status, headers, text);
        assert!(reply.header("x-request-id").is_some_and(|id| id.len() > 8), "{method} {path}: no request id in {reply:?}");
        if status.is_client_error() || status.is_server_error() {
            reply.check_refusal(method, path);
        }
        reply
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    /// `null` when the text is not JSON.
    pub body: Value,
}

impl Reply {
    fn new(status: StatusCode, headers: HeaderMap, text: String) -> Self {
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status, headers, text, body }
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
    /// The ids of a list.
    pub fn ids(&self) -> Vec<&str> {
        self.body["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
    }

    /// What clients need from every refusal (wire contract §10).
    fn check_refusal(&self, method: &Method, path: &str) {
        let what = format!("{method} {path}: {self:?}");
        if method != Method::HEAD {
            assert!(self.body.is_object(), "not an object: {what}");
            let messages =
                self.body["message"].is_string() || (self.body["message"].is_array() && self.body["error"] == "Bad Request");
            assert!(messages, "no message: {what}");
            assert!(
                self.body.get("error").is_none() || self.body["message"].is_array(),
                "clients take `error` for a login failure: {what}"
            );
        }
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"), "{what}");
        if matches!(self.status.as_u16(), 429 | 503) {
            let seconds: u64 =
                self.header("retry-after").unwrap_or_default().parse().unwrap_or_else(|_| panic!("no integer: {what}"));
            assert!((1..=60).contains(&seconds), "{what}");
        }
        assert_eq!(self.status == 405, self.headers.contains_key("allow"), "{what}");
    }
}

pub fn check_refused(reply: &Reply, status: u16, body: Value) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.body, body, "{reply:?}");
}

/// An event of `user.signed_in` with a target of type `team`.
pub fn event(organization: &str) -> Value {
    json!({
        "organization_id": organization,
        "event": {
            "action": "user.signed_in",
            "occurred_at": "2022-08-29T19:47:52.336Z",
            "actor": {"type": "user", "id": "user_TF4C5938"},
            "targets": [{"type": "team", "id": "team_1"}],
            "context": {"location": "1.2.3.4"}
        }
    })
}
