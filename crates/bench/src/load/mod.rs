//! Load from many connections, the same for every server: a closed loop for rates, a paced one for what happens beside it.

pub mod events;
pub mod http;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Fallible;
use http::Connection;

/// Fresh over the whole run, for idempotency keys.
pub fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One round.
pub struct Measured {
    pub elapsed: Duration,
    latencies: Histogram<u64>,
}

impl Measured {
    pub fn new() -> Fallible<Self> {
        Ok(Self { elapsed: Duration::ZERO, latencies: Histogram::new_with_bounds(1_000, 60_000_000_000, 3)? })
    }
    pub fn record(&mut self, latency: Duration) {
        self.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }
    pub fn count(&self) -> u64 {
        self.latencies.len()
    }
    pub fn per_second(&self) -> f64 {
        self.count() as f64 / self.elapsed.as_secs_f64()
    }
    /// In milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        self.latencies.value_at_quantile(percent / 100.0) as f64 / 1e6
    }
}

/// Each connection sends its next request when the last one is answered. `write` writes one.
pub async fn closed(address: SocketAddr, connections: u32, length: Duration, write: impl Fn(&mut Vec<u8>)) -> Fallible<Measured> {
    let measured = RefCell::new(Measured::new()?);
    let started = Instant::now();
    let lane = |_| async {
        let (mut connection, mut request) = (Connection::open(address).await?, Vec::new());
        while started.elapsed() < length {
            request.clear();
            write(&mut request);
            let sent = Instant::now();
            let answer = connection.send(&request).await?;
            measured.borrow_mut().record(sent.elapsed());
            if answer.status != 200 {
                let body = String::from_utf8_lossy(connection.body(&answer)).into_owned();
                return Err(format!("a request was answered with {}: {body}", answer.status).into());
            }
        }
        Fallible::Ok(())
    };
    futures::future::try_join_all((0..connections).map(lane)).await?;
    let mut measured = measured.into_inner();
    measured.elapsed = started.elapsed();
    Ok(measured)
}

/// Requests at a rate, on a thread of their own, until it is dropped.
pub struct Paced {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Result<u64, String>>>,
}

impl Paced {
    pub fn start(
        address: SocketAddr,
        connections: u32,
        per_second: f64,
        write: impl Fn(&mut Vec<u8>) + Send + 'static,
    ) -> Fallible<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
            let paced = paced(address, connections, per_second, &stopped, write);
            runtime.block_on(paced).map_err(|error| error.to_string())
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// How many were answered.
    pub fn finish(mut self) -> Fallible<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().ok_or("the load has ended")?;
        Ok(thread.join().map_err(|_| "the load ended by a panic")??)
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn paced(
    address: SocketAddr,
    connections: u32,
    per_second: f64,
    stop: &AtomicBool,
    write: impl Fn(&mut Vec<u8>),
) -> Fallible<u64> {
    let pause = Duration::from_secs_f64(f64::from(connections) / per_second.max(1.0));
    let answered = Cell::new(0);
    let lane = |number: u32| {
        let (write, answered) = (&write, &answered);
        async move {
            let mut connection = Connection::open(address).await?;
            let mut request = Vec::new();
            // A lane that is late sends at once, until it is in time again.
            let mut timer = tokio::time::interval_at(
                tokio::time::Instant::now() + pause.mul_f64(f64::from(number) / f64::from(connections)),
                pause,
            );
            while !stop.load(Ordering::Relaxed) {
                timer.tick().await;
                request.clear();
                write(&mut request);
                let answer = connection.send(&request).await?;
                if answer.status != 200 {
                    return Err(format!("a paced request was answered with {}", answer.status).into());
                }
                answered.set(answered.get() + 1);
            }
            Fallible::Ok(())
        }
    };
    futures::future::try_join_all((0..connections).map(lane)).await?;
    Ok(answered.get())
}
