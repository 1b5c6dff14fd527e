//! What every handler can reach. Cheap to clone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use annals_engine::tenants::{Scope, Shares, Turn, Turns};
use annals_engine::{Engine, Readiness};
use axum::extract::FromRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::glance::Glance;
use super::limits::Limits;
use super::metrics::Metrics;
use super::problem::Problem;
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
    limits: Limits,
    readiness: Glance<Readiness>,
    background: TaskTracker,
    batch_bodies: Turns,
    batches: Arc<Semaphore>,
    tails: Turns,
    stopping: CancellationToken,
}

/// Needs no key, and asks database and lake: not more often than this.
const READINESS: Duration = Duration::from_millis(250);
/// Bodies of batches that are held or on their way at a time. Others wait before their body is read.
const BATCH_BODIES: Shares = Shares { all: 32, of_environment: 16, of_organization: 4 };
/// Batches that are unpacked, parsed and stored at a time: with the parsed events a batch takes several times its body's size.
const BATCHES_MAX: usize = 4;
/// Parts of the readers that may follow: an environment's own keys have one of so many, and so has an organization.
const TAILS_OF_ENVIRONMENT: usize = 2;
const TAILS_OF_ORGANIZATION: usize = 10;

impl App {
    /// `address` is the listener's own.
    #[must_use]
    pub fn new(config: Config, engine: Engine, address: SocketAddr) -> Self {
        let metrics = Metrics::of_this_process();
        let all = config.tails_max;
        let of_organization = all.div_ceil(TAILS_OF_ORGANIZATION);
        let tails = Turns::new(Shares { all, of_environment: all.div_ceil(TAILS_OF_ENVIRONMENT), of_organization });
        let limits = Limits::new(&config);
        let inner = Inner {
            config,
            engine,
            address,
            metrics,
            limits,
            readiness: Glance::new(READINESS),
            background: TaskTracker::new(),
            batch_bodies: Turns::new(BATCH_BODIES),
            batches: Arc::new(Semaphore::new(BATCHES_MAX)),
            tails,
            stopping: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
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
    pub(super) fn limits(&self) -> &Limits {
        &self.inner.limits
    }
    /// Which parts work, or did a moment ago.
    pub(super) async fn readiness(&self) -> Readiness {
        self.inner.readiness.or_look(self.inner.engine.readiness()).await
    }
    /// Work that must go on when the client hangs up.
    pub(super) fn background(&self) -> &TaskTracker {
        &self.inner.background
    }

    /// A turn to send the body of a batch. A slow sender keeps its own turn only.
    pub(super) async fn batch_body_turn(&self, scope: &Scope) -> Result<Turn, Problem> {
        let turn = self.inner.batch_bodies.turn(scope.owner());
        tokio::time::timeout(self.inner.config.body_timeout, turn).await.map_err(|_| Problem::too_many_batches())
    }

    /// A turn to work on a batch that is here.
    pub(super) async fn batch_permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.inner.batches).acquire_owned();
        match tokio::time::timeout(self.inner.config.body_timeout, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Problem::too_many_batches()),
        }
    }

    /// A place for one more reader that stays.
    pub(super) fn tail_seat(&self, scope: &Scope) -> Result<Turn, Problem> {
        self.inner.tails.try_turn(scope.owner()).ok_or_else(Problem::too_many_tails)
    }
    /// Cancelled when no more requests are taken: answers without an end must end then.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.inner.stopping.clone()
    }
    pub(crate) fn begin_stop(&self) {
        self.inner.stopping.cancel();
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
