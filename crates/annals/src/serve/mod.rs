//! `annals serve`: opens the engine, listens, and drains when asked to stop.

mod config;
mod files;
mod greeting;

use std::sync::Arc;

use annals_engine::{Engine, OpenError, SystemClock};
use tokio::net::TcpListener;

pub use config::ServeArgs;
use config::ServeConfig;
use greeting::FirstKey;

use crate::commands::Failed;
use crate::logs;
use crate::signals::Signals;

/// Runs until a signal. Returns when everything that was accepted is durable and answered.
///
/// # Errors
/// A setting is wrong, the server cannot start, or it failed while it stopped.
pub fn run(args: ServeArgs) -> Result<(), Failed> {
    let config = ServeConfig::from_args(args).map_err(Failed::usage)?;
    logs::start(config.log_format, &config.log_level).map_err(Failed::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(config));
    // A merge of keys may still run on another thread; the next start removes what it leaves unfinished.
    runtime.shutdown_background();
    served
}

async fn serve(mut config: ServeConfig) -> Result<(), Failed> {
    // The port comes first: when it is taken, no data folder is made.
    let cannot_listen = |error| Failed::other(format!("cannot listen on {}: {error}", config.listen));
    let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;
    config.server.connections_max = files::connections_max(config.server.connections_max);
    let opened = Engine::open(config.engine.clone(), Arc::new(SystemClock)).await.map_err(cannot_open)?;
    if opened.first_key_ignored {
        tracing::warn!("ANNALS_API_KEY is not a key of this database, which has its first key already: requests with it get 401");
    }
    let data = config.engine.data.canonicalize().unwrap_or(config.engine.data);
    tracing::info!(url = %format!("http://{address}"), data = %data.display(), "listening");
    let first = opened.first_key.as_ref().map(|key| if config.first_key_given { FirstKey::Given } else { FirstKey::Drawn(key) });
    greeting::print(address, &data, first)?;
    let served = annals_server::run(config.server, opened.engine.clone(), listener, stop).await;
    opened.engine.close().await;
    tracing::info!("stopped");
    Ok(served?)
}

fn cannot_open(error: OpenError) -> Failed {
    if error.is_wrong_url() { Failed::usage(error.to_string()) } else { Failed::other(error) }
}

/// Resolves at the first SIGTERM or Ctrl-C. A second one ends the process at once.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = Signals::new()?;
    Ok(async move {
        signals.next().await;
        tracing::info!("stopping: finishing what was accepted; signal again to end at once");
        tokio::spawn(async move {
            signals.next().await;
            std::process::exit(130);
        });
    })
}
