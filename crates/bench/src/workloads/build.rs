//! The release build from nothing. Runs only when it is named: it takes a quarter of an hour and more.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Fallible;
use crate::figure::{Comparison, Figure, Finding};
use crate::results::Outcome;
use crate::world::World;

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let target = world.fresh("build")?;
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let started = Instant::now();
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--package", "annals", "--target-dir"]).arg(target.path());
    let status = build.current_dir(&world.source).stdin(Stdio::null()).status()?;
    if !status.success() {
        return Err("the build fails".into());
    }
    let minutes = Figure::once("min", started.elapsed().as_secs_f64() / 60.0);
    outcome.note(format!("On {} cores, with every dependency fetched before.", world.machine.cores));
    let judged = Comparison::new("takes", minutes.median, "min").at_most(19.0, 14.0);
    outcome.find(Finding::new("release build from clean", minutes).compare(judged));
    Ok(())
}
