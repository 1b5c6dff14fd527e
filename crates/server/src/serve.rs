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
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Config;
use crate::addresses::{Addresses, Counted};
use crate::http::{self, App};
use crate::patience::{Busy, Patient};

const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n\
    Retry-After: 1\r\nConnection: close\r\nContent-Length: 53\r\n\r\n{\"message\":\"Too many connections from this address.\"}";
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
                ((stream, peer), permit) = accept(&listener, &connections.permits) => connections.welcome(stream, peer, permit),
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
    permits: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    header_timeout: Duration,
    write_timeout: Duration,
    open: Gauge,
    refused: Counter,
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
        describe_gauge!("annals_connections", "Open connections");
        describe_counter!("annals_connections_refused_total", "Connections refused because their address has too many");
        describe_counter!(
            "annals_connections_cut_total",
            "Connections cut because the client sent or took nothing, by what it was about"
        );
        let each_max = if config.trust_forwarded_for { config.connections_max } else { config.connections_max.div_ceil(2) };
        Self {
            routes,
            http,
            permits: Arc::new(Semaphore::new(config.connections_max)),
            addresses: Addresses::new(config.connections_of_address_max.unwrap_or(each_max)),
            header_timeout: config.header_timeout,
            write_timeout: config.write_timeout,
            open: gauge!("annals_connections"),
            refused: counter!("annals_connections_refused_total"),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    fn welcome(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        match self.addresses.count(http::network(peer.ip())) {
            Some(counted) => self.serve(stream, peer, (permit, counted)),
            None => {
                self.refused.increment(1);
                // As far as it goes at once: nobody waits for those who have too many connections.
                let _ = stream.try_write(TOO_MANY_CONNECTIONS);
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, held: (OwnedSemaphorePermit, Counted)) {
        // Answers are single small writes: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let busy = Busy::default();
        let service = TowerToHyperService::new(http::connection(self.routes.clone(), peer, busy.clone()));
        let stream = Patient::new(stream, busy, self.header_timeout, self.write_timeout);
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        self.open.increment(1.0);
        let open = self.open.clone();
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
            open.decrement(1.0);
            drop(held);
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
