//! One event a request, each durable before it is answered and with a fresh idempotency key.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::recorder::Recorder;
use crate::Fallible;
use crate::figure::{Comparison, Figure, Finding};
use crate::load::events::Bodies;
use crate::load::{Measured, closed};
use crate::postgres::Cluster;
use crate::postgres::table::{Inserters, create};
use crate::process::Server;
use crate::results::Outcome;
use crate::world::World;

const WARM: Duration = Duration::from_secs(1);

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let folder = world.fresh("single")?;
    let server = world.empty_server(folder.path(), &[])?;
    let handler = Server::handler(&world.annals)?;
    let Recorder { bodies, rows } = Recorder::on_new(world, &server).await?;
    let cluster = Cluster::start().await?;
    create(&cluster.connect().await?, true).await?;
    outcome.note("Each body is an event of about 620 bytes; 64 connections are 64 requests at a time. PostgreSQL gets one prepared `INSERT` an event over its own socket, without HTTP.");
    closed(server.address, 64, WARM, |out| bodies.write_one(out)).await?;
    closed(handler.address, 64, WARM, |out| bodies.write_one(out)).await?;
    for connections in [1, 64, 512] {
        let inserters = Inserters::new(&cluster, connections).await?;
        inserters.run(&rows, WARM).await?;
        let (mut ours, mut ceiling, mut theirs, mut syncs) =
            (Rounds::default(), Rounds::default(), Rounds::default(), Vec::new());
        for _ in 0..world.sizes.rounds {
            ceiling.add(&closed(handler.address, connections, world.sizes.round, |out| bodies.write_one(out)).await?);
            ours.add(&closed(server.address, connections, world.sizes.round, |out| bodies.write_one(out)).await?);
            theirs.add(&inserters.run(&rows, world.sizes.round).await?);
            syncs.push(sync_milliseconds(folder.path())?);
        }
        outcome.find(rates(connections, &ours, &ceiling, &theirs));
        outcome.find(latencies(connections, &ours, &ceiling, &theirs, &syncs));
    }
    Ok(())
}

#[derive(Default)]
pub struct Rounds {
    rates: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Rounds {
    pub fn add(&mut self, measured: &Measured) {
        self.rates.push(measured.per_second());
        self.p50.push(measured.percentile(50.0));
        self.p99.push(measured.percentile(99.0));
    }
    pub fn rate(&self) -> Figure {
        Figure::of("requests/s", &self.rates)
    }
    pub fn p50(&self) -> Figure {
        Figure::of("ms", &self.p50)
    }
    pub fn p99(&self) -> Figure {
        Figure::of("ms", &self.p99)
    }
}

fn rates(connections: u32, ours: &Rounds, ceiling: &Rounds, theirs: &Rounds) -> Finding {
    let rate = ours.rate();
    let mut of_ceiling = Comparison::new("of the handler that only parses", rate.median / ceiling.rate().median, "×");
    let mut of_theirs = Comparison::new("of PostgreSQL", rate.median / theirs.rate().median, "×");
    if connections == 64 {
        of_ceiling = of_ceiling.at_least(0.6, 0.8);
        of_theirs = of_theirs.at_least(2.5, 4.0);
    }
    Finding::new(format!("{connections} connections, rate"), rate)
        .beside("handler that only parses (C0)", ceiling.rate())
        .beside("PostgreSQL, one INSERT an event", theirs.rate())
        .compare(of_ceiling)
        .compare(of_theirs)
}

fn latencies(connections: u32, ours: &Rounds, ceiling: &Rounds, theirs: &Rounds, syncs: &[f64]) -> Finding {
    let (p50, sync) = (ours.p50(), Figure::of("ms", syncs));
    let finding = Finding::new(format!("{connections} connections, p50"), p50.clone())
        .beside("p99", ours.p99())
        .beside("handler that only parses (C0), p50", ceiling.p50())
        .beside("PostgreSQL, p50", theirs.p50());
    if connections > 1 {
        return finding;
    }
    let floor = ceiling.p50().median + sync.median;
    finding
        .beside("fdatasync of 4 KiB into a file that has its size", sync)
        .compare(Comparison::new("of loopback request + fdatasync", p50.median / floor, "×").at_most(3.0, 2.0))
}

/// The median time of a write of 4 KiB that becomes durable where the file does not grow.
fn sync_milliseconds(folder: &Path) -> Fallible<f64> {
    const BLOCK: usize = 4096;
    const BLOCKS: u64 = 256;
    let path = folder.join("fdatasync");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    file.write_all_at(&vec![1; BLOCK * BLOCKS as usize], 0)?;
    file.sync_all()?;
    let mut times = Vec::new();
    for block in 0..BLOCKS {
        let started = Instant::now();
        file.write_all_at(&[2; BLOCK], block * BLOCK as u64)?;
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Figure::of("ms", &times).median)
}

/// Recording at 64 connections: what other workloads take as full load.
pub async fn full_rate(server: &Server, bodies: &Bodies, length: Duration) -> Fallible<Measured> {
    closed(server.address, 64, length, |out| bodies.write_one(out)).await
}
