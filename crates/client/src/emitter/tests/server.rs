//! The batch route of a server that keeps keys and events in memory, and fails on command.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

/// How one request is treated. What is stored is decided before how it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// None.
    Well,
    Unavailable,
    UnavailableButStored,
    RetryInOneSecond,
    ResetNotStored,
    ResetButStored,
    /// Stored, and then nothing.
    Silence,
    HalfAnswer,
    WrongCount,
    NotJson,
    Unauthorized,
    /// The organization of the contract's 404 is not the one that a wrong address gives.
    NoSuchRoute,
}

pub const FAULTS: [Fault; 8] = [
    Fault::Well,
    Fault::Unavailable,
    Fault::UnavailableButStored,
    Fault::ResetNotStored,
    Fault::ResetButStored,
    Fault::HalfAnswer,
    Fault::WrongCount,
    Fault::NotJson,
];

#[derive(Default)]
struct World {
    faults: VecDeque<Fault>,
    keys: HashMap<String, Value>,
    events: Vec<Value>,
    requests: usize,
    /// More are answered with 413.
    items_max: Option<usize>,
}

#[derive(Clone)]
pub struct Server {
    world: Arc<Mutex<World>>,
    pub url: String,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address")).await
    }

    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let world = Arc::new(Mutex::new(World::default()));
        let routes = Router::new().route("/v1/audit_log_events/batch", post(batch)).with_state(Arc::clone(&world));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { world, url }
    }

    fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().expect("unpoisoned"))
    }

    /// One for each of the next requests; then all is well.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.world(|world| world.faults = faults.into_iter().collect());
    }

    pub fn take_at_most(&self, items: usize) {
        self.world(|world| world.items_max = Some(items));
    }

    /// As after 24 hours.
    pub fn forget_keys(&self) {
        self.world(|world| world.keys.clear());
    }

    pub fn requests(&self) -> usize {
        self.world(|world| world.requests)
    }

    /// The numbers of all stored events, in order.
    pub fn numbers(&self) -> Vec<usize> {
        let number = |event: &Value| event["event"]["actor"]["id"].as_str().and_then(|id| id.parse().ok()).expect("a number");
        self.world(|world| world.events.iter().map(number).collect())
    }
}

async fn batch(State(world): State<Arc<Mutex<World>>>, headers: HeaderMap, body: Bytes) -> Response {
    match answer(&world, &headers, &body) {
        Some(response) => response,
        None => std::future::pending().await,
    }
}

/// `None`: never.
fn answer(world: &Mutex<World>, headers: &HeaderMap, body: &Bytes) -> Option<Response> {
    let mut world = world.lock().expect("unpoisoned");
    world.requests += 1;
    let text = if headers.contains_key("content-encoding") { gunzip(body) } else { body.to_vec() };
    let items: Vec<Value> =
        text.split(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).expect("an item")).collect();
    if world.items_max.is_some_and(|max| items.len() > max) {
        return Some(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    }
    let fault = world.faults.pop_front().unwrap_or(Fault::Well);
    match fault {
        Fault::Unavailable => return Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        Fault::RetryInOneSecond => return Some((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response()),
        Fault::ResetNotStored => reset(world),
        Fault::Unauthorized => return Some((StatusCode::UNAUTHORIZED, Json(json!({"message": "Unauthorized"}))).into_response()),
        Fault::NoSuchRoute => return Some((StatusCode::NOT_FOUND, Json(json!({"message": "Not Found"}))).into_response()),
        _ => {}
    }
    let results: Vec<Value> = items.into_iter().map(|item| world.store(item)).collect();
    let count = |status: &str| results.iter().filter(|result| result["status"] == status).count();
    let mut answer =
        json!({"stored": count("stored"), "replayed": count("replayed"), "refused": count("refused"), "results": results});
    Some(match fault {
        Fault::Silence => return None,
        Fault::UnavailableButStored => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::ResetButStored => reset(world),
        Fault::HalfAnswer => half(&answer.to_string()),
        Fault::WrongCount => {
            answer["results"].as_array_mut().expect("results").pop();
            Json(answer).into_response()
        }
        Fault::NotJson => "<html>all is well</html>".into_response(),
        _ => Json(answer).into_response(),
    })
}

impl World {
    fn store(&mut self, item: Value) -> Value {
        let key = item["idempotency_key"].as_str().expect("a key").to_owned();
        let action = item["event"]["action"].as_str().expect("an action");
        match self.keys.get(&key) {
            Some(known) if *known == item => return json!({"status": "replayed"}),
            Some(_) => return json!({"status": "refused", "message": "another key", "http_status": 400}),
            None => {}
        }
        match action {
            "bad.schema" => {
                json!({"status": "refused", "message": "Invalid Audit Log event.", "code": "invalid_audit_log_event",
                    "errors": [{"instancePath": "/targets", "message": "must contain a team"}], "http_status": 400})
            }
            "bad.organization" => {
                json!({"status": "refused", "message": "Organization not found", "code": "entity_not_found", "http_status": 404})
            }
            _ => {
                self.keys.insert(key, item.clone());
                self.events.push(item);
                json!({"status": "stored", "id": format!("evt_{:026}", self.events.len())})
            }
        }
    }
}

/// Ends the connection without an answer. Not a panic: nothing is printed.
fn reset(world: std::sync::MutexGuard<'_, World>) -> ! {
    drop(world);
    std::panic::resume_unwind(Box::new("reset"))
}

fn half(answer: &str) -> Response {
    let half = Bytes::copy_from_slice(&answer.as_bytes()[..answer.len() / 2]);
    let pieces = futures::stream::iter([Ok(half), Err(std::io::Error::other("the line is cut"))]);
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert("content-length", answer.len().into());
    response
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).expect("gzip");
    text
}
