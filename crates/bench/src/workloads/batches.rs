//! Batches of 1,000 events as NDJSON, in short turns with COPY, and then without a pause while the lake takes them.

use std::time::{Duration, Instant};

use super::recorder::Recorder;
use crate::Fallible;
use crate::figure::{Comparison, Figure, Finding};
use crate::load::closed;
use crate::load::http::{Connection, get};
use crate::postgres::Cluster;
use crate::postgres::table::{copy_batches, create};
use crate::process::Server;
use crate::results::Outcome;
use crate::world::World;

const BATCH: usize = 1000;
/// Batches on their way at the same time, for both.
const CONNECTIONS: u32 = 4;
/// Parts of the long run.
const PARTS: u32 = 10;

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let folder = world.fresh("batches")?;
    let server = world.empty_server(folder.path(), &[])?;
    let Recorder { bodies, rows } = Recorder::on_new(world, &server).await?;
    let mut connection = Connection::open(server.address).await?;
    let mut request = Vec::new();
    bodies.write_batch(&mut request, BATCH);
    let stored = connection.json(&request).await?["stored"].as_u64();
    if stored != Some(BATCH as u64) {
        return Err(format!("of a batch of {BATCH} events {stored:?} were stored").into());
    }
    let ours = async |length| {
        let measured = closed(server.address, CONNECTIONS, length, |out| bodies.write_batch(out, BATCH)).await?;
        Fallible::Ok(measured.per_second() * BATCH as f64)
    };
    let mut theirs = Vec::new();
    let mut in_turns = Vec::new();
    {
        let cluster = Cluster::start().await?;
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(cluster.connect().await?);
        }
        create(&clients[0], true).await?;
        for _ in 0..world.sizes.rounds {
            in_turns.push(ours(world.sizes.round).await?);
            theirs.push(copy_batches(&clients, &rows, BATCH, world.sizes.round).await?);
        }
    }
    let (theirs, in_turns) = (Figure::of("events/s", &theirs), Figure::of("events/s", &in_turns));
    outcome.note(format!("{CONNECTIONS} batches of {BATCH} at a time, on each side a transaction and a sync for each."));
    outcome.find(
        Finding::new("short turns", in_turns.clone()).beside("PostgreSQL COPY", theirs.clone()).compare(Comparison::new(
            "of COPY",
            in_turns.median / theirs.median,
            "×",
        )),
    );

    let part = world.sizes.sustained / PARTS;
    let (mut rates, mut tails) = (Vec::new(), Vec::new());
    for _ in 0..PARTS {
        let watch = watch_tail(&server, part);
        let (rate, most) = futures::future::try_join(ours(part), watch).await?;
        rates.push(rate);
        tails.push(most);
    }
    let rate = Figure::of("events/s", &rates);
    outcome.find(
        Finding::new(format!("{} s without a pause, flushing", world.sizes.sustained.as_secs()), rate.clone())
            .beside("PostgreSQL COPY, short turns", theirs.clone())
            .compare(Comparison::new("of COPY", rate.median / theirs.median, "×").at_least(2.0, 5.0)),
    );
    // The first parts fill the tail up to where a flush begins.
    let half = |tails: &[f64]| Figure::of("events", tails).median;
    let (early, late) = (half(&tails[1..5]), half(&tails[5..]));
    let judged =
        Comparison::new("most events in the tail, second half ÷ first half", late / early.max(1.0), "×").at_most(1.25, 1.1);
    outcome.find(Finding::new("most events in the tail, each tenth of the time", Figure::of("events", &tails)).compare(judged));
    Ok(())
}

/// The most records that wait for the lake within a time.
async fn watch_tail(server: &Server, length: Duration) -> Fallible<f64> {
    let started = Instant::now();
    let mut connection = Connection::open(server.address).await?;
    let mut most = 0.0_f64;
    while started.elapsed() < length {
        let answer = connection.send(&get("/metrics", &server.key)).await?;
        let text = String::from_utf8_lossy(connection.body(&answer)).into_owned();
        let waiting = text.lines().find_map(|line| line.strip_prefix("annals_tail_records ")?.trim().parse::<f64>().ok());
        most = most.max(waiting.ok_or("the metrics have no annals_tail_records")?);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(most)
}
