//! What is measured. Each workload stands for itself: one that fails leaves the others alone.

mod batches;
mod build;
mod disk;
mod export;
mod filters;
mod keys;
mod memory;
mod pages;
mod recorder;
mod restart;
mod single;

use std::pin::Pin;

use crate::Fallible;
use crate::results::Outcome;
use crate::settings::Sizes;
use crate::world::World;

type Running<'a> = Pin<Box<dyn Future<Output = Fallible<()>> + 'a>>;

#[derive(Clone, Copy)]
pub struct Workload {
    pub name: &'static str,
    pub title: &'static str,
    /// Bytes on the disk that it takes for itself.
    pub room: fn(&Sizes) -> u64,
    /// Whether it uses the data sets that are kept until the end of the run.
    pub shares_data: bool,
    pub run: for<'a> fn(&'a mut World, &'a mut Outcome) -> Running<'a>,
}

macro_rules! workload {
    ($module:ident, $title:literal, $room:expr, $shares_data:literal) => {
        Workload {
            name: stringify!($module),
            title: $title,
            room: $room,
            shares_data: $shares_data,
            run: |world, outcome| Box::pin($module::run(world, outcome)),
        }
    };
}

/// In the order in which they run and are reported.
pub const ALL: [Workload; 10] = [
    workload!(single, "One durable event a request", |sizes| u64::from(sizes.rounds) * 2_000_000_000, false),
    workload!(batches, "Batches of 1,000 events", |sizes| 60_000_000 * sizes.sustained.as_secs().max(5), false),
    workload!(disk, "Room on disk", |sizes| sizes.single_set * 3000, false),
    workload!(export, "Export to CSV", |sizes| sizes.single_set * 4000, true),
    workload!(pages, "First page of an organization", |sizes| sizes.sets[1].min(10_000_000) * 1600 + 2_000_000_000, true),
    workload!(filters, "Filtered pages and text", |_| 100_000_000, true),
    workload!(restart, "Restart", |sizes| sizes.tail * 2000, true),
    workload!(keys, "Many idempotency keys held", |sizes| u64::from(sizes.rounds) * 500_000_000, true),
    workload!(memory, "Memory", |_| 2_000_000_000, true),
    workload!(build, "Release build", |_| 6_000_000_000, false),
];

/// Only when it is named.
const ON_DEMAND: &str = "build";

/// The order of the command line is not kept.
pub fn wanted(names: &[String]) -> Fallible<Vec<Workload>> {
    let known = ALL.map(|workload| workload.name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("no workload is called {unknown}: {}", known.join(", ")).into());
    }
    let is_wanted =
        |workload: &Workload| (names.is_empty() && workload.name != ON_DEMAND) || names.iter().any(|name| name == workload.name);
    Ok(ALL.into_iter().filter(is_wanted).collect())
}
