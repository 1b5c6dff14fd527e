//! From the start of the process until `GET /ready` answers 200.

use std::time::Instant;

use super::recorder::Recorder;
use crate::Fallible;
use crate::figure::{Comparison, Figure, Finding};
use crate::load::http::Connection;
use crate::process::Server;
use crate::results::{Outcome, counted};
use crate::world::World;

const BATCH: usize = 1000;

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    after_kill(world, outcome).await?;
    let data = world.filled(world.history(world.sizes.sets[2]))?;
    // The first start after the filling finds more to do than any other.
    world.start(&data)?.stop()?;
    let mut times = Vec::new();
    for _ in 0..world.sizes.rounds {
        let started = Instant::now();
        let server = world.start(&data)?;
        server.ready().await?;
        times.push(started.elapsed().as_secs_f64());
        server.stop()?;
    }
    let ready = Figure::of("s", &times);
    let judged = Comparison::new("ready after", ready.median, "s").at_most(0.5, 0.25);
    outcome.find(Finding::new(format!("start with {} events in the lake", counted(data.filled.events)), ready).compare(judged));
    Ok(())
}

/// The lake takes nothing, so that all events are still in the commit log when the server is killed.
async fn after_kill(world: &World, outcome: &mut Outcome) -> Fallible<()> {
    let folder = world.fresh("restart")?;
    let start = || world.empty_server(folder.path(), &["--flush-events", "1000000", "--flush-seconds", "86400"]);
    let server = start()?;
    let bodies = Recorder::on_new(world, &server).await?.bodies;
    block_the_lake(&folder.path().join("data"))?;
    let mut connection = Connection::open(server.address).await?;
    for _ in 0..world.sizes.tail / BATCH as u64 {
        let mut request = Vec::new();
        bodies.write_batch(&mut request, BATCH);
        connection.json(&request).await?;
    }
    let mut running: Server = server;
    let mut times = Vec::new();
    for _ in 0..world.sizes.rounds {
        running.kill()?;
        let started = Instant::now();
        running = start()?;
        running.ready().await?;
        times.push(started.elapsed().as_secs_f64());
    }
    let ready = Figure::of("s", &times);
    let judged = Comparison::new("ready after", ready.median, "s").at_most(1.0, 0.5);
    outcome.find(
        Finding::new(format!("restart after kill -9 with {} events in the tail", counted(world.sizes.tail)), ready)
            .compare(judged),
    );
    outcome.note("For the restart after kill -9 the lake refuses to be written, so that no flush empties the tail before.");
    Ok(())
}

/// A file where the folder of a day has to be. Today's, and tomorrow's should midnight pass.
fn block_the_lake(data: &std::path::Path) -> Fallible<()> {
    for day in ["today", "tomorrow"] {
        let day = crate::process::output("date", &["--utc", "--date", day, "+%Y-%m-%d"])?;
        let table = data.join("lake").join("audit_events");
        std::fs::create_dir_all(&table)?;
        std::fs::write(table.join(format!("date={day}")), "")?;
    }
    Ok(())
}
