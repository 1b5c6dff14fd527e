//! Recording while many idempotency keys of the last day are known, beside recording with none.

use std::time::Duration;

use super::recorder::Recorder;
use super::single::{Rounds, full_rate};
use crate::Fallible;
use crate::figure::{Comparison, Figure, Finding};
use crate::results::{Outcome, counted};
use crate::world::World;

const MEGABYTE: f64 = 1024.0 * 1024.0;

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let data = world.filled(world.with_keys())?;
    let folder = world.fresh("keys")?;
    let empty = world.empty_server(folder.path(), &[])?;
    let held = world.start(&data)?;
    let without = Recorder::on_new(world, &empty).await?.bodies;
    let with = Recorder::on_filled(world, &held).await?;
    outcome.note(format!(
        "{} keys of the last 22 hours, all alive; the same number of events is in the lake.",
        counted(data.filled.events)
    ));
    full_rate(&empty, &without, Duration::from_secs(1)).await?;
    full_rate(&held, &with, Duration::from_secs(1)).await?;
    held.reset_most_memory()?;
    let (mut of_empty, mut of_held, mut most) = (Rounds::default(), Rounds::default(), Vec::new());
    for _ in 0..world.sizes.rounds {
        of_empty.add(&full_rate(&empty, &without, world.sizes.round).await?);
        of_held.add(&full_rate(&held, &with, world.sizes.round).await?);
        most.push(held.memory()?.most as f64 / MEGABYTE);
    }
    let ratio = of_held.rate().median / of_empty.rate().median;
    outcome.find(
        Finding::new("64 connections, rate with the keys held", of_held.rate())
            .beside("with none", of_empty.rate())
            .compare(Comparison::new("of the rate with none", ratio, "×").at_least(0.85, 0.97)),
    );
    outcome.find(Finding::new("64 connections, p99 with the keys held", of_held.p99()).beside("with none", of_empty.p99()));
    // It only grows: the last round's is that of all.
    let most = Figure::once("MB", most.last().copied().unwrap_or(f64::NAN));
    let judged = Comparison::new("resident at most", most.median, "MB").at_most(800.0, 400.0);
    outcome.find(Finding::new("memory under full load with the keys held", most).compare(judged));
    Ok(())
}
