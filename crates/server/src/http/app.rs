//! What every handler can reach. Cheap to clone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use annals_engine::Engine;
use axum::extract::FromRef;
use tokio_util::task::TaskTracker;

use super::metrics::Metrics;
use crate::Config;

#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    engine: Engine,
    address: SocketAddr,
    metrics: Metrics,
    background: TaskTracker,
}

impl App {
    /// `address` is the listener's own.
    #[must_use]
    pub fn new(config: Config, engine: Engine, address: SocketAddr) -> Self {
        let metrics = Metrics::of_this_process();
        Self { inner: Arc::new(Inner { config, engine, address, metrics, background: TaskTracker::new() }) }
    }

    pub(super) fn config(&self) -> &Config {
        &self.inner.config
    }
    pub(super) fn engine(&self) -> &Engine {
        &self.inner.engine
    }
    pub(super) fn address(&self) -> SocketAddr {
        self.inner.address
    }
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }
    /// Work that must go on when the client hangs up.
    pub(super) fn background(&self) -> &TaskTracker {
        &self.inner.background
    }

    pub(crate) async fn finish_background_work(&self, within: Duration) {
        self.inner.background.close();
        if tokio::time::timeout(within, self.inner.background.wait()).await.is_err() {
            tracing::warn!("giving up on requests whose clients have left");
        }
    }
}

impl FromRef<App> for Engine {
    fn from_ref(app: &App) -> Self {
        app.engine().clone()
    }
}
