//! `annals bench ways`: the same events by the three ways in – one by one, in batches, through the emitter – against one server, in
//! turns. Only the ratios mean something.

use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use annals_client::Client;
use annals_client::emitter::{Emitter, Mode, NotEmitted, Spool};
use annals_client::wire::BatchItem;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::ingest::load::{self, Target};
use super::ingest::process::Child;

const KEY: &str = "sk_bench_ways_0123456789";
/// Batches on their way at the same time.
const BATCHES_IN_FLIGHT: usize = 4;
/// Emitted events whose place on disk is awaited at the same time: as many as a busy service has requests.
const SPOOLED_IN_FLIGHT: usize = 1024;

type Fallible<T> = Result<T, Box<dyn Error>>;

#[derive(Debug, clap::Args)]
pub struct WaysArgs {
    /// Connections of the first way, each with one request at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub connections: u32,
    /// Events of one batch
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub batch: u64,
    /// Length of one round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Rounds of each way, in turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Different events that are sent again and again
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1000..=1_000_000))]
    pub bodies: u64,
}

/// What all ways share.
struct Course {
    address: SocketAddr,
    client: Client,
    bodies: Vec<Vec<u8>>,
    items: Vec<BatchItem>,
    spool: PathBuf,
    connections: u32,
    batch: usize,
    length: Duration,
}

pub fn run(args: &WaysArgs) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("annals-bench-{}", std::process::id()));
    let measured = measure(args, &folder);
    // The folder is ours alone; what cannot be removed is left in the system's temporary folder.
    let _ = std::fs::remove_dir_all(&folder);
    let rates = measured?.map(median);
    for (name, rate) in ["one by one", "batches", "emitter, memory", "emitter, spool"].into_iter().zip(rates) {
        println!("{name:<18}{rate:>9.0} events/s  {:>5.2} × one by one", rate / rates[0]);
    }
    Ok(())
}

fn measure(args: &WaysArgs, folder: &Path) -> Fallible<[Vec<f64>; 4]> {
    let data = folder.join("data");
    let data = data.to_str().ok_or("the temporary folder has no readable name")?;
    let server = Child::start(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "warn"], KEY)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let organizations = const { NonZeroU32::new(1000).expect("not zero") };
        let bodies = load::bodies(server.address, KEY, args.bodies, organizations).await?;
        let items = bodies.iter().map(|body| serde_json::from_slice(body)).collect::<Result<_, _>>()?;
        let course = Course {
            address: server.address,
            client: Client::builder().api_key(KEY).base_url(format!("http://{}", server.address)).build()?,
            bodies,
            items,
            spool: folder.join("spool"),
            connections: args.connections,
            batch: usize::try_from(args.batch)?,
            length: Duration::from_secs(args.seconds),
        };
        // Warm: caches, connections, the write-ahead log's file.
        course.batches(Duration::from_secs(1)).await?;
        let mut rates: [Vec<f64>; 4] = Default::default();
        for _ in 0..args.rounds {
            rates[0].push(course.one_by_one().await?);
            rates[1].push(course.batches(course.length).await?);
            rates[2].push(course.emitter(Mode::FailClosed).await?);
            rates[3].push(course.emitter(Mode::Spool(Spool::at(&course.spool))).await?);
        }
        Ok(rates)
    })
}

impl Course {
    async fn one_by_one(&self) -> Fallible<f64> {
        let (address, connections) = (self.address, self.connections);
        let target = Target { address, key: KEY, bodies: &self.bodies, with_keys: true, connections };
        Ok(load::run(&target, self.length).await?.per_second())
    }

    /// As NDJSON, each item with a key of its own.
    async fn batches(&self, length: Duration) -> Fallible<f64> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let started = Instant::now();
        let lane = |_| async {
            let mut stored: usize = 0;
            while started.elapsed() < length {
                let from = NEXT.fetch_add(self.batch, Ordering::Relaxed);
                let mut lines = Vec::new();
                for number in from..from + self.batch {
                    let body = &self.bodies[number % self.bodies.len()];
                    // Before the closing brace: what a client does that keeps its events as text.
                    lines.extend_from_slice(&body[..body.len() - 1]);
                    lines.extend_from_slice(format!(",\"idempotency_key\":\"{number}-{}\"}}\n", std::process::id()).as_bytes());
                }
                stored += self.client.audit_events().batch_lines(Bytes::from(lines)).await?.stored as usize;
            }
            Fallible::Ok(stored)
        };
        let stored: usize = futures::future::try_join_all((0..BATCHES_IN_FLIGHT).map(lane)).await?.into_iter().sum();
        Ok(stored as f64 / started.elapsed().as_secs_f64())
    }

    /// From the first `emit` until the server has the last event.
    async fn emitter(&self, mode: Mode) -> Fallible<f64> {
        // In memory there is nothing to wait for.
        let in_flight = if matches!(mode, Mode::Spool(_)) { SPOOLED_IN_FLIGHT } else { 1 };
        let emitter = Emitter::builder(self.client.clone()).mode(mode).batch(self.batch, 1024 * 1024).build()?;
        let started = Instant::now();
        let mut emits = FuturesUnordered::new();
        for item in self.items.iter().cycle() {
            if started.elapsed() >= self.length {
                break;
            }
            emits.push(emitter.emit(item.clone()));
            if emits.len() < in_flight {
                continue;
            }
            match emits.next().await {
                // Events come in faster than they go out: this one is not counted.
                Some(Err(NotEmitted::QueueFull)) => tokio::time::sleep(Duration::from_millis(1)).await,
                Some(Err(error)) => return Err(error.into()),
                _ => {}
            }
        }
        while emits.next().await.is_some() {}
        if !emitter.flush().await {
            return Err("the emitter ended before everything was sent".into());
        }
        let elapsed = started.elapsed();
        let stats = emitter.shutdown(Duration::from_secs(10)).await;
        Ok(stats.sent as f64 / elapsed.as_secs_f64())
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
