//! Accepts connections until told to stop, then lets running requests finish. Never accepts more than it can hold.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use annals_engine::Engine;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Config;
use crate::http::{self, App};
use crate::patience::Patient;

/// Out of file descriptors and the like: wait for connections to end instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the engine on the listener until `shutdown` ends. Afterwards no request runs any more.
///
/// # Errors
/// The listener has no address.
pub async fn run(config: Config, engine: Engine, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let app = App::new(config.clone(), engine, listener.local_addr()?);
    let connections = Connections::new(&config, http::router(app.clone()));
    let upkeep = tokio::spawn(app.metrics().clone().keep_up(connections.stop.clone()));
    {
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                ((stream, peer), permit) = accept(&listener, &connections.permits) => connections.serve(stream, peer, permit),
            }
        }
    }
    drop(listener);
    app.begin_stop();
    connections.drain(config.drain_timeout).await;
    app.finish_background_work(config.drain_timeout).await;
    upkeep.abort();
    Ok(())
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> ((TcpStream, SocketAddr), OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok(accepted) => return (accepted, permit),
            // The client went away between its connect and our accept.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The open connections.
struct Connections {
    routes: Router,
    http: http1::Builder,
    write_timeout: Duration,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Finish the running request, then close.
    stop: CancellationToken,
    /// Close now.
    cut: CancellationToken,
}

impl Connections {
    fn new(config: &Config, routes: Router) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(config.idle_timeout).half_close(true);
        Self {
            routes,
            http,
            write_timeout: config.write_timeout,
            permits: Arc::new(Semaphore::new(config.connections_max)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        // Answers are single small writes: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(http::connection(self.routes.clone(), peer));
        let connection = self.http.serve_connection(TokioIo::new(Patient::new(stream, self.write_timeout)), service);
        let (stop, cut) = (self.stop.clone(), self.cut.clone());
        self.tasks.spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                // A client that breaks the protocol or goes away is no event of ours.
                _ = connection.as_mut() => {}
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        _ = connection => {}
                        () = cut.cancelled() => {}
                    }
                }
            }
            drop(permit);
        });
    }

    async fn drain(&self, within: Duration) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(within, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "cutting connections whose requests did not finish in time");
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}
