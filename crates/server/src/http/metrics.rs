//! Counts and times of requests, and `GET /metrics`. Labels come from our own route templates, so strangers cannot make new series.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::http::{Method, Request, StatusCode, header};
use axum::response::IntoResponse;
use metrics::{Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use super::App;

const REQUESTS: &str = "annals_http_requests_total";
const DURATION: &str = "annals_http_request_duration_seconds";
const IN_FLIGHT: &str = "annals_http_requests_in_flight";

const DURATION_BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
const UPKEEP_PAUSE: Duration = Duration::from_secs(5);

/// The numbers of this process: ours and the engine's.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    in_flight: Gauge,
    /// By route. Looking a series up in the recorder costs more than answering a small request, so they are kept.
    series: Arc<RwLock<HashMap<String, Vec<Series>>>>,
}

#[derive(Clone)]
struct Series {
    method: &'static str,
    status: StatusCode,
    requests: Counter,
    duration: Histogram,
}

impl Metrics {
    /// The recorder is the process's own, made at the first call: several servers in one process share it.
    pub fn of_this_process() -> Self {
        static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = RECORDER.get_or_init(|| {
            let builder = PrometheusBuilder::new().set_buckets(&DURATION_BUCKETS).expect("the list of buckets is not empty");
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("the process has another metrics recorder: /metrics stays empty");
            }
            describe_counter!(REQUESTS, "Requests answered, by method, route and status");
            describe_histogram!(DURATION, metrics::Unit::Seconds, "Time from a request's head to its answer's head");
            describe_gauge!(IN_FLIGHT, "Requests being answered");
            handle
        });
        Self { handle: handle.clone(), in_flight: gauge!(IN_FLIGHT), series: Arc::default() }
    }

    /// Folds recorded times into buckets until stopped; without it they pile up while nobody reads `/metrics`.
    pub async fn keep_up(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(UPKEEP_PAUSE)).await.is_some() {
            self.handle.run_upkeep();
        }
    }

    /// Starts the clock of one request.
    pub fn begin(&self, request: &Request<Body>) -> Running {
        self.in_flight.increment(1.0);
        Running {
            metrics: self.clone(),
            method: known_method(request.method()),
            route: request.extensions().get::<MatchedPath>().cloned(),
            since: Instant::now(),
        }
    }

    fn series(&self, route: &str, method: &'static str, status: StatusCode) -> Series {
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let same = |series: &&Series| series.method == method && series.status == status;
        if let Some(series) = known.get(route).and_then(|of_route| of_route.iter().find(same)) {
            return series.clone();
        }
        drop(known);
        let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
        let series = Series { method, status, requests: counter!(REQUESTS, &labels), duration: histogram!(DURATION, &labels) };
        let mut known = self.series.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(route.to_owned()).or_default().push(series.clone());
        series
    }
}

/// A request that is being answered. Dropped without an end when the client hangs up.
pub struct Running {
    metrics: Metrics,
    method: &'static str,
    route: Option<MatchedPath>,
    since: Instant,
}

impl Running {
    pub fn method(&self) -> &'static str {
        self.method
    }
    pub fn route(&self) -> &str {
        self.route.as_ref().map_or("unmatched", MatchedPath::as_str)
    }
    pub fn end(self, status: StatusCode) {
        let series = self.metrics.series(self.route(), self.method, status);
        series.requests.increment(1);
        series.duration.record(self.since.elapsed());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.metrics.in_flight.decrement(1.0);
    }
}

fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Read the server's metrics
///
/// Prometheus text. Needs no API key.
#[utoipa::path(
    get, path = "/metrics", tag = "server", security(()),
    responses((status = 200, description = "Prometheus text format 0.0.4", body = String, content_type = "text/plain"))
)]
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics().handle.render())
}
